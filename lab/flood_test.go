package lab

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// floodRate is how many frames a second a hostile host tries to send, floodFor how long.
const (
	floodRate = 100_000
	floodFor  = 3 * time.Second
)

// mostOfACore is what a heart may use while it is flooded, in percent.
const mostOfACore = 25

// TestAFloodOfGarbageChangesNothing: a hostile host on the segment sends, as fast as it can up to floodRate, what is no frame of
// the cluster, of every length, to the places where alpha listens.
func TestAFloodOfGarbageChangesNothing(t *testing.T) {
	long(t)
	p := makePair(t, withFence, "", theService)
	for _, n := range p.Nodes {
		file := lines(p.World, withFence, "", theService) + "path ethernet raw alpha=eth0 beta=eth0\n"
		must(t, n.WriteFile("locum.conf", []byte(file), 0o644))
		must(t, p.serve(n))
	}
	p.owned("alpha")
	p.whole()
	p.bothWays(map[string]bool{"lan": true, "raw": true})
	head := []byte{3, 'l', 'o', 'c', 0, byte(p.alpha.Number), 2, 0, 0, 0, 0, 9, 0x88, 0xb5}
	for _, c := range []struct {
		name, path string
		open       func() (int, unix.Sockaddr, error)
		head       []byte
	}{
		{"udp", "lan", func() (int, unix.Sockaddr, error) {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			return fd, socketAddress(netip.AddrPortFrom(p.alpha.Addr, BeatPort)), err
		}, nil},
		{"ethernet", "raw", func() (int, unix.Sockaddr, error) {
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
			l, missing := p.World.client.nl.LinkByName("eth0")
			must(t, missing)
			return fd, &unix.SockaddrLinklayer{Ifindex: l.Attrs().Index}, err
		}, head},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.unmoved(func() {
				used, began := p.used(p.heart(p.alpha)), time.Now()
				sent := 0
				must(t, p.World.client.do(func() error {
					fd, to, err := c.open()
					if err != nil {
						return err
					}
					defer unix.Close(fd)
					sent, err = flood(fd, to, c.head)
					return err
				}))
				took := time.Since(began)
				share := 100 * (p.used(p.heart(p.alpha)) - used).Seconds() / took.Seconds()
				t.Logf("%d frames in %s: %.0f a second; the heart used %.1f %% of a core", sent, took, float64(sent)/took.Seconds(), share)
				if share > mostOfACore {
					t.Errorf("the heart used %.1f %% of a core, more than %d", share, mostOfACore)
				}
				state := p.paths(p.alpha)[c.path]
				if !state.Up || !state.PeerHears || state.LossPct > 5 {
					t.Errorf("true beats were lost: %+v", state)
				}
				if state.Drops["wrong_version"] == 0 && state.Drops["wrong_cluster"] == 0 {
					t.Errorf("nothing is counted: %v", state.Drops)
				}
			})
		})
	}
}

// flood sends frames of every length that fits, some of which begin like one of locum.
func flood(fd int, to unix.Sockaddr, head []byte) (sent int, err error) {
	frame := append(head, make([]byte, 1500)...)
	began := time.Now()
	for passed := time.Duration(0); passed < floodFor; passed = time.Since(began) {
		for range int(floodRate*passed.Seconds()) - sent {
			if sent%64 == 0 && time.Since(began) >= floodFor {
				break
			}
			length := len(head) + sent%(1500-28)
			frame[len(head)] = byte(sent % 2 * wire.Version)
			frame[len(head)+1] = byte(sent % 5)
			if err := unix.Sendto(fd, frame[:length], 0, to); err != nil && err != unix.ENOBUFS {
				return sent, err
			}
			sent++
		}
	}
	return sent, nil
}

// used is the time that a process's threads ran, by the scheduler's own account.
func (p *pair) used(pid int) (sum time.Duration) {
	p.t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	must(p.t, err)
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, task.Name()))
		must(p.t, err)
		var ns int64
		_, err = fmt.Sscan(strings.Fields(string(text))[0], &ns)
		must(p.t, err)
		sum += time.Duration(ns)
	}
	return sum
}
