package fence

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/digitalocean/go-libvirt"

	"locum/config"
	"locum/wire"
)

// libvirtHost answers as a host does whose guest b runs, each answer as it is told.
func libvirtHost(t *testing.T, say func(c net.Conn, reply []byte)) config.Fence {
	t.Helper()
	domain := binary.BigEndian.AppendUint32(nil, 1)
	domain = append(append(domain, "b\x00\x00\x00"...), make([]byte, 16+4)...)
	answers := map[uint32][]byte{
		66:  {0, 0, 0, 1, 0, 0, 0, 0}, // the ways to log in: none is needed
		1:   nil,                      // open
		23:  domain,
		212: {0, 0, 0, 1, 0, 0, 0, 1}, // runs
		183: {0, 0, 0, 0},             // no memory is kept
	}
	address := rawServer(t, func(c net.Conn, in *bufio.Reader) {
		for {
			head := make([]byte, libvirtHead)
			if _, err := io.ReadFull(in, head); err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, in, int64(binary.BigEndian.Uint32(head))-libvirtHead); err != nil {
				return
			}
			reply := append(head, answers[binary.BigEndian.Uint32(head[12:])]...)
			binary.BigEndian.PutUint32(reply, uint32(len(reply)))
			binary.BigEndian.PutUint32(reply[16:], libvirtReply)
			say(c, reply)
		}
	})
	return config.Fence{Name: "host", Type: "libvirt", Level: 1, Timeout: 2 * time.Second, Keys: map[string]string{"uri": "qemu+tcp://" + address + "/system", "domain": "b"}}
}

// changed is a reply with one of its words changed.
func changed(reply []byte, word int, to uint32) []byte {
	b := bytes.Clone(reply)
	binary.BigEndian.PutUint32(b[4*word:], to)
	return b
}

func TestALibvirtHostThatIsNotGoodEndsNothingAndHoldsNothingUp(t *testing.T) {
	for _, tc := range []struct {
		name string
		say  func(c net.Conn, reply []byte)
		want wire.Power
		text string
	}{
		{"a good one", func(c net.Conn, reply []byte) { c.Write(reply) }, wire.PowerOn, ""},
		{"each answer twice", func(c net.Conn, reply []byte) { c.Write(append(bytes.Clone(reply), reply...)) }, wire.PowerOn, ""},
		{"events between", func(c net.Conn, reply []byte) {
			c.Write(append(changed(changed(reply, 3, 318), 4, 2), reply...))
		}, wire.PowerOn, ""},
		{"a packet that is shorter than its head", func(c net.Conn, reply []byte) { c.Write(changed(reply, 0, 0)) }, wire.PowerUnknown, "a packet of 0 bytes: is that libvirt's port?"},
		{"a packet that is endless", func(c net.Conn, reply []byte) { c.Write(changed(reply, 0, 1<<31)) }, wire.PowerUnknown, "is that libvirt's port?"},
		{"another protocol", func(c net.Conn, reply []byte) {
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
		}, wire.PowerUnknown, "is that libvirt's port?"},
		{"empty answers", func(c net.Conn, reply []byte) { c.Write(changed(reply[:libvirtHead], 0, libvirtHead)) }, wire.PowerUnknown, ""},
		{"a guest's name of two GiB", func(c net.Conn, reply []byte) {
			if binary.BigEndian.Uint32(reply[12:]) == libvirtLookup {
				reply = changed(reply, 7, 1<<31-8)
			}
			c.Write(reply)
		}, wire.PowerUnknown, "longer than the whole"},
		{"many ways to log in", func(c net.Conn, reply []byte) {
			if binary.BigEndian.Uint32(reply[12:]) == libvirtAuthList {
				reply = changed(reply, 7, 1<<31-8)
			}
			c.Write(reply)
		}, wire.PowerUnknown, "longer than the whole"},
		{"an error without an end", func(c net.Conn, reply []byte) {
			reply = append(changed(reply[:libvirtHead], 6, libvirtError), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xf8)
			c.Write(changed(reply, 0, uint32(len(reply))))
		}, wire.PowerUnknown, "longer than the whole"},
		{"an error", func(c net.Conn, reply []byte) {
			reply = append(changed(reply[:libvirtHead], 6, libvirtError), "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x04busy\x00\x00\x00\x02"...)
			c.Write(changed(reply, 0, uint32(len(reply))))
		}, wire.PowerUnknown, "busy"},
		{"another guest", func(c net.Conn, reply []byte) {
			c.Write(bytes.Replace(reply, []byte("b\x00\x00\x00"), []byte("c\x00\x00\x00"), 1))
		}, wire.PowerUnknown, "answers about c"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := libvirtHost(t, tc.say)
			d, err := NewLibvirt(f, "beta")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), f.Timeout)
			defer cancel()
			power := wire.PowerUnknown
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				power, err = d.Status(ctx)
			}()
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("it never ends")
			}
			if power != tc.want || tc.want == wire.PowerOn && err != nil || tc.want != wire.PowerOn && (err == nil || !strings.Contains(err.Error(), tc.text)) {
				t.Errorf("%s, %v", power, err)
			}
		})
	}
}

// A host that a guest has left knows it still, as one that is shut off, for which reason it says.
func TestAGuestThatWasMovedToAnotherHostIsNotOff(t *testing.T) {
	for reason, want := range map[libvirt.DomainShutoffReason]wire.Power{libvirt.DomainShutoffUnknown: wire.PowerOff, libvirt.DomainShutoffShutdown: wire.PowerOff,
		libvirt.DomainShutoffDestroyed: wire.PowerOff, libvirt.DomainShutoffCrashed: wire.PowerOff, libvirt.DomainShutoffMigrated: wire.PowerUnknown} {
		f := libvirtHost(t, func(c net.Conn, reply []byte) {
			if binary.BigEndian.Uint32(reply[12:]) == 212 {
				reply = changed(changed(reply, 7, uint32(libvirt.DomainShutoff)), 8, uint32(reason))
			}
			c.Write(reply)
		})
		l := ladder(t, []config.Fence{f})
		power, readings := l.Read(t.Context())
		if power != want || (want == wire.PowerUnknown) != (readings[0].Err != nil && strings.Contains(readings[0].Err.Error(), "b was moved to another host")) {
			t.Errorf("reason %d: %s, %v", reason, power, readings[0].Err)
		}
		if want == wire.PowerUnknown {
			if got, text := ladder(t, []config.Fence{within(f, brisk)}).Off(t.Context(), always); got != wire.OutcomeUnknown {
				t.Errorf("a shot at it: %s: %s", got, text)
			}
		}
	}
}
