package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Handshake keeps the challenges that this life has given and the answers that it owes. A challenge is made by HMAC-SHA-256
// (RFC 2104) of a counter under a secret seed of this start, so none comes twice and none of another life can be taken
// for it.
type Handshake struct {
	seed          func() *[32]byte // a function, so that no format of fmt shows it
	boot, machine ID
	made          uint64
	peers         [MaxNodes]acquaintance
}

// acquaintance is what stands between this life and one node.
type acquaintance struct {
	now, before given
	owed        Challenge // the answer to give, zero none
	owedTo      Incarnation
	atLeast     Incarnation
	askUntil    Instant // a newer life said Hello: its answer is wanted, though an older one is admitted
}

// given is a challenge and when it was made.
type given struct {
	challenge Challenge
	at        Instant
}

// Greeting is what a Hello proves.
type Greeting struct {
	// Fresh: it answers a challenge of ours, hence its life was there at some time after Since.
	Fresh bool
	Since Instant
	// AtLeast, if not 0: its sender remembers a newer life of this node, which must come back with at least this
	// incarnation. Only of a fresh Hello.
	AtLeast Incarnation
}

// NewHandshake begins the challenges of one life; the seed is 32 new random bytes, boot and machine are this node's.
func NewHandshake(seed [32]byte, boot, machine ID) *Handshake {
	return &Handshake{seed: func() *[32]byte { return &seed }, boot: boot, machine: machine}
}

// Hello makes the Hello to a peer: with our challenge if ask is set, which it is while the peer is not admitted, or if
// a newer life of it said Hello; and with the answer if one is owed, which then is given. A peer that did not get it asks
// again. There is nothing to send if ask is not set and it is not Due.
func (h *Handshake) Hello(now Instant, to Node, ask bool) Hello {
	hello := Hello{Boot: h.boot, Machine: h.machine, To: to}
	if to < 1 || to > MaxNodes {
		return hello
	}
	a := &h.peers[to-1]
	ask = ask || now < a.askUntil
	if ask && (a.now.challenge == (Challenge{}) || now-a.now.at >= Instant(ChallengeAge)) {
		a.before, a.now = a.now, given{h.challenge(to), now}
	}
	if ask {
		hello.Challenge = a.now.challenge
	}
	hello.Answer, hello.AtLeast = a.owed, a.atLeast
	a.owed, a.owedTo, a.atLeast = Challenge{}, 0, 0
	return hello
}

// Due reports whether a Hello is to be sent to a node although a life of it is admitted: it waits for an answer, or a
// newer life of it has not given one.
func (h *Handshake) Due(now Instant, n Node) bool {
	return n >= 1 && n <= MaxNodes && (h.peers[n-1].owed != Challenge{} || now < h.peers[n-1].askUntil)
}

// Heard takes a Hello that Open gave with DropNone or DropOldLife. A fresh one is the proof for Opener.Admit; an answer
// counts once.
func (h *Handshake) Heard(now Instant, f *Frame) Greeting {
	if f.Kind != KindHello || f.Sender < 1 || f.Sender > MaxNodes {
		return Greeting{}
	}
	a := &h.peers[f.Sender-1]
	a.owe(f)
	if f.Standing == StandingNewer {
		a.askUntil = now + 2*Instant(ChallengeAge)
	}
	for _, g := range [...]given{a.now, a.before} {
		if g.challenge == (Challenge{}) || !hmac.Equal(g.challenge[:], f.Hello.Answer[:]) || now-g.at > 2*Instant(ChallengeAge) {
			continue
		}
		a.now, a.before, a.askUntil = given{}, given{}, 0
		return Greeting{Fresh: true, Since: g.at, AtLeast: f.Hello.AtLeast}
	}
	return Greeting{}
}

// owe notes the challenge to answer. That of a newer life is not given up for that of an older one, which may be a
// recording.
func (a *acquaintance) owe(f *Frame) {
	if f.Hello.Challenge == (Challenge{}) || a.owed != (Challenge{}) && f.Incarnation < a.owedTo {
		return
	}
	a.owed, a.owedTo, a.atLeast = f.Hello.Challenge, f.Incarnation, 0
	if f.Standing == StandingOlder {
		a.atLeast = f.Floor
	}
}

func (h *Handshake) challenge(to Node) Challenge {
	h.made++
	m := hmac.New(sha256.New, h.seed()[:])
	m.Write(binary.BigEndian.AppendUint64([]byte("locum challenge 1\x00"+string(rune(to))), h.made))
	return Challenge(m.Sum(nil)[:len(Challenge{})])
}
