package lab

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// reorderBy is how much later a frame comes that others overtake.
const reorderBy = 3 * time.Millisecond

// switching is the inside of a Switch, in its own process.
type switching struct {
	mu      sync.Mutex
	ports   []*switchPort
	weather Weather
	cut     map[lane]bool
	random  *rand.Rand
}

// switchPort is a socket on the near end of a machine's cable.
type switchPort struct {
	name string
	fd   int
}

// lane is what a machine sends with one EtherType.
type lane struct {
	from string
	kind uint16
}

// playSwitch obeys until its standard input is closed.
func playSwitch(args []string) error {
	if len(args) != 1 {
		return errors.New("want a seed")
	}
	seed, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	s := &switching{cut: map[lane]bool{}, random: rand.New(rand.NewPCG(seed, seed))}
	for orders := json.NewDecoder(os.Stdin); ; {
		var o switchOrder
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		answer := "ok"
		if err := s.obey(o); err != nil {
			answer = err.Error()
		}
		if _, err := fmt.Println(answer); err != nil {
			return err
		}
	}
}

func (s *switching) obey(o switchOrder) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o.Port != "":
		device, err := net.InterfaceByName(o.Port)
		if err != nil {
			return err
		}
		fd, err := listenToAll(device.Index)
		if err != nil {
			return err
		}
		p := &switchPort{o.From, fd}
		s.ports = append(s.ports, p)
		go s.read(p)
	case o.Weather != nil:
		s.weather = *o.Weather
	default:
		s.cut[lane{o.From, o.Kind}] = o.Stopped
	}
	return nil
}

func listenToAll(index int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: index}))
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (s *switching) read(p *switchPort) {
	buf := make([]byte, 1<<16)
	for {
		if n, _, err := unix.Recvfrom(p.fd, buf, 0); err == nil && n >= 14 {
			s.pass(p, bytes.Clone(buf[:n]))
		}
	}
}

// pass hands a frame on, as the weather is for each port.
func (s *switching) pass(from *switchPort, frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut[lane{from.name, binary.BigEndian.Uint16(frame[12:])}] {
		return
	}
	for _, to := range s.ports {
		if to == from {
			continue
		}
		if s.random.Float64() >= s.weather.Loss {
			s.sendLater(to, frame)
		}
		if s.random.Float64() < s.weather.Duplicate {
			s.sendLater(to, frame)
		}
	}
}

// sendLater is called with the lock held.
func (s *switching) sendLater(to *switchPort, frame []byte) {
	after := s.weather.Delay
	if s.random.Float64() < s.weather.Reorder {
		after += reorderBy
	}
	if after == 0 {
		_, _ = unix.Write(to.fd, frame) // a machine that is off loses it
		return
	}
	time.AfterFunc(after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, _ = unix.Write(to.fd, frame)
	})
}
