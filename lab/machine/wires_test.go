package machine

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// shell runs a line of busybox's shell on a machine.
func (p *pair) shell(m *Machine, line string) string {
	p.t.Helper()
	return p.do(m, "run", "/bin/busybox", "sh", "-ec", "busybox() { /bin/busybox \"$@\"; }; "+line)
}

// carries counts the frames on a cable that begin, after their addresses, with these bytes.
func carries(c *Cable, begin []byte) *atomic.Int64 {
	count := new(atomic.Int64)
	c.Listen(func(frame []byte) {
		if len(frame) > 12 && bytes.HasPrefix(frame[12:], begin) {
			count.Add(1)
		}
	})
	return count
}

// TestAVLANBesideTheInterfaceItIsOn: a path over each, on one cable that pads the frames. The frames of one are not taken
// for the other's, and each carries the cluster alone.
func TestAVLANBesideTheInterfaceItIsOn(t *testing.T) {
	p := preparePair(t, "path ethernet tagged alpha=eth1.5 beta=eth1.5\n")
	p.cross.Pad(200) // no frame of locum is as short as the 60 bytes of Ethernet
	plain, tagged := carries(p.cross, []byte{0x88, 0xb5}), carries(p.cross, []byte{0x81, 0x00, 0x00, 0x05, 0x88, 0xb5})
	for _, m := range []*Machine{p.alpha, p.beta} {
		p.shell(m, "busybox vconfig add eth1 5; busybox ip link set eth1.5 up")
	}
	p.begin()
	p.serves(p.alpha)
	up := func(want int) func() bool {
		return func() bool { return p.pathsUp(p.alpha) == want && p.pathsUp(p.beta) == want }
	}
	p.until("all three paths are up", 20*time.Second, up(3))
	since := time.Now()
	p.lan.Cut(true)
	p.until("two are left", 20*time.Second, up(2))
	for _, m := range []*Machine{p.alpha, p.beta} {
		p.shell(m, "busybox ip link set eth1.5 down")
	}
	p.until("the untagged one is left", 20*time.Second, up(1))
	before := plain.Load()
	p.stays(p.alpha, 2*time.Second, since)
	if plain.Load() == before || tagged.Load() == 0 {
		t.Errorf("%d frames without a tag and %d with one", plain.Load(), tagged.Load())
	}
	t.Logf("%d frames without a tag, %d with one, %d were padded", plain.Load(), tagged.Load(), p.cross.Padded())
	if p.cross.Padded() == 0 {
		t.Error("no frame was padded")
	}
}

const bondFile = `cluster lab
key /etc/locum.key
node 1 alpha
node 2 beta votes=2
beat every=100ms dead=1s
lease 4s
path udp lan alpha=192.0.2.1 beta=192.0.2.2
path ethernet raw alpha=bond0 beta=bond0
service web nodes=alpha,beta
resource web vip 192.0.2.100/24 dev=bond0
`

// TestABondThatLosesItsActiveInterfaceMovesNothing: two cards of each machine on one segment, one of them active.
func TestABondThatLosesItsActiveInterfaceMovesNothing(t *testing.T) {
	p := plugPair(t, bondFile, func(p *pair, n string) []NIC { return []NIC{{p.lan, nil}, {p.lan, nil}} })
	for _, m := range []*Machine{p.alpha, p.beta} {
		p.shell(m, `d=/sys/class/net/bond0/bonding; echo active-backup >$d/mode; echo 50 >$d/miimon
			busybox ip link set bond0 up; for i in eth0 eth1; do busybox ip link set $i down; echo +$i >$d/slaves; done
			echo eth0 >$d/active_slave; busybox ip address add 192.0.2.`+map[*Machine]string{p.alpha: "1", p.beta: "2"}[m]+`/24 dev bond0`)
	}
	p.begin()
	p.serves(p.alpha)
	p.until("both paths are up", 20*time.Second, func() bool { return p.pathsUp(p.alpha) == 2 && p.pathsUp(p.beta) == 2 })
	active := func(m *Machine) string {
		return strings.TrimSpace(p.do(m, "read", "/sys/class/net/bond0/bonding/active_slave"))
	}
	for _, m := range []*Machine{p.alpha, p.beta} {
		since := time.Now()
		if is := active(m); is != "eth0" {
			t.Fatalf("%s uses %q", m.Name, is)
		}
		if err := m.Link(0, false); err != nil {
			t.Fatal(err)
		}
		p.until("the other interface is active", 10*time.Second, func() bool { return active(m) == "eth1" })
		p.stays(p.alpha, 2*time.Second, since)
		if a, b := p.pathsUp(p.alpha), p.pathsUp(p.beta); a != 2 || b != 2 {
			t.Errorf("%d and %d paths are up", a, b)
		}
		for _, m := range []*Machine{p.alpha, p.beta} {
			if said := m.Console(); strings.Contains(said, "dead, was") || strings.Contains(said, "is lost") {
				t.Errorf("%s noticed:\n%s", m.Name, said[max(0, len(said)-2000):])
			}
		}
	}
}
