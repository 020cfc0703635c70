package fence

import (
	"encoding/binary"
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
)

// libvirtConn hands the library the replies of a host, each once, and nothing else that may come. The library takes a packet's length as it is and ends
// the process with one that is none; and a second reply to one call has it wait for ever, also when the connection is closed.
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
	if serial := int32(word(5)); word(1) == libvirtProgram && word(4) == libvirtReply && word(6) <= libvirtError && serial > c.last {
		c.last, c.left = serial, packet
	}
	return nil
}
