package fence

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net"
	"os"
	"time"
)

// ipmiAgain is how long an answer is waited for before a packet is sent again.
const ipmiAgain = 500 * time.Millisecond

// ipmiSuite is a cipher suite (section 22.15.2): how both prove that they know the password, and what keeps packets whole. All
// of them encrypt by AES-CBC-128.
type ipmiSuite struct {
	auth, integrity byte
	hash            func() hash.Hash
	code            int
}

var ipmiSuites = map[string]ipmiSuite{
	"3":  {1, 1, sha1.New, 12},
	"17": {3, 4, sha256.New, 16},
}

// ipmiSession is one session: begun for one action, with random numbers of its own, so that no answer of another can count.
type ipmiSession struct {
	conn     net.Conn
	suite    ipmiSuite
	user     string
	password []byte
	role     byte // privilege: 3 operator, 4 administrator

	own, board   [4]byte // session numbers
	ours, theirs [16]byte
	guid         [16]byte
	keys         ipmiKeys
	sequence     uint32
	number       byte
}

var errIPMIPassword = errors.New("user= or password-file= are wrong")

// begin opens the session: both sides prove that they know the password (RAKP, section 13.20).
func (s *ipmiSession) begin(ctx context.Context) error {
	if _, err := rand.Read(s.own[:]); err != nil {
		return err
	}
	if _, err := rand.Read(s.ours[:]); err != nil {
		return err
	}
	if err := s.openSession(ctx); err != nil {
		return err
	}
	if err := s.prove(ctx); err != nil {
		return err
	}
	if err := s.confirm(ctx); err != nil {
		return err
	}
	_, err := s.ask(ctx, 0x06, 0x3b, s.role) // Set Session Privilege Level
	return err
}

func (s *ipmiSession) openSession(ctx context.Context) error {
	b := append([]byte{0, s.role, 0, 0}, s.own[:]...)
	for kind, algorithm := range []byte{s.suite.auth, s.suite.integrity, 1} {
		b = append(b, byte(kind), 0, 0, 8, algorithm, 0, 0, 0)
	}
	a, err := s.greet(ctx, payloadOpenRequest, payloadOpenAnswer, b, 36)
	if err != nil {
		return err
	}
	if !bytes.Equal(a[16:20], b[12:16]) || !bytes.Equal(a[24:28], b[20:24]) || !bytes.Equal(a[32:36], b[28:32]) {
		return errors.New("wants another cipher suite; write cipher=3 or cipher=17")
	}
	copy(s.board[:], a[8:12])
	return nil
}

// name is role and user as they go into each proof.
func (s *ipmiSession) name() []byte {
	return append([]byte{0x10 | s.role, byte(len(s.user))}, s.user...)
}

// prove sends our random number and checks that the board knows the password.
func (s *ipmiSession) prove(ctx context.Context) error {
	b := append([]byte{0, 0, 0, 0}, s.board[:]...)
	b = append(append(b, s.ours[:]...), 0x10|s.role, 0, 0, byte(len(s.user)))
	a, err := s.greet(ctx, payloadRAKP1, payloadRAKP2, append(b, s.user...), 40+s.suite.hash().Size())
	if err != nil {
		return err
	}
	copy(s.theirs[:], a[8:24])
	copy(s.guid[:], a[24:40])
	want := keyed(s.suite.hash, s.password, s.own[:], s.board[:], s.ours[:], s.theirs[:], s.guid[:], s.name())
	if !hmac.Equal(want, a[40:40+len(want)]) {
		return errIPMIPassword
	}
	return nil
}

// confirm proves that we know it too, and makes the keys.
func (s *ipmiSession) confirm(ctx context.Context) error {
	b := append([]byte{0, 0, 0, 0}, s.board[:]...)
	b = append(b, keyed(s.suite.hash, s.password, s.theirs[:], s.own[:], s.name())...)
	a, err := s.greet(ctx, payloadRAKP3, payloadRAKP4, b, 8+s.suite.code)
	if err != nil {
		return err
	}
	session := keyed(s.suite.hash, s.password, s.ours[:], s.theirs[:], s.name())
	want := keyed(s.suite.hash, session, s.ours[:], s.board[:], s.guid[:])[:s.suite.code]
	if !hmac.Equal(want, a[8:8+len(want)]) {
		return errors.New("does not prove that it knows the session's key")
	}
	key := func(c byte) []byte { return keyed(s.suite.hash, session, bytes.Repeat([]byte{c}, 20)) }
	s.keys = ipmiKeys{hash: s.suite.hash, code: s.suite.code, integrity: key(1), secrecy: key(2)[:16]}
	return nil
}

// greet sends a packet outside of the session and gives the answer of that kind to it.
func (s *ipmiSession) greet(ctx context.Context, kind, answer byte, payload []byte, least int) ([]byte, error) {
	var found []byte
	var refused error
	err := s.exchange(ctx, func() ([]byte, error) { return plainPacket(kind, payload), nil }, func(b []byte) bool {
		a, err := openPlain(b, answer)
		switch {
		case err != nil || len(a) < 2 || a[0] != payload[0]:
			return false
		case a[1] != 0: // some say nothing further
			refused = ipmiStatus(a[1])
		case len(a) < 8 || !bytes.Equal(a[4:8], s.own[:]):
			return false
		case len(a) < least:
			refused = errors.New("answers too briefly for this cipher suite")
		}
		found = a
		return true
	})
	if err == nil {
		err = refused
	}
	return found, err
}

// ipmiStatus says what the status of a greeting means (section 13.24).
func ipmiStatus(code byte) error {
	switch code {
	case 0x01:
		return errors.New("has no room for another session")
	case 0x09, 0x0a, 0x0c:
		return errors.New("does not give this user that privilege=")
	case 0x0d, 0x0f:
		return errIPMIPassword
	case 0x04, 0x05, 0x10, 0x11:
		return errors.New("does not know this cipher suite; write cipher=3 or cipher=17")
	}
	return fmt.Errorf("refuses a session with status %#02x", code)
}

// ask makes one request within the session.
func (s *ipmiSession) ask(ctx context.Context, function, command byte, data ...byte) ([]byte, error) {
	s.number = (s.number + 1) & 0x3f
	message := ipmiRequest(function, s.number, command, data)
	var code byte
	var said []byte
	err := s.exchange(ctx, func() ([]byte, error) {
		s.sequence++
		return s.keys.seal(binary.LittleEndian.Uint32(s.board[:]), s.sequence, message)
	}, func(b []byte) bool {
		_, answer, err := s.keys.open(b, binary.LittleEndian.Uint32(s.own[:]))
		if err == nil {
			code, said, err = ipmiAnswer(answer, function, s.number, command)
		}
		return err == nil
	})
	if err == nil && code != 0 {
		err = fmt.Errorf("refuses with completion code %#02x%s", code, map[byte]string{0xd4: ": this user lacks the privilege",
			0x81: ": this user lacks the privilege", 0xc1: ": it does not know the command", 0xd5: ": not in its present state"}[code])
	}
	return said, err
}

// exchange sends a packet, again and again, until an answer fits. What does not fit is dropped.
func (s *ipmiSession) exchange(ctx context.Context, packet func() ([]byte, error), fits func([]byte) bool) error {
	b := make([]byte, maxPacket)
	for ctx.Err() == nil {
		p, err := packet()
		if err != nil {
			return err
		}
		if err := s.conn.SetDeadline(time.Now().Add(ipmiAgain)); err != nil {
			return errors.Join(ctx.Err(), err)
		}
		if _, err := s.conn.Write(p); err != nil {
			return errors.Join(ctx.Err(), err)
		}
		for {
			n, err := s.conn.Read(b)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return errors.Join(ctx.Err(), err)
			}
			if fits(b[:n]) {
				return nil
			}
		}
	}
	return ctx.Err()
}

// end closes the session without waiting for the board's word.
func (s *ipmiSession) end() {
	s.sequence++
	s.number = (s.number + 1) & 0x3f
	if p, err := s.keys.seal(binary.LittleEndian.Uint32(s.board[:]), s.sequence, ipmiRequest(0x06, s.number, 0x3c, s.board[:])); err == nil {
		_, _ = s.conn.Write(p)
	}
}
