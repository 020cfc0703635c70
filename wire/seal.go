package wire

import (
	"crypto/cipher"
	"errors"
	"fmt"
)

// Sealer makes the frames of one life. It owns the counter: each frame takes a new one, whatever its kind and whomever it
// is for, and none is used twice (SAFETY 10). A Sealer must not be copied: the copy would use the same nonces.
type Sealer struct {
	_       uncopied
	cluster string
	self    life
	tag     tag
	aead    cipher.AEAD
	counter uint64
	nonce   nonce
}

// uncopied lets go vet object to copies.
type uncopied struct{}

func (*uncopied) Lock()   {}
func (*uncopied) Unlock() {}

// ErrCounterSpent is given when a life has sealed MaxCounter frames: the heart must start anew with a new incarnation.
var ErrCounterSpent = errors.New("all counters of this incarnation are used: restart locum on this node")

// NewSealer begins the frames of one life. The incarnation must be stored before, and the salt be new random bytes; zero
// is refused in each argument, because it was forgotten then.
func NewSealer(cluster string, k Key, self Node, in Incarnation, salt Salt) (*Sealer, error) {
	if err := checkName(cluster, self); err != nil {
		return nil, err
	}
	if in == 0 || salt == (Salt{}) {
		return nil, fmt.Errorf("sealer: incarnation %d and salt must not be zero", in)
	}
	s := &Sealer{cluster: cluster, self: life{self, in, salt}, counter: countedBefore(in)}
	if err := s.Rekey(k); err != nil {
		return nil, err
	}
	return s, nil
}

// countedBefore is the counter below the first of a life. Counters of lives that follow each other never meet, so that an
// echo, which names a counter alone, cannot be taken for one of another life. There is room for 2^39 frames a life, at a
// thousand a second 17 years, and for 256 lives before a range comes again.
func countedBefore(in Incarnation) uint64 {
	return uint64(in%livesApart) * (MaxCounter + 1) / 2 / livesApart
}

// Rekey seals all further frames with another key of the cluster (SAFETY 24). The counter goes on.
func (s *Sealer) Rekey(k Key) error {
	if k.IsZero() {
		return errors.New("sealer: no key")
	}
	t, err := tagOf(s.cluster, k)
	if err != nil {
		return err
	}
	aead, err := cipherOf(s.cluster, k, s.self)
	if err != nil {
		return err
	}
	s.tag, s.aead = t, aead
	return nil
}

// Counter is that of the newest frame; one below the first of this life if there was none.
func (s *Sealer) Counter() uint64 { return s.counter }

// Hello appends a sealed Hello to dst. It fails on a Hello without challenge or to nobody, and when the counter is spent.
func (s *Sealer) Hello(dst []byte, h *Hello) ([]byte, error) {
	if !h.valid(s.self.node) {
		return dst, fmt.Errorf("hello from node %d to node %d: neither asks nor answers, or to no other node", s.self.node, h.To)
	}
	dst, start, err := s.begin(dst, KindHello, HelloFrame)
	if err != nil {
		return dst, err
	}
	dst = append(dst, s.self.salt[:]...)
	clear := len(dst)
	return s.end(h.append(dst), start, clear), nil
}

// Beat appends a sealed beat to dst. It fails on a beat in which the sender hears itself or an impossible counter, and when
// the counter is spent. With room for BeatFrame bytes in dst nothing is allocated.
func (s *Sealer) Beat(dst []byte, t *Beat) ([]byte, error) {
	if !t.valid(s.self.node) {
		return dst, fmt.Errorf("beat of node %d: hears itself, or a counter above %d", s.self.node, uint64(MaxCounter))
	}
	dst, start, err := s.begin(dst, KindBeat, BeatFrame(t.Hears.Count()))
	if err != nil {
		return dst, err
	}
	clear := len(dst)
	return s.end(t.append(dst), start, clear), nil
}

// Segment appends a sealed segment to dst. It fails on a segment that is not Valid or not from this incarnation, and when
// the counter is spent.
func (s *Sealer) Segment(dst []byte, g *Segment) ([]byte, error) {
	if !g.Valid() || g.From.Incarnation != s.self.incarnation {
		return dst, fmt.Errorf("segment of message %d from incarnation %d: fields that cannot be", g.Number, g.From.Incarnation)
	}
	dst, start, err := s.begin(dst, KindSegment, g.frameSize())
	if err != nil {
		return dst, err
	}
	clear := len(dst)
	return s.end(g.append(dst), start, clear), nil
}

// begin takes a counter, which is used up even if nothing follows, and appends the header.
func (s *Sealer) begin(dst []byte, kind Kind, length int) (out []byte, start int, err error) {
	if s.counter >= MaxCounter {
		return dst, 0, ErrCounterSpent
	}
	s.counter++
	h := header{kind: kind, sender: s.self.node, incarnation: s.self.incarnation, counter: s.counter, length: length}
	return h.append(dst, s.tag), len(dst), nil
}

// end seals, in place, what stands in b from clear on.
func (s *Sealer) end(b []byte, start, clear int) []byte {
	s.nonce.set(s.counter)
	return s.aead.Seal(b[:clear], s.nonce[:], b[clear:], b[start:clear])
}

func checkName(cluster string, self Node) error {
	if cluster == "" || len(cluster) > MaxClusterName {
		return fmt.Errorf("cluster %q: the name must have 1 to %d bytes", cluster, MaxClusterName)
	}
	if self < 1 || self > MaxNodes {
		return fmt.Errorf("node %d: the number must be 1 to %d", self, MaxNodes)
	}
	return nil
}
