package lab

import (
	"strings"
	"testing"
)

// The key line of each step by which the key is replaced.
const (
	oldKey    = NodeDir + "/locum.key"
	newKeyAt  = NodeDir + "/new.key"
	keyBefore = "key " + oldKey + "\n"
	keyNext   = "key " + oldKey + " next=" + newKeyAt + "\n"
	keyAfter  = "key " + newKeyAt + " previous=" + oldKey + "\n"
	keyAlone  = "key " + newKeyAt + "\n"
)

// applyKey has the file with another key line applied, as soon as that is taken.
func (p *pair) applyKey(n *Node, text, line string) (out string) {
	p.t.Helper()
	must(p.t, n.WriteFile("next.conf", []byte(strings.Replace(text, keyBefore, line, 1)), 0o644))
	p.eventually(n.Name+" has it applied: "+strings.TrimSpace(line), func() bool {
		var code int
		out, code = p.locum(n, "apply", NodeDir+"/next.conf")
		return code == 0
	})
	return out
}

// TestTheKeyIsReplacedAndNothingMoves: three files are applied; the client that asks every 5 ms is answered throughout, no path is
// lost, and what is on the quorum disk can be read with the new key alone.
func TestTheKeyIsReplacedAndNothingMoves(t *testing.T) {
	long(t)
	p := newDiskPair(t, onDisk)
	text, key := lines(p.World, onDisk, "", theService), newKey(t)
	before, since := p.kept(p.alpha), Now()
	must(t, p.alpha.WriteFile("new.key", []byte(key), 0o600))
	must(t, p.alpha.WriteFile("next.conf", []byte(strings.Replace(text, keyBefore, keyNext, 1)), 0o644))
	p.wants(p.alpha, 1, []string{"not done everywhere: beta: key " + newKeyAt + " does not exist"}, "apply", NodeDir+"/next.conf")
	must(t, p.beta.WriteFile("new.key", []byte(newKey(t)), 0o600))
	p.wants(p.alpha, 1, []string{"not done everywhere: " + newKeyAt + " holds another key on "}, "apply", NodeDir+"/next.conf")
	must(t, p.beta.WriteFile("new.key", []byte(key), 0o600))
	must(t, p.alpha.WriteFile("next.conf", []byte(strings.Replace(text, keyBefore, keyAlone, 1)), 0o644))
	p.wants(p.alpha, 1, []string{"is not accepted here yet", "next=" + newKeyAt}, "apply", NodeDir+"/next.conf")

	for _, step := range []string{keyNext, keyAfter, keyAlone} {
		out := p.applyKey(p.alpha, text, step)
		t.Logf("%s -> %s", strings.TrimSpace(step), strings.TrimSpace(out))
		p.whole()
		for _, n := range p.Nodes {
			for name, path := range p.paths(n) {
				if !path.Up {
					t.Errorf("%s: path %s is not up: %+v", n.Name, name, path)
				}
			}
		}
	}
	for _, n := range p.Nodes {
		p.shell(n, "rm "+oldKey)
		p.wants(n, 0, nil, "disk", "show", "--config", NodeDir+"/locum.conf")
		if p.said(n, "is lost") || p.said(n, "dead, was") {
			out, _ := p.locum(n, "events")
			t.Errorf("%s lost something:\n%s", n.Name, out)
		}
	}
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
	probes := p.client.SoFar()
	gap := Gap{}
	for i := 1; i < len(probes.Answers); i++ {
		if g := (Gap{probes.Answers[i-1], probes.Answers[i]}); g.Before.Sent >= since && g.Length() > gap.Length() {
			gap = g
		}
	}
	t.Logf("the longest time without an answer: %s, of %d questions", gap.Length(), probes.Sent)
	if gap.Length() >= beatDead {
		t.Errorf("the client waited %s: as long as for a death", gap.Length())
	}
	if list := Tenures(p.Observer.Sights(), vip); len(list) != 1 {
		t.Errorf("the address was given up: %v", list)
	}
	// With the old key gone everywhere, the disk decides a split.
	must(t, p.CutBetween("alpha", "beta"))
	p.eventually("the disk has decided", func() bool { return p.said(p.beta, "the quorum disk has decided for alpha") })
	p.owned("alpha")
	must(t, p.Heal())
	p.whole()
}

// TestANodeThatWasAwayWhileTheKeyWasReplacedIsToldWhatToDo: both sides say what they see; with the file of the other and
// its key it comes back.
func TestANodeThatWasAwayWhileTheKeyWasReplacedIsToldWhatToDo(t *testing.T) {
	p := newPair(t, withFence, "", theService)
	text, key := lines(p.World, withFence, "", theService), newKey(t)
	for _, n := range p.Nodes {
		must(t, n.WriteFile("new.key", []byte(key), 0o600))
	}
	before := p.kept(p.alpha)
	p.leave(p.beta)
	for _, step := range []string{keyNext, keyAfter, keyAlone} {
		if out := p.applyKey(p.alpha, text, step); !strings.Contains(out, "beta is away") {
			t.Errorf("%s -> %s", step, out)
		}
		p.eventually("alpha is quorate", func() bool { return p.quorate(p.alpha) })
	}
	must(t, p.serve(p.beta))
	for _, n := range p.Nodes {
		p.eventually(n.Name+" says why it does not hear the other", func() bool {
			return strings.Contains(p.paths(n)["lan"].Note, "sealed with a key that is not ours")
		})
		p.eventually(n.Name+" says what to do", func() bool { return p.said(n, "copy to that one, from the other, locum.conf") })
		p.says(n, "sealed with a key that is not ours")
	}
	p.leave(p.beta)
	brought, err := p.alpha.ReadFile("locum.conf")
	must(t, err)
	must(t, p.beta.WriteFile("locum.conf", []byte(brought), 0o644))
	p.shell(p.beta, "rm "+oldKey)
	must(t, p.serve(p.beta))
	p.whole()
	for _, n := range p.Nodes {
		if got, err := n.ReadFile("locum.conf"); err != nil || !strings.Contains(string(got), keyAlone) {
			t.Errorf("%s: %v in its file:\n%s", n.Name, err, got)
		}
	}
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}
