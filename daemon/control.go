package daemon

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"locum/console"
	"locum/heartbeat"
	"locum/wire"
)

const (
	maxCallers   = 64
	maxFollowers = 32      // of these: one that follows the events, or is stopped, stays for as long as it likes
	maxAsking    = 56      // of these: who asks the engine may wait; the rest is for status, which does not
	maxRequest   = 1 << 20 // a file to apply, in JSON
	callerQueue  = 512     // replies that a client has not read yet; one that lets them overflow is cut off
	engineAnswer = 500 * time.Millisecond
	clientWrite  = 10 * time.Second
)

// control is the control socket. Each connection has a goroutine, which posts what it asks to the heart's loop; calls
// belongs to that loop.
type control struct {
	h        *heart
	listener net.Listener
	places   places // of all
	follow   places // of those who follow the events
	asking   places // of those who ask the engine
	drifts   drifts
	lastID   uint64
	calls    map[uint64]*call
}

// listen opens the control socket, which only its owner may use. One that nobody answers on is replaced.
func listen(h *heart, path string) (*control, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("control socket %s: another locum answers on it; give this one its own --socket", path)
	}
	if err := ignoreMissing(os.Remove(path)); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	old := unix.Umask(0o177) // from the first moment on
	l, err := net.Listen("unix", path)
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	c := &control{h: h, listener: l, places: make(places, maxCallers), follow: make(places, maxFollowers), asking: make(places, maxAsking), calls: map[uint64]*call{}}
	go c.accept()
	return c, nil
}

func (c *control) close() { c.listener.Close() }

func (c *control) accept() {
	for {
		conn, err := c.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(100 * time.Millisecond) // no descriptors: some client will end
			continue
		}
		if !c.places.take() {
			refuse(conn, console.ExitFailed, fmt.Sprintf("%d clients are connected already", maxCallers))
			conn.Close()
			continue
		}
		go func() {
			defer c.places.leave()
			defer conn.Close()
			c.serve(conn)
		}()
	}
}

// places are so many that may do something at once.
type places chan struct{}

// take takes one if there is one; leave gives it back.
func (p places) take() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p places) leave() { <-p }

func refuse(conn net.Conn, code int, text string) {
	_ = reply(conn, console.Reply{Error: &console.Error{Code: code, Text: text}})
}

// reply writes one line; a client that does not read it in time is an error.
func reply(conn net.Conn, r console.Reply) error {
	r.Version = console.ProtocolVersion
	if err := conn.SetWriteDeadline(time.Now().Add(clientWrite)); err != nil {
		return err
	}
	return json.NewEncoder(conn).Encode(r)
}

// serve takes one request and answers it.
func (c *control) serve(conn net.Conn) {
	if err := conn.SetReadDeadline(time.Now().Add(clientWrite)); err != nil {
		return
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 4096), maxRequest)
	if !lines.Scan() {
		if errors.Is(lines.Err(), bufio.ErrTooLong) {
			refuse(conn, console.ExitUsage, fmt.Sprintf("a request of more than %d bytes", maxRequest))
		}
		return
	}
	r, err := parseRequest(lines.Bytes())
	switch {
	case err != nil:
		refuse(conn, console.ExitUsage, err.Error())
	case r.Verb == "paths":
		_ = reply(conn, c.paths())
	case r.Verb == "status":
		_ = reply(conn, c.status(r))
	case r.Verb == "leave":
		_ = reply(conn, inHeart(c.h, func() console.Reply { c.h.leave(); return console.Reply{} }))
	default:
		if r.Command != nil && r.Command.By == "" {
			r.Command.By = peerName(conn)
		}
		c.admit(conn, r)
	}
}

// admit forwards what there is a place for.
func (c *control) admit(conn net.Conn, r console.Request) {
	if r.Verb == "events" && r.Follow {
		if !c.follow.take() {
			refuse(conn, console.ExitFailed, fmt.Sprintf("%d clients follow the events already; end one of them, stopped ones too", maxFollowers))
			return
		}
		defer c.follow.leave()
	}
	if !c.asking.take() {
		refuse(conn, console.ExitFailed, fmt.Sprintf("%d clients wait for the engine already", maxAsking))
		return
	}
	defer c.asking.leave()
	c.forward(conn, r)
}

// parseRequest reads a line of a client; its errors are for people.
func parseRequest(line []byte) (r console.Request, err error) {
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("the request is not readable: %w", err)
	}
	if r.Version != console.ProtocolVersion {
		return r, fmt.Errorf("protocol %d, this is %d: locum and the command are of different versions", r.Version, console.ProtocolVersion)
	}
	return r, nil
}

// peerName says who asks, for the history: the user id of the other end (unix(7), SO_PEERCRED).
func peerName(conn net.Conn) string {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return ""
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ""
	}
	name := ""
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			name = "uid " + strconv.Itoa(int(cred.Uid))
		}
	})
	return name
}

// inHeart has the heart's loop find something out, and gives it.
func inHeart[T any](h *heart, find func() T) T {
	got := make(chan T, 1)
	h.w.post(func() { got <- find() })
	return <-got
}

func (c *control) paths() console.Reply {
	return inHeart(c.h, func() console.Reply {
		return console.Reply{Paths: c.h.notes(c.h.core.Paths(heartbeat.Now())), Names: c.h.names()}
	})
}

func (h *heart) names() map[wire.Node]string {
	names := map[wire.Node]string{}
	for _, n := range h.cfg.Nodes {
		names[n.Number] = n.Name
	}
	return names
}

// status asks the engine; if that takes too long, the heart's own word has to do.
func (c *control) status(request console.Request) console.Reply {
	own := inHeart(c.h, c.h.status)
	own.ConfigDrift = c.drifts.ask(c.h.o.ConfigFile, func() string { return drift(c.h.o, c.h.cfg) })
	x := c.call(request)
	defer c.hangUp(x)
	select {
	case a, open := <-x.answers:
		if open {
			a.Reply.Heart = own
			return a.Reply
		}
	case <-time.After(engineAnswer):
	}
	own.EngineUp = false
	return console.Reply{Heart: own}
}

// status is the heart's own word: what it knows now, not what an engine was told last.
func (h *heart) status() *console.HeartStatus {
	now, lease := heartbeat.Now(), h.core.Lease()
	st := &console.HeartStatus{Node: h.self.Name, Incarnation: uint32(h.life.Incarnation), EngineUp: h.engine.link != nil,
		Lease: lease.State, LeaseLeftMS: millisFrom(now, lease.Until), Refused: h.refused, Peers: []console.PeerStatus{}}
	delay := h.core.Delay()
	st.LateUS, st.WorstLateUS, st.WindowMS = delay.Recent.Microseconds(), delay.Worst.Microseconds(), h.cfg.Beat.Dead.Milliseconds()
	names := h.names()
	for _, p := range h.core.Peers() {
		peer := console.PeerStatus{Node: p.Node, Name: names[p.Node], State: p.State, Engine: p.EngineUp, Leaving: p.Leaving}
		if p.LastHeard != 0 {
			peer.SilentMS = millisFrom(p.LastHeard, now)
		}
		st.Peers = append(st.Peers, peer)
	}
	return st
}

// millisFrom is how long it is from one instant to a later one, 0 if that is past.
func millisFrom(from, to wire.Instant) int64 { return max(0, int64(to-from)/int64(time.Millisecond)) }

// forward has the engine answer, until its last word or until the client goes away.
func (c *control) forward(conn net.Conn, r console.Request) {
	if !inHeart(c.h, func() bool { return c.h.engine.link != nil }) {
		refuse(conn, console.ExitNotRunning, "the engine is down, and is started anew: nothing was done; locum status says what the heart knows")
		return
	}
	x := c.call(r)
	defer c.hangUp(x)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = conn.SetReadDeadline(time.Time{})
		_, _ = conn.Read(make([]byte, 1)) // nothing more is asked: this waits for the client's end
	}()
	for {
		select {
		case a, open := <-x.answers:
			if !open {
				refuse(conn, console.ExitFailed, "unknown: the engine went down, and is started anew; locum status says what is so")
				return
			}
			if reply(conn, a.Reply) != nil || a.Last {
				return
			}
		case <-gone:
			return
		}
	}
}
