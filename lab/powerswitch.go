package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"locum/wire"
)

// Manner is how the power switch behaves.
type Manner uint8

// The manners of a switch.
const (
	Obedient Manner = iota // does what it is told, and says what is so
	Failing                // answers everything with an error and does nothing
	Hanging                // takes the request and never answers, and does nothing
	Ignoring               // says that it did it, and does nothing; asked again, it says what is so
	Late                   // does it, and answers only after LateBy
	Lying                  // says that it did it, does nothing, and says that it did when asked again
)

var mannerNames = [...]string{"obedient", "failing", "hanging", "ignoring", "late", "lying"}

// String is the manner's name.
func (m Manner) String() string { return mannerNames[min(int(m), len(mannerNames)-1)] }

// Asked is one request of the power switch, and when its answer was about to be written: 0 for never.
type Asked struct {
	At, Answered wire.Instant
	From         netip.Addr
	Node, Verb   string // verb: off, on, status
	Answer       string
}

// PowerSwitch is a small switch on the network at PowerAddress: GET /outlet/NODE/off, /on and /status answer "on" or
// "off". It really ends a node, by Crash, and boots it again, with the node's OnBoot.
type PowerSwitch struct {
	world  *World
	server *http.Server
	ended  chan struct{}
	busy   sync.WaitGroup // requests under way

	mu     sync.Mutex
	manner map[string]Manner
	lateBy time.Duration
	said   map[string]string // what a lying switch says of an outlet
	log    []Asked
	failed error
}

func newPowerSwitch(w *World) (*PowerSwitch, error) {
	p := &PowerSwitch{world: w, ended: make(chan struct{}), manner: map[string]Manner{}, said: map[string]string{}, lateBy: 500 * time.Millisecond}
	var l net.Listener
	err := w.power.do(func() (err error) {
		l, err = net.Listen("tcp", netip.AddrPortFrom(PowerAddress, 80).String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("power switch: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /outlet/{node}/{verb}", p.serve)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 8 << 10}
	go func() {
		defer close(p.ended)
		if err := p.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.fail(err)
		}
	}()
	return p, nil
}

// URL is what to ask for one node's outlet; the verb is off, on or status.
func (p *PowerSwitch) URL(node, verb string) string {
	return fmt.Sprintf("http://%s/outlet/%s/%s", PowerAddress, node, verb)
}

// Behave has the switch treat a node's outlet in that manner from now on. lateBy is for Late.
func (p *PowerSwitch) Behave(node string, m Manner, lateBy time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.manner[node] = m
	if m == Late {
		p.lateBy = lateBy
	}
}

// Log is every request so far, in order of their arrival.
func (p *PowerSwitch) Log() []Asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// Err is what the switch could not do although it was obedient: a node that would not boot, for example.
func (p *PowerSwitch) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *PowerSwitch) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = errors.Join(p.failed, err)
}

func (p *PowerSwitch) serve(rw http.ResponseWriter, r *http.Request) {
	p.busy.Add(1)
	defer p.busy.Done()
	name, verb := r.PathValue("node"), r.PathValue("verb")
	n := p.world.Node(name)
	if n == nil || !slices.Contains([]string{"off", "on", "status"}, verb) {
		http.NotFound(rw, r)
		return
	}
	at := Now()
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	p.mu.Lock()
	i := len(p.log)
	p.log = append(p.log, Asked{At: at, From: from.Addr(), Node: name, Verb: verb})
	manner, late := p.manner[name], p.lateBy
	p.mu.Unlock()

	answer, status := "", http.StatusOK
	switch {
	case manner == Failing:
		answer, status = "relay board does not answer", http.StatusInternalServerError
	case manner == Hanging:
		<-r.Context().Done()
		return
	case verb == "status":
		answer = p.state(n, manner)
	case manner == Ignoring:
		answer = verb
	case manner == Lying:
		p.mu.Lock()
		p.said[name] = verb
		p.mu.Unlock()
		answer = verb
	default:
		answer = p.turn(n, verb)
	}
	if manner == Late && !rest(r.Context(), late) {
		return
	}
	p.mu.Lock()
	p.log[i].Answer, p.log[i].Answered = answer, Now()
	p.mu.Unlock()
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, answer+"\n") // whoever asked may have gone; that is its own affair
}

// state is what the switch says of an outlet.
func (p *PowerSwitch) state(n *Node, m Manner) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch said, ok := p.said[n.Name]; {
	case m == Lying && ok:
		return said
	case n.On():
		return "on"
	}
	return "off"
}

// turn really switches, and says what is so then.
func (p *PowerSwitch) turn(n *Node, verb string) string {
	var err error
	switch {
	case verb == "off":
		err = n.Crash()
	case !n.On():
		if err = n.Boot(); err == nil && n.OnBoot != nil {
			err = n.OnBoot(n)
		}
	}
	if err != nil {
		p.fail(err)
	}
	return p.state(n, Obedient)
}

// rest waits, unless the request ends before.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *PowerSwitch) close() error {
	err := p.server.Close()
	<-p.ended
	p.busy.Wait()
	return err
}
