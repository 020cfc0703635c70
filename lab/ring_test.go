package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"locum/console"
	"locum/wire"
)

// ring is a cluster of nodes that are joined by a ring of serial cables beside the network; cable i leads from node i to the next.
type ring struct {
	*pair
	cables []*Cable
}

// Times of a ring: the defaults of the file.
const (
	ringEvery = 100 * time.Millisecond
	ringDead  = time.Second
)

// newRing makes one of so many nodes, which serves.
func newRing(t testing.TB, count int) *ring {
	t.Helper()
	return newRingOn(onFitMachine(t, ringDead/8), count)
}

func newRingOn(t testing.TB, count int) *ring {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	r := &ring{}
	for range count {
		c, err := NewCable(115200)
		must(t, err)
		t.Cleanup(func() { must(t, c.Close()) })
		r.cables = append(r.cables, c)
	}
	line := "path serial ring baud=115200"
	for i := range count {
		line += fmt.Sprintf(" %s=%s,%s", nodeNames[i], r.cables[i].Devices[0], r.cables[(i+count-1)%count].Devices[1])
	}
	r.pair = makeNodes(t, count, withFence, "", theService+line+"\n")
	paced := strings.NewReplacer(fmt.Sprintf("beat every=%s dead=%s", beatEvery, beatDead), fmt.Sprintf("beat every=%s dead=%s", ringEvery, ringDead))
	for _, n := range r.Nodes {
		must(t, n.WriteFile("locum.conf", []byte(paced.Replace(lines(r.World, withFence, "", theService+line+"\n"))), 0o644))
	}
	r.serveAll()
	r.hears("ring", r.Nodes...)
	r.settled()
	return r
}

// settled waits until all nodes are of one view, which stays for a second: at a start one view follows another.
func (r *ring) settled() {
	r.t.Helper()
	view, since := wire.Epoch(0), time.Now()
	r.eventually("one view holds", func() bool {
		for _, n := range r.Nodes {
			if st := r.status(n); st == nil || st.Epoch != view {
				view, since = 0, time.Now()
				if st != nil {
					view = st.Epoch
				}
				return false
			}
		}
		return time.Since(since) > time.Second
	})
}

// hears waits until each of these nodes sees a path carry both ways to each other one of them.
func (r *ring) hears(path string, nodes ...*Node) {
	r.t.Helper()
	for _, n := range nodes {
		r.eventually(fmt.Sprintf("%s is joined to all others by %s", n.Name, path), func() bool {
			up := r.upTo(n, path)
			return !slices.ContainsFunc(nodes, func(o *Node) bool { return o != n && !slices.Contains(up, wire.Node(o.Number)) })
		})
	}
}

// upTo gives the peers to which a path of a node carries both ways.
func (r *ring) upTo(n *Node, path string) (peers []wire.Node) {
	r.t.Helper()
	out, code := r.locum(n, "paths", "--json")
	var reply console.Reply
	if code != 0 || json.Unmarshal([]byte(out), &reply) != nil {
		r.t.Fatalf("locum paths on %s: exit %d: %s", n.Name, code, out)
	}
	for _, s := range reply.Paths {
		if s.Path == path && s.Up && s.PeerHears {
			peers = append(peers, s.Peer)
		}
	}
	return peers
}

// onlyRing cuts the network between all nodes, and holds that every node has seen it lost.
func (r *ring) onlyRing() {
	r.t.Helper()
	for i, n := range r.Nodes {
		for _, o := range r.Nodes[i+1:] {
			must(r.t, r.CutBetween(n.Name, o.Name))
		}
	}
	for _, n := range r.Nodes {
		r.eventually(n.Name+" hears nobody over the network", func() bool { return len(r.upTo(n, "lan")) == 0 })
	}
}

// broken cuts a cable of the ring in both directions, or mends it.
func (r *ring) broken(cable int, cut bool) {
	for end := range 2 {
		r.cables[cable].Cut(end, cut)
	}
}

// TestARingOfSerialCablesAloneCarriesTheCluster: the network between the nodes is cut, then each cable of the ring in turn, which leaves
// a line in which beats pass through other nodes. Nothing moves.
func TestARingOfSerialCablesAloneCarriesTheCluster(t *testing.T) {
	long(t)
	for _, count := range []int{3, 4} {
		t.Run(fmt.Sprint(count, " nodes"), func(t *testing.T) {
			r := newRing(t, count)
			r.unmoved(func() {
				r.onlyRing()
				r.pass(3 * ringDead / 2)
				r.hears("ring", r.Nodes...)
			})
			for cable := range r.cables {
				r.unmoved(func() {
					r.broken(cable, true)
					r.pass(3 * ringDead / 2)
					r.hears("ring", r.Nodes...)
				})
				r.broken(cable, false)
			}
			out, _ := r.locum(r.alpha, "paths")
			t.Log("\n" + out)
		})
	}
}

// TestCommandsCrossABrokenRing: asked at gamma, decided at another node, done at two; what alpha and beta say to each other passes gamma.
// A move changes the view: many messages, each through eight of the kernel's workers.
func TestCommandsCrossABrokenRing(t *testing.T) {
	long(t)
	r := newRing(t, 3)
	r.onlyRing()
	r.broken(0, true) // between alpha and beta
	for _, to := range []string{"beta", "alpha"} {
		r.command(r.Nodes[2], "move", "web", to)
		r.owned(to)
	}
}

// TestADeathInABrokenRing: with the network gone, the node that serves dies at the end of the line that is left of the ring. What beta is
// told comes by way of gamma, which stands between; beta takes over, and never are there two owners.
func TestADeathInABrokenRing(t *testing.T) {
	long(t)
	r := newRing(t, 3)
	r.onlyRing()
	r.broken(0, true) // between alpha and beta
	r.pass(3 * ringDead / 2)
	r.whole()
	r.owned("alpha")
	must(r.t, r.alpha.Crash())
	r.owned("beta")
}

// TestARingThatFallsApartLeavesTheMajority: two broken cables of three leave one node alone. It is the one that serves: the two others
// go on, and have it switched off first.
func TestARingThatFallsApartLeavesTheMajority(t *testing.T) {
	long(t)
	r := newRing(t, 3)
	r.onlyRing()
	r.broken(0, true)
	r.broken(2, true)
	r.owned("beta")
	if !r.told("alpha", "off") || r.told("beta", "off") || r.told("gamma", "off") {
		r.t.Errorf("told: %v", r.Power.Log())
	}
}
