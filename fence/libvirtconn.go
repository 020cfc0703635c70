package fence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// A packet of libvirt's (https://libvirt.org/kbase/internals/rpc.html): its length, this head included, then program, version, procedure, type,
// serial and status, 4 bytes each, and what it says.
const (
	libvirtHead    = 28
	libvirtMost    = 256 << 10 // of what is asked here no answer comes near it
	libvirtProgram = 0x20008086
	libvirtReply   = 1
	libvirtError   = 1 // the greater of the two statuses of a reply

	libvirtAuthList = 66
	libvirtLookup   = 23
)

// libvirtConn hands the library the replies of a host, each once, and nothing else that may come. The library takes lengths as they are: a packet's that is
// none ends the process, and a name's of two GiB takes as much memory. A second reply to one call has it wait for ever, also when the connection is closed.
type libvirtConn struct {
	net.Conn
	left []byte // of the packet that is being handed on
	last int32  // serial of the newest reply: calls are made one after the other, and count upwards
	why  error  // what came that is no packet; the library tells of it only that a call was interrupted
}

// Read gives the next bytes of replies.
func (c *libvirtConn) Read(b []byte) (int, error) {
	for len(c.left) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.left)
	c.left = c.left[n:]
	return n, nil
}

// next reads one packet, and keeps it if it is a reply.
func (c *libvirtConn) next() error {
	head := make([]byte, libvirtHead)
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return err
	}
	word := func(i int) uint32 { return binary.BigEndian.Uint32(head[4*i:]) }
	if n := word(0); n < libvirtHead || n > libvirtMost {
		c.why = fmt.Errorf("sends a packet of %d bytes: is that libvirt's port?", n)
		return c.why
	}
	packet := append(head, make([]byte, word(0)-libvirtHead)...)
	if _, err := io.ReadFull(c.Conn, packet[libvirtHead:]); err != nil {
		return err
	}
	if at := lengthIn(word(3), word(6)); at > 0 && len(packet) >= at+4 && int64(binary.BigEndian.Uint32(packet[at:])) > int64(len(packet)) {
		c.why = errors.New("sends a packet that says of a part of it that it is longer than the whole")
		return c.why
	}
	if serial := int32(word(5)); word(1) == libvirtProgram && word(4) == libvirtReply && word(6) <= libvirtError && serial > c.last {
		c.last, c.left = serial, packet
	}
	return nil
}

// lengthIn is where a reply to what is asked here says how long something in it is, 0 if it has nothing of that kind: an error's text behind its
// two numbers and the sign that there is one, the list of ways to log in, the guest's name.
func lengthIn(procedure, status uint32) int {
	switch {
	case status == libvirtError:
		return libvirtHead + 3*4
	case procedure == libvirtAuthList, procedure == libvirtLookup:
		return libvirtHead
	}
	return 0
}
