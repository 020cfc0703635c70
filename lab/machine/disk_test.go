package machine

import (
	"strings"
	"testing"
	"time"
)

// TestAStateDirectoryThatHangsIsSaidAndMovesNothing: a disk that answers no write any more takes the node's vote, and nothing else.
func TestAStateDirectoryThatHangsIsSaidAndMovesNothing(t *testing.T) {
	p := withWatchdog(t)
	since := time.Now()
	if err := p.alpha.SlowDisk(1); err != nil {
		t.Fatal(err)
	}
	if said, err := p.beta.Do("run", "/locum", "maintenance", "on", "web"); err != nil {
		t.Errorf("a command beside a node that cannot write: %v: %s", err, said)
	}
	p.until("alpha says that it hangs", 30*time.Second, func() bool {
		return strings.Contains(p.status(p.alpha), "the state directory cannot be used: this node casts no vote")
	})
	// A reload waits for the disk: a heart that began anew now would not come up.
	heart, lives := p.heart(p.alpha), strings.Count(p.alpha.Console(), "the heart of alpha begins")
	p.do(p.alpha, "signal", heart, "1")
	p.stays(p.alpha, 20*time.Second, since)
	if err := p.alpha.SlowDisk(0); err != nil {
		t.Fatal(err)
	}
	p.until("alpha can write again", 60*time.Second, func() bool {
		return !strings.Contains(p.status(p.alpha), "the state directory cannot be used")
	})
	p.until("alpha begins anew", 60*time.Second, func() bool { return strings.Count(p.alpha.Console(), "the heart of alpha begins") > lives })
	p.until("the view is whole again", 60*time.Second, func() bool { return p.pathsUp(p.alpha) > 1 })
	if said, err := p.beta.Do("run", "/locum", "maintenance", "off", "web"); err != nil {
		t.Errorf("a command after it: %v: %s", err, said)
	}
	p.stays(p.alpha, 2*time.Second, since)
}
