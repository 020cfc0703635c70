package inm_test

import (
	"fmt"

	"locum/inm"
	"locum/wire"
)

// host is what a heart holds of itself and of one peer.
type host struct {
	name     string
	node     wire.Node
	seal     *wire.Sealer
	open     *wire.Opener
	shake    *wire.Handshake
	session  *inm.Session
	peerNode wire.Node
}

func newHost(name string, self, peer wire.Node, in wire.Incarnation, key wire.Key) *host {
	// Salt and seed come from the system's random source in earnest.
	salt, seed, boot, machine := wire.Salt{byte(self)}, [32]byte{byte(self)}, wire.ID{byte(self)}, wire.ID{byte(self)}
	seal, err := wire.NewSealer("office", key, self, in, salt)
	if err != nil {
		panic(err)
	}
	open, err := wire.NewOpener("office", []wire.Key{key}, wire.SetOf(1, 2), self, in, salt, machine)
	if err != nil {
		panic(err)
	}
	return &host{
		name: name, node: self, seal: seal, open: open, shake: wire.NewHandshake(seed, boot, machine),
		session: inm.New(wire.End{Incarnation: in, EngineStart: 1}), peerNode: peer,
	}
}

// tick sends what is due: a Hello, or what the session wants.
func (h *host) tick(now wire.Instant) (frames [][]byte) {
	_, admitted := h.open.Admitted(h.peerNode)
	if !admitted || h.shake.Due(now, h.peerNode) {
		hello := h.shake.Hello(now, h.peerNode, !admitted)
		frame, err := h.seal.Hello(nil, &hello)
		if err != nil {
			panic(err)
		}
		frames = append(frames, frame)
	}
	if next, ok := h.session.Next(); ok && next <= now {
		h.session.Due(now)
	}
	for _, o := range h.session.Outputs() {
		switch o := o.(type) {
		case inm.Transmit:
			frame, err := h.seal.Segment(nil, &o.Segment)
			if err != nil {
				panic(err)
			}
			frames = append(frames, frame)
		case inm.Deliver:
			fmt.Printf("%s: message %d: %s\n", h.name, o.Number, o.Payload)
			h.session.Took(now, o.Number) // the engine did
		case inm.Acked:
			fmt.Printf("%s: message with id %d was taken\n", h.name, o.ID)
		}
	}
	return frames
}

func (h *host) receive(now wire.Instant, path int, frame []byte) {
	var f wire.Frame
	drop := h.open.Open(path, frame, &f)
	if drop != wire.DropNone {
		fmt.Printf("%s: dropped: %s\n", h.name, drop)
		if drop != wire.DropOldLife {
			return
		}
	}
	switch f.Kind {
	case wire.KindHello:
		if g := h.shake.Heard(now, &f); g.Fresh && drop == wire.DropNone {
			if err := h.open.Admit(&f); err != nil {
				panic(err)
			}
			fmt.Printf("%s: node %d, incarnation %d, lives\n", h.name, f.Sender, f.Incarnation)
			// In earnest the number of the engine comes with the first beat.
			h.session.SetPeer(wire.End{Incarnation: f.Incarnation, EngineStart: 1})
			h.session.SetPaths(now, []inm.PathInfo{{MTU: wire.MaxFrame, Up: true}})
		}
	case wire.KindSegment:
		h.session.Receive(now, path, &f.Segment)
	}
}

// Two nodes admit each other; then one sends the other's engine a message.
func Example() {
	key, err := wire.ParseKey([]byte("3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=\n"))
	if err != nil {
		panic(err)
	}
	alpha, beta := newHost("alpha", 1, 2, 5, key), newHost("beta", 2, 1, 8, key)
	now := wire.Instant(1)
	exchange := func() {
		for range 3 {
			for _, frame := range alpha.tick(now) {
				beta.receive(now, 0, frame)
			}
			for _, frame := range beta.tick(now) {
				alpha.receive(now, 0, frame)
			}
			now += 1e8
		}
	}
	exchange()
	if err := alpha.session.Send(now, 77, []byte("start web")); err != nil {
		panic(err)
	}
	exchange()
	// Output:
	// alpha: node 2, incarnation 8, lives
	// beta: node 1, incarnation 5, lives
	// beta: message 1: start web
	// alpha: message with id 77 was taken
}
