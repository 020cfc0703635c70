package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"locum/lab"
	"locum/wire"
)

// errandVariable has an engine be one of the two below, which exchange messages and do nothing else: the hearts, their sockets
// and their paths are real, and each in a process of its own.
const errandVariable = "LOCUM_TEST_ERRAND"

// errand is what alpha's engine does: Count messages of Size bytes each to beta's, of which so many may be Under way, each Gap
// after the one before.
type errand struct {
	Count, Size, Under int
	Gap                time.Duration
}

// outcome is what it says of it.
type outcome struct {
	Trips []time.Duration // until beta's engine was known to have taken it
	Took  time.Duration   // in all
	Lost  int
}

// errandBoy is an engine that has an errand, or takes what it is sent.
type errandBoy struct {
	engine
	errand
	self  wire.Node
	sent  []time.Time
	begun bool
	next  <-chan time.Time
	said  outcome
}

// runErrand is the engine's process.
func runErrand() error {
	conn, err := heartConn()
	if err != nil {
		return err
	}
	e := &errandBoy{}
	if err := json.Unmarshal([]byte(os.Getenv(errandVariable)), &e.errand); err != nil {
		return err
	}
	e.conn, e.log = conn, func(level, text string) { fmt.Fprintln(os.Stderr, level, text) }
	if err := softenEngine(); err != nil {
		return err
	}
	records := make(chan record, 64)
	go e.read(records)
	for {
		select {
		case r, ok := <-records:
			if !ok {
				return nil
			}
			e.heard(r)
		case <-e.next:
			e.sendNext()
		}
	}
}

func (e *errandBoy) read(to chan<- record) {
	defer close(to)
	var j joiner
	for b := make([]byte, maxPacket); ; {
		k, err := e.conn.Read(b)
		if err != nil || k == 0 {
			return
		}
		body, whole, err := j.add(b[:k])
		if err != nil {
			return
		}
		if !whole {
			continue
		}
		if r, err := decodeRecord(body); err == nil {
			to <- r
		}
	}
}

func (e *errandBoy) heard(r record) {
	switch {
	case r.Setup != nil:
		e.self = r.Setup.Self
	case r.ToEngine == nil:
	case r.ToEngine.Ping != nil:
		e.tellHeart(wire.ToHeart{Pong: r.ToEngine.Ping})
	case r.ToEngine.Arrived != nil:
		e.tellHeart(wire.ToHeart{Took: &wire.Took{From: r.ToEngine.Arrived.From, Number: r.ToEngine.Arrived.Number}})
	case r.ToEngine.Peer != nil && e.self == 1 && !e.begun && r.ToEngine.Peer.EngineUp:
		e.begun = true
		e.next = time.After(time.Second) // greetings and paths have settled by then
	case r.ToEngine.Fate != nil:
		e.ended(*r.ToEngine.Fate)
	}
}

func (e *errandBoy) sendNext() {
	for e.next = nil; len(e.sent) < e.Count && len(e.sent)-len(e.said.Trips)-e.said.Lost < e.Under; {
		e.sent = append(e.sent, time.Now())
		e.tellHeart(wire.ToHeart{Send: &wire.Send{ID: uint64(len(e.sent)), To: 2, Payload: make([]byte, e.Size)}})
	}
}

func (e *errandBoy) ended(f wire.Fate) {
	if f.Outcome == wire.OutcomeDone {
		e.said.Trips = append(e.said.Trips, time.Since(e.sent[f.ID-1]))
	} else {
		e.said.Lost++
	}
	switch {
	case len(e.said.Trips)+e.said.Lost == e.Count:
		e.said.Took = time.Since(e.sent[0])
		b, _ := json.Marshal(e.said)
		fmt.Fprintf(os.Stderr, "errand %s\n", b)
	case e.Gap == 0:
		e.sendNext()
	default:
		e.next = time.After(e.Gap)
	}
}

// run has the engines of two nodes do an errand over the given path lines, and gives what alpha says of it. Plug comes before locum.
func run(b *testing.B, x errand, paths string, plug func(*lab.World)) outcome {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip(lab.ErrNotRoot)
	}
	text, err := json.Marshal(x)
	check(b, err)
	b.Setenv(errandVariable, string(text))
	w, err := lab.New(lab.Options{Nodes: 2, Programs: map[string]string{"locum": "/proc/self/exe"}})
	check(b, err)
	defer func() { check(b, w.Close()) }()
	file := fmt.Sprintf("cluster lab\nkey %[1]s/key\nnode 1 alpha\nnode 2 beta\nbeat every=100ms dead=1s\n%[2]stiebreak unsafe\n"+
		"service web nodes=alpha,beta stateless=yes\nresource web vip 192.0.2.100/24 dev=eth0\n", lab.NodeDir, paths)
	key, err := wire.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	check(b, err)
	said := make(chan string, 64)
	for _, n := range w.Nodes {
		check(b, n.Boot())
		check(b, n.WriteFile("locum.conf", []byte(file), 0o644))
		check(b, n.WriteFile("key", []byte(key), 0o600))
	}
	if plug != nil {
		plug(w)
	}
	var all []*lab.Process
	for _, n := range w.Nodes {
		words := fmt.Sprintf("%s=%q %q %q %q", runVariable, lab.NodeDir+"/locum.conf", n.Name, lab.NodeDir+"/state", lab.NodeDir+"/sock")
		p, err := n.Start(func(p []byte) { said <- string(p) }, "env", words, "locum", "run")
		check(b, err)
		all = append(all, p)
	}
	var o outcome
	check(b, awaitErrand(b.Context(), said, &o, all))
	if o.Lost > 0 {
		b.Errorf("%d messages were lost", o.Lost)
	}
	return o
}

func awaitErrand(ctx context.Context, said <-chan string, o *outcome, all []*lab.Process) error {
	end := time.After(2 * time.Minute)
	for text := ""; ; {
		select {
		case s := <-said:
			text += s
			if _, rest, found := strings.Cut(text, "errand {"); found && strings.Contains(rest, "\n") {
				line, _, _ := strings.Cut("{"+rest, "\n")
				return json.Unmarshal([]byte(line), o)
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return errors.New("the errand does not end: " + all[0].Output() + all[1].Output())
		}
	}
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// report gives the median, and the latest of ten, of what messages took there and back.
func report(b *testing.B, o outcome) {
	slices.Sort(o.Trips)
	n := len(o.Trips)
	b.ReportMetric(float64(o.Trips[n/2].Microseconds()), "µs/median")
	b.ReportMetric(float64(o.Trips[0].Microseconds()), "µs/least")
	b.ReportMetric(float64(o.Trips[n*9/10].Microseconds()), "µs/of-ten-nine")
	b.ReportMetric(0, "ns/op")
}

// newCable is a serial cable between the nodes, and its line of the file.
func newCable(b *testing.B, baud int) (*lab.Cable, string) {
	b.Helper()
	c, err := lab.NewCable(baud)
	check(b, err)
	b.Cleanup(func() { check(b, c.Close()) })
	return c, fmt.Sprintf("path serial null alpha=%s beta=%s baud=%d\n", c.Devices[0], c.Devices[1], baud)
}

const (
	udpLine      = "path udp lan alpha=192.0.2.1 beta=192.0.2.2\n"
	ethernetLine = "path ethernet cross alpha=eth0 beta=eth0\n"
)

// BenchmarkAMessageThereAndBack is from one engine until it knows that the other has taken the message.
func BenchmarkAMessageThereAndBack(b *testing.B) {
	b.Run("udp", func(b *testing.B) { report(b, run(b, errand{500, 32, 1, time.Millisecond}, udpLine, nil)) })
	b.Run("ethernet", func(b *testing.B) { report(b, run(b, errand{500, 32, 1, time.Millisecond}, ethernetLine, nil)) })
	for _, baud := range []int{19200, 115200} {
		for _, size := range []int{32, 300} {
			b.Run(fmt.Sprintf("serial %d, %d bytes", baud, size), func(b *testing.B) {
				_, line := newCable(b, baud)
				report(b, run(b, errand{60, size, 1, 37 * time.Millisecond}, line, nil))
			})
		}
	}
}
