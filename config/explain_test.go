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
