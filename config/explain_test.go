package config

import (
	"strings"
	"testing"
)

// What is said of a tie is said of the file's own tie-breaks.
func TestWhatAFileMeansSpeaksOfUnsafeOnlyWhereItIsWritten(t *testing.T) {
	pair := strings.ReplaceAll(withoutFences, "tiebreak fence\n", "")
	for _, tc := range []struct {
		name, text string
		advice     bool
		proof      string // of the first node's death
	}{
		{"unsafe", pair + "tiebreak unsafe\n", true, "no proof: unsafe"},
		{"unsafe behind a disk", pair + "tiebreak disk\ndisk /dev/disk/by-id/x\ntiebreak unsafe\n", false, "an operator's word"},
		{"a disk", pair + "tiebreak disk\ndisk /dev/disk/by-id/x\n", false, "an operator's word"},
		{"a switch", good, false, "power confirmed off"},
		{"unsafe, with a switch for what is lost otherwise", strings.Replace(good, "tiebreak fence", "tiebreak unsafe", 1), false, "no proof: unsafe"},
		{"half of the votes and nothing", strings.ReplaceAll(strings.Replace(pair, "node 1 alpha", "node 1 alpha votes=2\nnode 3 gamma", 1), "beta=192.0.2.2", "beta=192.0.2.2 gamma=192.0.2.3"), false,
			"none: the others have exactly half of the votes, and nothing breaks the tie"},
	} {
		c, p := Parse("f", tc.text)
		if c == nil {
			t.Fatalf("%s: %v", tc.name, p)
		}
		if row := c.Explain()[0]; row.Proof != tc.proof || (c.Advice() != "") != tc.advice {
			t.Errorf("%s: %q, advice %q", tc.name, row.Proof, c.Advice())
		}
	}
}

// withoutFences is the good file without its switches.
var withoutFences = strings.Join(strings.FieldsFunc(good, func(r rune) bool { return r == '\n' })[:6], "\n") + "\n" +
	strings.Join(strings.Split(good, "\n")[8:], "\n")

func TestTheWorstCaseCountsWhatAServiceStartsAfter(t *testing.T) {
	const more = "service db nodes=alpha,beta\nresource db unit db.service start=30s\nservice app nodes=beta,alpha after=db,log,web\nresource app unit app.service start=10s\n" +
		"service log nodes=beta\nresource log unit log.service start=10m\n"
	c, p := Parse("f", good+more)
	if c == nil {
		t.Fatal(p)
	}
	for i, want := range []int64{130_000, 610_000} { // web has two resources of a minute each; log cannot have run on alpha
		terms := c.Explain()[i].Terms
		if last := terms[len(terms)-1]; last.MS != want || !strings.HasPrefix(last.Name, "start") {
			t.Errorf("node %d: %+v, want %d", i+1, last, want)
		}
	}
}

func TestAFileInWhichNobodyHasAVoteIsRefused(t *testing.T) {
	c, p := Parse("f", strings.NewReplacer("1 alpha", "1 alpha votes=0", "2 beta", "2 beta votes=0").Replace(good))
	if c != nil || !strings.Contains(p.Error(), "f: no node has a vote") {
		t.Error(p)
	}
}

// What a disk has decided needs a proof, and no further vote: the lease is one.
func TestWhereADiskDecidesTheLeaseIsAProofOfWhoDiesWithItsSwitch(t *testing.T) {
	c, p := Parse("f", strings.Replace(good, "tiebreak fence", "tiebreak disk\ntiebreak fence\ndisk /dev/disk/by-id/x\nwatchdog /dev/watchdog timeout=10s", 1))
	if c == nil {
		t.Fatal(p)
	}
	if warned(p, "nothing can prove that alpha is off") {
		t.Errorf("%v", p.Warnings)
	}
	for _, row := range c.Explain() {
		switch {
		case strings.Contains(row.Event, "together with the switch"):
			if row.Proof != "lease and watchdog's time over" || len(row.Terms) == 0 {
				t.Errorf("%+v", row)
			}
		case strings.Contains(row.Event, "path"):
			if !strings.Contains(strings.Join(row.Steps, " "), "the quorum disk decides for one side") {
				t.Errorf("%+v", row)
			}
		}
	}
	_, p = Parse("f", good+"watchdog /dev/watchdog timeout=10s\n")
	if !warned(p, "nothing can prove that alpha is off") {
		t.Errorf("without a disk: %v", p.Warnings)
	}
}

// For an operator it is waited as long as it takes.
func TestWhatWaitsForAnOperatorHasNoWorstCase(t *testing.T) {
	disk := strings.Replace(withoutFences, "tiebreak fence", "tiebreak disk\ndisk /dev/disk/by-id/x", 1)
	const hand = "fence alpha hand type=manual\nfence beta hand type=manual\n"
	for name, text := range map[string]string{"nothing": disk, "an operator's line": disk + hand, "a tie that an operator breaks": withoutFences + hand} {
		c, p := Parse("f", text)
		if c == nil {
			t.Fatal(p)
		}
		if row := c.Explain()[0]; row.Proof != operatorsWord || len(row.Terms) != 0 || !strings.Contains(row.Steps[len(row.Steps)-1], "once that is said, what ran on it") {
			t.Errorf("%s: %+v", name, row)
		}
	}
	c, p := Parse("f", disk+hand+"watchdog /dev/watchdog\n")
	if c == nil {
		t.Fatal(p)
	}
	if row := c.Explain()[0]; row.Proof != "lease and watchdog's time over" || len(row.Terms) == 0 {
		t.Errorf("with a watchdog: %+v", row)
	}
}
