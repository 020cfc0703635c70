package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAnotherBinaryTakesEffectNodeByNode: another version is put in the place of the one that runs, and each node executes it in its turn.
// No service is touched, also not while the two versions make up the cluster, and an operator's word is done by both.
func TestAnotherBinaryTakesEffectNodeByNode(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a while: make test, or go test without -short, runs it")
	}
	p := newPair(t, withFence, "", theService)
	next := filepath.Join(t.TempDir(), "locum")
	build := exec.Command("go", "build", "-o", next, "-ldflags", "-X main.version=next", "locum")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	program, err := os.ReadFile(next)
	must(t, err)
	before := p.kept(p.alpha)
	for _, n := range p.Nodes {
		must(t, n.WriteFile("locum.next", program, 0o755))
		must(t, n.Move("locum.next", "locum"))
		must(t, p.process(n).Signal(syscall.SIGHUP))
		p.eventually(n.Name+" executes it", func() bool {
			return strings.Count(p.process(n).Output(), "the heart of "+n.Name+" begins") == 2
		})
		p.whole()
		if said, code := p.locum(n, "version"); code != 0 || !strings.Contains(said, "next") {
			t.Errorf("%s is of version %q", n.Name, said)
		}
		for _, words := range [][]string{{"maintenance", "on"}, {"maintenance", "off"}} {
			for _, by := range p.Nodes {
				if said, code := p.locum(by, words...); code != 0 {
					t.Errorf("%v, said on %s: %d %s", words, by.Name, code, said)
				}
			}
		}
	}
	if after := p.kept(p.alpha); after != before {
		t.Errorf("the service was touched: %v, %v before", after, before)
	}
}
