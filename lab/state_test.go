package lab

import (
	"strings"
	"syscall"
	"testing"
)

// leave ends locum on a node in order and waits for its end.
func (p *pair) leave(n *Node) {
	p.t.Helper()
	p.kill(p.heart(n), syscall.SIGTERM)
	must(p.t, p.process(n).Wait(p.context()))
}

func (p *pair) shell(n *Node, line string) {
	p.t.Helper()
	if out, err := n.Exec(p.context(), "sh", "-c", "cd "+NodeDir+" && "+line); err != nil {
		p.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// says waits until what locum says on a node holds every one of these words.
func (p *pair) says(n *Node, words ...string) {
	p.t.Helper()
	p.eventually(n.Name+" says "+strings.Join(words, ", "), func() bool {
		text := strings.ToLower(p.process(n).Output())
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	})
}

// castsNoVote waits until a node says so of itself.
func (p *pair) castsNoVote(n *Node) {
	p.t.Helper()
	p.eventually(n.Name+" says in its status that it casts no vote", func() bool {
		out, _ := p.locum(n, "status")
		return strings.Contains(out, "casts no vote")
	})
}

// TestASpoiledFileOfTheStateDirectoryIsNamedAndHurtsNobodyElse spoils each file that a node keeps, in each way, while the
// other node serves. What matters is named with what to do; what does not matter keeps the node from nothing.
func TestASpoiledFileOfTheStateDirectoryIsNamedAndHurtsNobodyElse(t *testing.T) {
	long(t)
	const dir = NodeDir + "/state/"
	damages := []struct{ name, line string }{
		{"emptied", ": >$F"},
		{"cut in half", "truncate -s $(($(stat -c %s $F) / 2)) $F"},
		{"overwritten with zeros", "head -c $(stat -c %s $F) /dev/zero >$F"},
		{"of rubbish", "head -c 2000 /dev/urandom >$F"},
		{"with a wrong bit", "printf '\\001' | dd of=$F bs=1 seek=20 conv=notrunc 2>/dev/null"},
	}
	p := newPair(t, withFence, "", theService)
	p.leave(p.alpha)
	p.owned("beta")
	p.shell(p.alpha, "cp -a state good")
	before := p.kept(p.beta)
	for _, file := range []struct {
		name   string
		ends   []string // ways after which it ends, having said what
		novote bool     // it goes on without a vote
	}{
		{name: "machine", ends: []string{"emptied", "cut in half", "overwritten with zeros", "of rubbish", "with a wrong bit"}},
		{name: "incarnation", ends: []string{"cut in half", "overwritten with zeros", "of rubbish"}}, // two slots; an empty file is a new node's
		{name: "durable", novote: true},
		{name: "durable.old"},
		{name: "events"},
		{name: "lock"},
	} {
		for _, damage := range damages {
			t.Run(file.name+" "+damage.name, func(t *testing.T) {
				p := &pair{World: p.World, t: t, alpha: p.alpha, beta: p.beta, client: p.client, locums: p.locums} // fails here
				p.shell(p.alpha, "rm -rf state && cp -a good state && F=state/"+file.name+" && "+damage.line)
				must(t, p.serve(p.alpha))
				switch ended := strings.Contains(strings.Join(file.ends, "|"), damage.name); {
				case ended:
					select {
					case <-p.process(p.alpha).Ended():
					case <-p.context().Done():
						t.Fatalf("it goes on:\n%s", p.process(p.alpha).Output())
					}
					p.says(p.alpha, "locum run: ", dir+file.name)
				case file.novote:
					p.says(p.alpha, dir+file.name, "casts no vote", "remove "+dir+file.name)
					p.castsNoVote(p.alpha)
					p.leave(p.alpha)
				default:
					p.whole()
					if out := p.process(p.alpha).Output(); strings.Contains(out, "alarm: ") {
						t.Errorf("an alarm:\n%s", out)
					}
					p.leave(p.alpha)
				}
				if said := p.process(p.alpha).Output(); strings.Contains(said, "panic") {
					t.Error(said)
				}
			})
		}
	}
	p.owned("beta")
	if after := p.kept(p.beta); after != before {
		t.Errorf("the service was touched: %+v, was %+v", after, before)
	}
}

// TestAStateDirectoryThatCannotBeWrittenKeepsTheServices: the directory of the node that serves fills up, or becomes
// read-only, while it serves. It keeps its services, says which file and why, casts no vote, and is a full member again
// when there is room.
func TestAStateDirectoryThatCannotBeWrittenKeepsTheServices(t *testing.T) {
	long(t)
	for _, c := range []struct{ name, prepare, spoil, mend, why string }{
		{"full", "mkdir -p state && mount -t tmpfs -o size=256k tmpfs state", "rm state/durable.old; head -c 1M /dev/zero >state/ballast 2>/dev/null; true", // else its room is used
			"rm state/ballast", "no space left"},
		{"read-only", "true", "mount --bind state state && mount -o remount,bind,ro state", "umount state", "read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := makePair(t, withFence, "", theService)
			p.shell(p.alpha, c.prepare)
			for _, n := range p.Nodes {
				must(t, p.serve(n))
			}
			p.owned("alpha")
			p.whole()
			before := p.kept(p.alpha)
			p.shell(p.alpha, c.spoil)
			// A word of the operator's has to be durable on every member: it must not be acknowledged now.
			if out, code := p.locum(p.alpha, "standby", "--timeout", "2s", "beta"); code == 0 {
				t.Errorf("it is acknowledged though alpha cannot keep it: %s", out)
			}
			p.says(p.alpha, c.why, NodeDir+"/state")
			p.castsNoVote(p.alpha)
			p.pass(2 * beatDead)
			p.owned("alpha")
			if after := p.kept(p.alpha); after != before {
				t.Errorf("the service was touched: %+v, was %+v", after, before)
			}
			p.shell(p.alpha, c.mend)
			p.says(p.alpha, "can be used again")
			p.whole()
			p.command(p.alpha, "online", "beta")
			if after := p.kept(p.alpha); after != before {
				t.Errorf("the service was touched: %+v, was %+v", after, before)
			}
		})
	}
}

// TestAStateDirectoryInTroubleAtTheStart: a node that comes up with it says why it does not, and the service stays.
func TestAStateDirectoryInTroubleAtTheStart(t *testing.T) {
	long(t)
	for _, c := range []struct{ name, spoil, why string }{
		{"full", "mount -t tmpfs -o size=4k tmpfs state && head -c 1M /dev/zero >state/ballast 2>/dev/null; true", "no space left"},
		{"read-only", "mount --bind state state && mount -o remount,bind,ro state", "read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, withFence, "", theService)
			p.leave(p.alpha)
			p.owned("beta")
			p.shell(p.alpha, c.spoil)
			before := p.kept(p.beta)
			must(t, p.serve(p.alpha))
			p.says(p.alpha, c.why, NodeDir+"/state")
			p.pass(2*beatDead + shootDelay)
			p.owned("beta")
			if after := p.kept(p.beta); after != before {
				t.Errorf("the service was touched: %+v, was %+v", after, before)
			}
		})
	}
}
