package health

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/sys/unix"
)

// gateways is a source that asks several hosts at once and tells whether one of them answers within the time: 1 or 0.
func gateways(list []netip.Addr, within time.Duration) source {
	return func() (int64, error) {
		type result struct {
			up  bool
			err error
		}
		results := make(chan result, len(list))
		for _, a := range list {
			go func() {
				up, err := answers(a, within)
				results <- result{up, err}
			}()
		}
		var unknown error
		for range list {
			switch r := <-results; {
			case r.up:
				return 1, nil // the others end by themselves
			case r.err != nil:
				unknown = r.err
			}
		}
		return 0, unknown
	}
}

// noWay are errors that say that a host cannot be reached now: it is down as seen from here.
var noWay = []error{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENETDOWN, unix.EHOSTDOWN, unix.ENODEV, unix.EADDRNOTAVAIL}

// answers asks one host by ICMP echo. An error is a question that could not be asked.
func answers(a netip.Addr, within time.Duration) (bool, error) {
	network, local := "ip4:icmp", "0.0.0.0"
	if a.Is6() {
		network, local = "ip6:ipv6-icmp", "::"
	}
	conn, err := icmp.ListenPacket(network, local)
	if err != nil {
		return false, fmt.Errorf("gateway %s cannot be asked: %w", a, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return false, fmt.Errorf("gateway %s cannot be asked: %w", a, err)
	}
	q := question{six: a.Is6(), id: uint16(rand.Uint32()), seq: uint16(rand.Uint32())}
	b, err := q.bytes()
	if err != nil {
		return false, err
	}
	_, err = conn.WriteTo(b, &net.IPAddr{IP: a.AsSlice(), Zone: a.Zone()})
	if err == nil {
		err = await(conn, a, q)
	}
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, os.ErrDeadlineExceeded) || slices.ContainsFunc(noWay, func(e error) bool { return errors.Is(err, e) }):
		return false, nil
	}
	return false, fmt.Errorf("gateway %s cannot be asked: %w", a, err)
}

// await reads until the answer comes, or the deadline. The socket gets whatever ICMP reaches this machine.
func await(conn *icmp.PacketConn, a netip.Addr, q question) error {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return err
		}
		if ip, ok := from.(*net.IPAddr); ok && ip.IP.Equal(a.AsSlice()) && q.answeredBy(buf[:n]) {
			return nil
		}
	}
}
