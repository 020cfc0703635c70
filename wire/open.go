package wire

import (
	"crypto/cipher"
	"errors"
	"fmt"
)

// Opener opens what comes from other nodes. For each it holds the ciphers of one life, the one admitted last; all other
// lives can only say Hello.
type Opener struct {
	cluster string
	self    life
	machine ID
	nodes   Nodes
	keys    []Key
	tags    []tag
	peers   [MaxNodes]*admitted
	nonce   nonce
	scratch [MaxFrame]byte
}

// admitted is the life of a peer that was admitted last.
type admitted struct {
	life      life
	dismissed bool
	ciphers   []cipher.AEAD // one for each key
	beats     beats
	window    window // of Hellos and segments
}

// NewOpener makes an opener for a node that seals with the same arguments; nodes are all that the file names. Machine is
// this node's, to know its own Hellos, also of earlier lives, from those of another machine with the same number.
func NewOpener(cluster string, keys []Key, nodes Nodes, self Node, in Incarnation, salt Salt, machine ID) (*Opener, error) {
	if err := checkName(cluster, self); err != nil {
		return nil, err
	}
	o := &Opener{cluster: cluster, self: life{self, in, salt}, machine: machine, nodes: nodes}
	if err := o.SetKeys(keys...); err != nil {
		return nil, err
	}
	return o, nil
}

// SetKeys replaces the keys that are accepted, 1 to MaxKeys (SAFETY 24). Admitted lives stay so.
func (o *Opener) SetKeys(keys ...Key) error {
	if len(keys) < 1 || len(keys) > MaxKeys {
		return fmt.Errorf("opener: %d keys, want 1 to %d", len(keys), MaxKeys)
	}
	tags := make([]tag, len(keys))
	for i, k := range keys {
		if k.IsZero() {
			return errors.New("opener: no key")
		}
		t, err := tagOf(o.cluster, k)
		if err != nil {
			return err
		}
		tags[i] = t
	}
	o.keys, o.tags = append([]Key(nil), keys...), tags
	for _, p := range o.peers {
		if p == nil {
			continue
		}
		ciphers, err := o.ciphersOf(p.life)
		if err != nil {
			return err
		}
		p.ciphers = ciphers
	}
	return nil
}

// SetNodes replaces the nodes that may send. Those that are no longer named are forgotten, but for their incarnation.
func (o *Opener) SetNodes(nodes Nodes) {
	o.nodes = nodes
	for i, p := range o.peers {
		if p != nil && !nodes.Has(Node(i+1)) {
			p.dismissed = true
		}
	}
}

// Admit lets a life in whose Hello answered a challenge, and ends the one before. Only a newer life can be admitted, or
// the last one again after Dismiss. Its frames count from that Hello on: what it sent before does not.
func (o *Opener) Admit(f *Frame) error {
	if f.Kind != KindHello || f.Sender < 1 || f.Sender > MaxNodes {
		return fmt.Errorf("admit node %d: a %v cannot be admitted", f.Sender, f.Kind)
	}
	l := life{f.Sender, f.Incarnation, f.Salt}
	switch o.standing(l) {
	case StandingOlder:
		return fmt.Errorf("admit node %d: incarnation %d is not above the one admitted before", f.Sender, f.Incarnation)
	case StandingNewer:
		ciphers, err := o.ciphersOf(l)
		if err != nil {
			return err
		}
		o.peers[f.Sender-1] = &admitted{life: l, ciphers: ciphers, dismissed: true}
	}
	if p := o.peers[f.Sender-1]; p.dismissed {
		p.dismissed = false
		p.beats.fill(f.Counter)
		p.window.fill(f.Counter)
	}
	return nil
}

// Dismiss ends the admission of a node that was declared dead: its frames are dropped until it has answered a new
// challenge. Its incarnation is remembered.
func (o *Opener) Dismiss(n Node) {
	if p := o.peer(n); p != nil {
		p.dismissed = true
	}
}

// Admitted gives the incarnation of a node whose frames count, and whether there is one.
func (o *Opener) Admitted(n Node) (Incarnation, bool) {
	if p := o.peer(n); p != nil && !p.dismissed {
		return p.life.incarnation, true
	}
	return 0, false
}

func (o *Opener) peer(n Node) *admitted {
	if n < 1 || n > MaxNodes {
		return nil
	}
	return o.peers[n-1]
}

// Open checks a frame that came on a path, 0 to MaxPaths-1, and puts into f what it says. It keeps nothing of b. Where it
// gives a reason, the frame counts for nothing, with three exceptions in which f holds the whole of an authentic frame:
// DropDuplicate shows that the path carries; DropOldLife is a Hello that Handshake.Heard may hear, so that its sender
// learns of its newer life; DropTwin is the Hello of another machine with our number.
func (o *Opener) Open(path int, b []byte, f *Frame) Drop {
	h, drop := o.check(path, b)
	if drop != DropNone {
		return drop
	}
	f.Kind, f.Sender, f.Incarnation, f.Counter = h.kind, h.sender, h.incarnation, h.counter
	b = b[:h.length]
	if h.kind == KindHello {
		return o.openHello(b, h, f)
	}
	return o.openAdmitted(path, b, h, f)
}

// check judges what can be judged before deciphering.
func (o *Opener) check(path int, b []byte) (header, Drop) {
	if len(b) < headerSize+sealSize {
		return header{}, DropShort
	}
	if len(b) > MaxFrame {
		return header{}, DropLong
	}
	if b[0] != Version {
		return header{}, DropVersion
	}
	if !o.knows(tag(b[2:6])) {
		return header{}, DropCluster
	}
	h := readHeader(b)
	switch {
	case path < 0 || path >= MaxPaths, h.kind < KindHello, h.kind > KindSegment, h.incarnation == 0, h.counter == 0:
		return h, DropMalformed
	case h.length < headerSize+sealSize:
		return h, DropMalformed
	case h.length > len(b):
		return h, DropShort
	case !o.nodes.Has(h.sender):
		return h, DropUnknownSender
	}
	return h, DropNone
}

func (o *Opener) knows(t tag) bool {
	for _, own := range o.tags {
		if own == t {
			return true
		}
	}
	return false
}

// openAdmitted opens a beat or a segment.
func (o *Opener) openAdmitted(path int, b []byte, h header, f *Frame) Drop {
	if h.sender == o.self.node {
		return DropOwn
	}
	p := o.peers[h.sender-1]
	if p == nil || p.dismissed || p.life.incarnation != h.incarnation {
		return DropNotAdmitted
	}
	body, ok := o.decipher(p.ciphers, b, headerSize, h.counter)
	if !ok {
		return DropForged
	}
	if h.kind == KindBeat {
		if !f.Beat.read(body, h.sender) {
			return DropMalformed
		}
		return p.beats.take(path, h.counter)
	}
	if !f.Segment.read(body, h.incarnation) {
		return DropMalformed
	}
	if !p.window.take(h.counter) {
		return DropReplayed
	}
	return DropNone
}

// openHello opens a Hello of any life. Only one that is deciphered costs memory, and nothing of it is kept.
func (o *Opener) openHello(b []byte, h header, f *Frame) Drop {
	if len(b) != HelloFrame {
		return DropMalformed
	}
	l := life{h.sender, h.incarnation, Salt(b[headerSize:])}
	if l == o.self {
		return DropOwn
	}
	standing := o.standing(l)
	p := o.peers[h.sender-1]
	var ciphers []cipher.AEAD
	if standing == StandingAdmitted {
		ciphers = p.ciphers
	} else {
		var err error
		if ciphers, err = o.ciphersOf(l); err != nil {
			return DropForged
		}
	}
	body, ok := o.decipher(ciphers, b, headerSize+saltSize, h.counter)
	if !ok {
		return DropForged
	}
	if !f.Hello.read(body, h.sender) {
		return DropMalformed
	}
	f.Salt, f.Standing, f.Floor = l.salt, standing, 1
	if p != nil {
		f.Floor = p.life.incarnation + 1
	}
	switch {
	case h.sender == o.self.node && f.Hello.Machine == o.machine:
		return DropOwn
	case h.sender == o.self.node:
		return DropTwin
	case f.Hello.To != o.self.node:
		return DropOtherNode
	case standing == StandingOlder:
		return DropOldLife
	case standing == StandingAdmitted && !p.window.take(h.counter):
		return DropReplayed
	}
	return DropNone
}

// standing says how a life relates to those admitted before.
func (o *Opener) standing(l life) Standing {
	p := o.peers[l.node-1]
	switch {
	case p == nil || l.incarnation > p.life.incarnation:
		return StandingNewer
	case l == p.life:
		return StandingAdmitted
	}
	return StandingOlder
}

func (o *Opener) ciphersOf(l life) ([]cipher.AEAD, error) {
	ciphers := make([]cipher.AEAD, len(o.keys))
	for i, k := range o.keys {
		aead, err := cipherOf(o.cluster, k, l)
		if err != nil {
			return nil, err
		}
		ciphers[i] = aead
	}
	return ciphers, nil
}

// decipher tries the keys whose tag the frame bears; b is the frame without padding, clear the length of its clear part.
func (o *Opener) decipher(ciphers []cipher.AEAD, b []byte, clear int, counter uint64) ([]byte, bool) {
	o.nonce.set(counter)
	for i, t := range o.tags {
		if t != tag(b[2:6]) {
			continue
		}
		if body, err := ciphers[i].Open(o.scratch[:0], o.nonce[:], b[clear:], b[:clear]); err == nil {
			return body, true
		}
	}
	return nil, false
}
