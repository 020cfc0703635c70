package lab

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxEcho is the longest question that is answered, in bytes.
const maxEcho = 512

// echo answers each UDP datagram with itself and this node's name, from the very address that was asked: only so a client
// can tell whether the address itself has moved.
type echo struct{ fd int }

// playEcho is the program "locum-lab echo PORT": a service that can be kept up.
func playEcho(args []string) error {
	if len(args) != 1 {
		return errors.New("wrong use: the form is: echo PORT")
	}
	n, err := strconv.ParseUint(args[0], 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is not a port, 1 to 65535", args[0])
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	e, err := listenEcho(uint16(n))
	if err != nil {
		return err
	}
	return e.serve(name)
}

// listenEcho opens one socket for both families; without IPv6 in the kernel, for IPv4.
func listenEcho(port uint16) (*echo, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return listenEcho4(port)
	}
	if err == nil {
		err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1),
			unix.Bind(fd, &unix.SockaddrInet6{Port: int(port)}))
	}
	if err != nil {
		return nil, fmt.Errorf("echo on UDP port %d: %w", port, err)
	}
	return &echo{fd}, nil
}

func listenEcho4(port uint16) (*echo, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1),
			unix.Bind(fd, &unix.SockaddrInet4{Port: int(port)}))
	}
	if err != nil {
		return nil, fmt.Errorf("echo on UDP port %d: %w", port, err)
	}
	return &echo{fd}, nil
}

// serve answers until the socket fails. The control message that says which address was asked is sent back as it came:
// it then says which address to answer from..
func (e *echo) serve(name string) error {
	buf, oob := make([]byte, maxEcho+len(name)), make([]byte, 128)
	for {
		n, on, flags, from, err := unix.Recvmsg(e.fd, buf[:maxEcho], oob, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case flags&unix.MSG_TRUNC != 0:
			continue
		}
		n += copy(buf[n:], name)
		// An answer that cannot be sent, because the address has just gone, is what the client is to see.
		_ = unix.Sendmsg(e.fd, buf[:n], oob[:on], from, 0)
	}
}
