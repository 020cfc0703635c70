package heartbeat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
	"locum/wire"
)

// cross is a path over the two ends of a cable, both in the test's namespace: alpha is at one, beta at the other.
func cross(name, alpha, beta string) config.Path {
	return config.Path{Type: "ethernet", Name: name, Line: 3, EtherType: config.DefaultEtherType,
		Devices: map[wire.Node]string{1: alpha, 2: beta}}
}

func openCross(t *testing.T, line config.Path, self wire.Node) *Ethernet {
	t.Helper()
	e, err := OpenEthernet(line, self)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePath(t, e) })
	return e
}

// bothEnds opens a path at both ends of a new cable without any IP address.
func bothEnds(t *testing.T) (alpha, beta *Ethernet) {
	t.Helper()
	addCable(t)
	line := cross("cross", "cable", "far")
	alpha, beta = openCross(t, line, 1), openCross(t, line, 2)
	for _, e := range []*Ethernet{alpha, beta} {
		eventually(t, func() string { // the kernel notices a carrier in its own time
			if e.look() != nil || e.bound.flags&unix.IFF_RUNNING == 0 {
				return "no carrier on " + e.device
			}
			return ""
		})
	}
	return alpha, beta
}

// carries has a frame pass, and says so; it fails if it does not come within 10 s.
func carries(t *testing.T, from, to Path, node wire.Node, frame []byte) {
	t.Helper()
	if err := from.Send(node, frame); err != nil {
		t.Fatal(err)
	}
	await(t, to)
	got := drain(t, to)
	if len(got) != 1 || !bytes.HasPrefix(got[0].Frame, frame) || !got[0].Stamped {
		t.Fatalf("got %+v, want one stamped frame that begins with %q", got, frame)
	}
}

// nothingComes checks after a frame that does count that those before it did not.
func nothingComes(t *testing.T, alpha, beta Path, what string) {
	t.Helper()
	if err := alpha.Send(2, []byte("this one counts")); err != nil {
		t.Fatal(err)
	}
	await(t, beta)
	for _, r := range drain(t, beta) {
		if !bytes.HasPrefix(r.Frame, []byte("this one counts")) {
			t.Errorf("%s: taken as a frame of the path: %q", what, r.Frame)
		}
	}
}

func TestAnEthernetPathNeedsNoAddress(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		alpha, beta := bothEnds(t)
		carries(t, alpha, beta, 2, []byte("short"))
		carries(t, beta, alpha, 1, bytes.Repeat([]byte("x"), wire.MaxFrame))
		if got := drain(t, alpha); len(got) != 0 {
			t.Errorf("what beta sent came twice: %+v", got)
		}
		if err := alpha.Send(3, []byte("x")); err == nil || !strings.Contains(err.Error(), "node 3 is not on it") {
			t.Errorf("to a node that is not on it: %v", err)
		}
	})
}

// strangerOn sends raw frames on an interface.
func strangerOn(t *testing.T, device string, frames ...[]byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l, err := linkNamed(fd, device)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := unix.Sendto(fd, f, 0, &unix.SockaddrLinklayer{Ifindex: l.index}); err != nil {
			t.Fatal(err)
		}
	}
}

// raw is a frame with its Ethernet header; more are words that stand before the EtherType, such as a VLAN tag.
func raw(to group, payload string, words ...uint16) []byte {
	b := append(slices.Clone(to[:]), 2, 0, 0, 0, 0, 9)
	for _, w := range words {
		b = binary.BigEndian.AppendUint16(b, w)
	}
	b = append(b, payload...)
	return append(b, make([]byte, max(0, 60-len(b)))...)
}

func TestAFrameOfAnotherKindCountsNothingOnAnEthernetPath(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		alpha, beta := bothEnds(t)
		const kind = config.DefaultEtherType
		own := groupOf(2)
		strangerOn(t, "cable", raw(own, "a true one, padded", kind))
		await(t, beta)
		if got := drain(t, beta); len(got) != 1 || len(got[0].Frame) != 46 || !strings.HasPrefix(string(got[0].Frame), "a true one") {
			t.Fatalf("a frame that fits the path gave %+v", got)
		}
		for _, c := range []struct {
			name  string
			frame []byte
		}{
			{"another EtherType", raw(own, "other", kind+1)},
			{"to another node", raw(groupOf(3), "other", kind)},
			{"broadcast", raw(group{255, 255, 255, 255, 255, 255}, "other", kind)},
			{"unicast to nobody", raw(group{2, 2, 3, 4, 5, 6}, "other", kind)},
			{"another VLAN", raw(own, "other", 0x8100, 5, kind)},
			{"another VLAN of a provider", raw(own, "other", 0x88a8, 5, kind)},
			{"two tags", raw(own, "other", 0x88a8, 5, 0x8100, 6, kind)},
		} {
			strangerOn(t, "cable", c.frame)
			nothingComes(t, alpha, beta, c.name)
		}
		strangerOn(t, "cable", raw(own, "only a priority", 0x8100, 5<<13, kind))
		await(t, beta)
		if got := drain(t, beta); len(got) != 1 || !strings.HasPrefix(string(got[0].Frame), "only a priority") {
			t.Errorf("a tag that has only a priority: %+v", got)
		}
	})
}

func TestVLANsOnOneCableAreSeparatePaths(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		alpha, beta := bothEnds(t)
		for _, end := range []string{"cable", "far"} {
			if out, err := exec.Command("ip", "link", "add", "link", end, "name", end+".5", "type", "vlan", "id", "5").CombinedOutput(); err != nil {
				t.Skipf("this kernel makes no VLAN interface: %s", out)
			}
			ip(t, "link", "set", end+".5", "up")
		}
		line := cross("five", "cable.5", "far.5")
		alpha5, beta5 := openCross(t, line, 1), openCross(t, line, 2)
		carries(t, alpha5, beta5, 2, []byte("in the VLAN"))
		nothingComes(t, alpha, beta, "a frame of the VLAN above")
		if got := drain(t, beta5); len(got) != 0 {
			t.Errorf("the VLAN's path took %+v", got)
		}
	})
}

func TestAnEthernetPathOverABond(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		addCable(t)
		if out, err := exec.Command("ip", "link", "add", "pair", "type", "bond", "mode", "active-backup").CombinedOutput(); err != nil {
			t.Skipf("this kernel makes no bond: %s", out)
		}
		ip(t, "link", "set", "cable", "down")
		ip(t, "link", "set", "cable", "master", "pair")
		ip(t, "link", "set", "pair", "up")
		line := cross("cross", "pair", "far")
		alpha, beta := openCross(t, line, 1), openCross(t, line, 2)
		eventually(t, func() string { return passes(alpha, beta) })
		carries(t, beta, alpha, 1, []byte("back"))
	})
}

// passes sends a frame, and says why it did not come at once.
func passes(from, to Path) string {
	if err := from.Send(2, []byte("try")); err != nil {
		return err.Error()
	}
	n := 0
	if err := to.Drain(func(Received) { n++ }); err != nil || n == 0 {
		return "nothing came"
	}
	return ""
}

// eventually tries until there is no complaint, for 10 s at most.
func eventually(t *testing.T, try func() string) {
	t.Helper()
	complaint := ""
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if complaint = try(); complaint == "" {
			return
		}
	}
	t.Fatal(complaint)
}

// TestAnEthernetPathRecoversByItself takes its interface away in each way; what is said names the interface, and the path
// works again once the interface is back.
func TestAnEthernetPathRecoversByItself(t *testing.T) {
	back := func(t *testing.T) {
		ip(t, "link", "set", "cable", "up")
		ip(t, "link", "set", "far", "up")
	}
	for _, c := range []struct {
		name, says string
		away       [][]string
		back       func(t *testing.T)
	}{
		{"down", "interface cable is down: ip link set cable up", [][]string{{"link", "set", "cable", "down"}}, back},
		{"no carrier", "interface cable has no carrier", [][]string{{"link", "set", "far", "down"}}, back},
		{"vanished", "there is no interface cable", [][]string{{"link", "del", "cable"}}, func(t *testing.T) { addCable(t) }},
		{"another one in its place", "", [][]string{{"link", "del", "cable"}, {"link", "add", "cable", "type", "veth", "peer", "name", "far"}}, back},
		{"one of the same number", "", [][]string{{"link", "del", "cable"},
			{"link", "add", "cable", "index", "77", "type", "veth", "peer", "name", "far", "index", "78"}, {"link", "del", "cable"},
			{"link", "add", "cable", "index", "77", "type", "veth", "peer", "name", "far", "index", "78"}}, back},
		{"renamed", "there is no interface cable", [][]string{{"link", "set", "cable", "down"}, {"link", "set", "cable", "name", "other"}},
			func(t *testing.T) { ip(t, "link", "set", "other", "name", "cable"); back(t) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inNamespace(t, func(t *testing.T) {
				alpha, beta := bothEnds(t)
				carries(t, alpha, beta, 2, []byte("before"))
				for _, command := range c.away {
					ip(t, command...)
				}
				if c.says != "" {
					eventually(t, func() string {
						err := alpha.Send(2, []byte("lost"))
						if err == nil || !strings.Contains(err.Error(), c.says) {
							return "not said: " + c.says
						}
						if errors.Is(err, ErrNoCarrier) != (c.name == "no carrier") {
							return "not told apart: " + err.Error()
						}
						return ""
					})
				}
				c.back(t)
				// Both are asked to send, as in a cluster: that is where a path looks for its interface.
				eventually(t, func() string { _ = beta.Send(1, []byte("try")); return passes(alpha, beta) })
				eventually(t, func() string {
					_, n := beta.Send(1, []byte("try")), 0
					if alpha.Drain(func(Received) { n++ }); n == 0 {
						return "nothing comes back"
					}
					return ""
				})
			})
		})
	}
}

func TestAnEthernetPathThatIsRenamedWhileItIsUpIsLookedForByName(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		alpha, _ := bothEnds(t)
		if out, err := exec.Command("ip", "link", "set", "cable", "name", "other").CombinedOutput(); err != nil {
			t.Skipf("this kernel renames no interface that is up: %s", out)
		}
		eventually(t, func() string {
			if err := alpha.Send(2, []byte("x")); err == nil || !strings.Contains(err.Error(), "there is no interface cable") {
				return "an interface that has lost its name is used on"
			}
			return ""
		})
	})
}

func TestAnInterfaceThatIsNotThereYetIsNoError(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		line := cross("cross", "cable", "far")
		alpha, beta := openCross(t, line, 1), openCross(t, line, 2)
		if err := alpha.Send(2, []byte("x")); err == nil || !strings.Contains(err.Error(), "path ethernet cross: there is no interface cable") {
			t.Errorf("got %v", err)
		}
		addCable(t)
		eventually(t, func() string { _ = beta.Send(1, []byte("try")); return passes(alpha, beta) })
	})
}

func TestAnEthernetPathFollowsTheMTU(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		alpha, _ := bothEnds(t)
		if alpha.MTU() != wire.MaxFrame {
			t.Errorf("an MTU of 1500 gives frames of %d", alpha.MTU())
		}
		ip(t, "link", "set", "cable", "mtu", "600")
		eventually(t, func() string {
			err := alpha.Send(2, make([]byte, 700))
			if err == nil || alpha.MTU() != 600 || !strings.Contains(err.Error(), "interface cable takes 600 bytes, the frame has 700") {
				return "too long a frame was taken"
			}
			return ""
		})
		if err := alpha.Send(2, make([]byte, 600)); err != nil {
			t.Error(err)
		}
	})
}

func TestSendingAndReceivingOnEthernetAllocateNothing(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		alpha, beta := bothEnds(t)
		frame, take := make([]byte, 100), func(Received) {}
		if n := testing.AllocsPerRun(200, func() {
			if alpha.Send(2, frame) != nil || beta.Drain(take) != nil {
				t.Error("not sent")
			}
		}); n != 0 {
			t.Errorf("%v allocations a frame", n)
		}
	})
}
