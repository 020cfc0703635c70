package vip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/mdlayher/packet"
)

// voice is an open packet socket that hears nothing, with the frames to send on it ready.
type voice struct {
	link   link
	router bool
	conn   *packet.Conn // nil on an interface without neighbours
	frames [][]byte
	ask    []byte
}

func openVoice(l link, addr netip.Addr) (*voice, error) {
	w := &voice{link: l, router: addr.Is6() && forwards(l.name)}
	if !l.hasNeighbours() {
		return w, nil
	}
	var err error
	if w.frames, err = announcements(addr, l.mac, w.router); err != nil {
		return nil, fmt.Errorf("announcement of %s at %s: %w", addr, l.mac, err)
	}
	if w.ask, err = question(addr, l.mac); err != nil {
		return nil, fmt.Errorf("question for %s from %s: %w", addr, l.mac, err)
	}
	// Protocol 0 takes no frame from the wire, so that none waits in the socket's queue for nobody.
	w.conn, err = packet.Listen(&net.Interface{Index: l.index, Name: l.name}, packet.Raw, 0, nil)
	if err != nil {
		return nil, fmt.Errorf("packet socket on %s (needs CAP_NET_RAW): %w", l.name, err)
	}
	return w, nil
}

// fits reports whether the voice still says what is true of addr on l.
func (w *voice) fits(l link, addr netip.Addr) bool {
	return w.link.same(l) && w.router == (addr.Is6() && forwards(l.name))
}

// announce tells the neighbours that the address is here.
func (w *voice) announce() error {
	var errs []error
	for _, f := range w.frames {
		errs = append(errs, w.send(f))
	}
	return errors.Join(errs...)
}

// question asks the neighbours whether one of them has the address.
func (w *voice) question() error {
	if w.ask == nil {
		return nil
	}
	return w.send(w.ask)
}

func (w *voice) send(frame []byte) error {
	to := &packet.Addr{HardwareAddr: net.HardwareAddr(frame[:macLen])}
	_, err := w.conn.WriteTo(frame, to)
	return err
}

func (w *voice) close() {
	if w.conn != nil {
		w.conn.Close()
	}
}

// forwards reports whether the machine is a router on the interface; without IPv6 there is no such file, and it is none.
func forwards(name string) bool {
	text, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/forwarding")
	return err == nil && strings.TrimSpace(string(text)) != "0"
}
