package machine

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Owner is one answer to the question who has an address: the machine that answered, and when.
type Owner struct {
	MAC string
	At  time.Time
}

// Prober asks all the time who has an address (ARP, RFC 826), as a client on the segment would.
type Prober struct {
	cable *Cable
	stop  chan struct{}
	mu    sync.Mutex
	seen  []Owner
}

// proberMAC is the prober's own address.
var proberMAC = net.HardwareAddr{0x52, 0x54, 0, 0, 0, 0xfe}

// Probe begins to ask on a cable, so often. It is 192.0.2.250 there.
func Probe(c *Cable, address netip.Addr, every time.Duration) *Prober {
	p := &Prober{cable: c, stop: make(chan struct{})}
	question := request(address)
	c.Listen(func(frame []byte) { p.heard(frame, address) })
	go func() {
		for tick := time.NewTicker(every); ; {
			select {
			case <-p.stop:
				tick.Stop()
				return
			case <-tick.C:
				c.Say(question)
			}
		}
	}()
	return p
}

// request is an ARP request for an IPv4 address, in an Ethernet frame of 60 bytes.
func request(address netip.Addr) []byte {
	f := bytes.Repeat([]byte{0xff}, 6)
	f = append(f, proberMAC...)
	f = append(f, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	f = append(f, proberMAC...)
	f = append(f, 192, 0, 2, 250)
	f = append(f, make([]byte, 6)...)
	to := address.As4()
	f = append(f, to[:]...)
	return append(f, make([]byte, 60-len(f))...)
}

// heard takes the answers: ARP replies to the prober.
func (p *Prober) heard(f []byte, address netip.Addr) {
	if len(f) < 42 || binary.BigEndian.Uint16(f[12:]) != 0x0806 || binary.BigEndian.Uint16(f[20:]) != 2 || !bytes.Equal(f[:6], proberMAC) {
		return
	}
	if from, _ := netip.AddrFromSlice(f[28:32]); from != address {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, Owner{net.HardwareAddr(f[22:28]).String(), time.Now()})
}

// Since gives the answers since an instant.
func (p *Prober) Since(t time.Time) (list []Owner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.seen {
		if !o.At.Before(t) {
			list = append(list, o)
		}
	}
	return list
}

// Close ends the questions.
func (p *Prober) Close() { close(p.stop) }
