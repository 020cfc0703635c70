package health

import (
	"fmt"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// question is one echo request (RFC 792, RFC 4443). Its answer bears the same number, so that one that comes late is none to the next.
type question struct {
	six bool
	id  uint16
	seq uint16
}

// The protocols' numbers, for icmp.ParseMessage.
const (
	protocolICMP   = 1
	protocolICMPv6 = 58
)

// bytes is the request as it is sent; the kernel completes the checksum of ICMPv6.
func (q question) bytes() ([]byte, error) {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(q.id), Seq: int(q.seq), Data: []byte("locum: are you there?")}}
	if q.six {
		m.Type = ipv6.ICMPTypeEchoRequest
	}
	b, err := m.Marshal(nil)
	if err != nil {
		return nil, fmt.Errorf("echo request: %w", err)
	}
	return b, nil
}

// answeredBy reports whether a message is the answer to this very question.
func (q question) answeredBy(b []byte) bool {
	protocol := protocolICMP
	if q.six {
		protocol = protocolICMPv6
	}
	m, err := icmp.ParseMessage(protocol, b)
	if err != nil || m.Type != ipv4.ICMPTypeEchoReply && m.Type != ipv6.ICMPTypeEchoReply {
		return false
	}
	echo, ok := m.Body.(*icmp.Echo)
	return ok && echo.ID == int(q.id) && echo.Seq == int(q.seq)
}
