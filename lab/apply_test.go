package lab

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"locum/console"
)

// file is a file for the first nodes of a world.
func (p *pair) file(w *World, count int, more string) []byte {
	few := *w
	few.Nodes = w.Nodes[:count]
	return []byte(lines(&few, withFence, "", theService) + more)
}

// members waits until each of some nodes says that they are the members, and all nodes of its file.
func (p *pair) members(nodes ...*Node) {
	p.t.Helper()
	var want []string
	for _, n := range nodes {
		want = append(want, n.Name+" member")
	}
	for _, n := range nodes {
		var got []string
		p.eventually(n.Name+" says that these are the members: "+strings.Join(want, ", "), func() bool {
			st := p.status(n)
			got = nil
			for i := 0; st != nil && i < len(st.Nodes); i++ {
				got = append(got, st.Nodes[i].Name+" "+st.Nodes[i].State)
			}
			return st != nil && st.Quorate && slices.Equal(got, want)
		})
	}
}

// TestApplyAddsANodeAndRemovesIt: the file of two nodes becomes one of three, and again one of two; the service goes on.
func TestApplyAddsANodeAndRemovesIt(t *testing.T) {
	long(t)
	if os.Geteuid() != 0 {
		t.Skip(ErrNotRoot)
	}
	p, all := newTrio(t)
	before := p.kept(p.alpha)
	gamma := all.Nodes[2]
	three := p.file(all, 3, "")
	must(t, p.beta.WriteFile("next.conf", three, 0o644))
	p.wants(p.beta, 0, []string{"the new file is in force on alpha, beta"}, "apply", NodeDir+"/next.conf")
	must(t, gamma.WriteFile("locum.conf", three, 0o644))
	must(t, gamma.Boot())
	p.World = all
	must(t, p.serve(gamma))
	p.members(all.Nodes...)
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	p.wants(gamma, 0, []string{"(3 of 3 votes: more than half)"}, "status")

	// The file at its usual place is the new one, on every node. One that is edited is told, and not followed.
	for _, n := range all.Nodes {
		if text, err := n.ReadFile("locum.conf"); err != nil || !strings.Contains(string(text), "node 3 gamma") {
			t.Errorf("%s: %v in its file:\n%s", n.Name, err, text)
		}
	}
	must(t, p.alpha.WriteFile("locum.conf", p.file(all, 2, ""), 0o644))
	p.wants(p.alpha, 0, []string{"gamma", "locum.conf was edited and not applied", "locum apply"}, "status")

	must(t, p.alpha.WriteFile("next.conf", p.file(all, 2, ""), 0o644))
	p.leave(gamma) // before it is taken out, as a careful operator does
	p.wants(p.alpha, 0, []string{"the new file is in force on alpha, beta"}, "apply", NodeDir+"/next.conf")
	p.members(p.alpha, p.beta)
	p.owned("alpha")
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched by the second file: %+v, was %+v", after, before)
	}
	if list := Tenures(p.Observer.Sights(), vip); len(list) != 1 {
		t.Errorf("the address was given up: %v", list)
	}
}

// newTrio is a pair that serves, and a third machine that is off and not in the file; the world of all three beside it.
func newTrio(t *testing.T) (*pair, *World) {
	t.Helper()
	path, err := locumBinary()
	if err != nil {
		t.Fatal("build locum: ", err)
	}
	all, err := New(Options{Nodes: 3, Programs: map[string]string{"locum": path}})
	must(t, err)
	two := *all
	two.Nodes = all.Nodes[:2]
	p := &pair{World: &two, t: t, alpha: all.Nodes[0], beta: all.Nodes[1], locums: map[string]*Process{}}
	t.Cleanup(p.end)
	key := newKey(t)
	for _, n := range all.Nodes {
		must(t, n.WriteFile("locum.key", []byte(key), 0o600))
	}
	for _, n := range two.Nodes {
		must(t, n.WriteFile("locum.conf", p.file(all, 2, ""), 0o644))
		must(t, n.Boot())
		must(t, p.serve(n))
	}
	p.client, err = all.Probe(netip.AddrPortFrom(vip, servicePort), 5*time.Millisecond)
	must(t, err)
	p.owned("alpha")
	p.members(two.Nodes...)
	return p, all
}

// TestApplyRefusesWhatCannotBe: nothing changes, and the reason is said.
func TestApplyRefusesWhatCannotBe(t *testing.T) {
	p := newPair(t, withFence, "", theService)
	before := p.kept(p.alpha)
	good := lines(p.World, withFence, "", theService)
	for _, c := range []struct {
		name, text string
		code       int
		words      []string
	}{
		{"a file with errors", strings.Replace(good, "service web", "servise web", 1), console.ExitUsage, []string{"new.conf:6: unknown directive", `did you mean "service"?`}},
		{"another cluster's file", strings.Replace(good, "cluster lab", "cluster other", 1), console.ExitFailed, []string{"the cluster's name cannot be changed while it runs"}},
		{"two nodes that swap their numbers", strings.NewReplacer("node 1 alpha", "node 2 alpha", "node 2 beta", "node 1 beta").Replace(good), console.ExitFailed, []string{"a number stays with its node"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &pair{World: p.World, t: t, alpha: p.alpha, beta: p.beta, client: p.client, locums: p.locums} // fails here
			must(t, p.beta.WriteFile("new.conf", []byte(c.text), 0o644))
			p.wants(p.beta, c.code, c.words, "apply", NodeDir+"/new.conf")
		})
	}
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	p.wants(p.alpha, console.ExitUsage, []string{"does not exist"}, "apply", NodeDir+"/new.conf")
}

// TestApplyOfAnotherAddressLeavesNothingOfTheOld: what the new file changes is stopped by the old file and started by the
// new one, and never in between.
func TestApplyOfAnotherAddressLeavesNothingOfTheOld(t *testing.T) {
	long(t)
	p := newPair(t, withFence, "", theService)
	good := lines(p.World, withFence, "", theService)
	must(t, p.beta.WriteFile("new.conf", []byte(strings.ReplaceAll(good, "192.0.2.100/24", "192.0.2.101/24")), 0o644))
	p.wants(p.beta, 0, []string{"the new file is in force on alpha, beta"}, "apply", NodeDir+"/new.conf")
	p.eventually("alpha holds the new address", func() bool { who, _ := p.Observer.Holder(vip.Next()); return who == "alpha" })
	p.whole()
	if list := Tenures(p.Observer.Sights(), vip); len(list) != 1 || list[0].To == 0 {
		t.Errorf("the old address was held %v, want once and no longer", list)
	}
}
