package quorumdisk

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var plant = flag.String("plant", "", "plant the mistakes whose names match, one after the other, and see each found")

// planted is a mistake that is put into the deciding code by compiling with files changed.
type planted struct {
	name  string
	edits []edit
	found string // the test that finds it
}

type edit struct{ file, before, after string }

const (
	byStates = "TestNoInterleavingBreaksAgreement"
	byWalks  = "TestNoRandomWayBreaksAgreement"
)

var plants = []planted{
	{"no-read-after-write", []edit{{"tiestep.go", "\t\t\tk.wrote = true\n", "\t\t\tk.wrote, k.done = true, true\n\t\t\tt.proceed(now)\n"}}, byStates},
	{"read-before-write", []edit{{"tieio.go", "case !k.wrote:\n\t\t\treturn write\n\t\tcase !k.done:\n\t\t\treturn read", "case !k.done:\n\t\t\treturn read\n\t\tcase !k.wrote:\n\t\t\treturn write"},
		{"tiestep.go", "return ev.Op < t.first || shown == t.mine", "return true"}}, byStates},
	{"majority-of-one", []edit{{"header.go", "return disks/2 + 1", "return 1"}}, byStates},
	{"accepted-value-ignored", []edit{{"tiestep.go", "if t.best == 0 {", "if true {"}}, byStates},
	{"lowest-accepted-taken", []edit{{"tiestep.go", "c.Accepted > t.best {", "c.Accepted != 0 && (t.best == 0 || c.Accepted < t.best) {"}}, byStates},
	{"higher-promise-ignored", []edit{{"tiestep.go", "case t.high > t.mine.Promised:", "case false:"}}, byStates},
	{"late-answers-counted", []edit{{"tiestep.go", "if ev.Op >= t.first {\n\t\tk.done = true", "if true {\n\t\tk.done = true"}, {"tiestep.go", "return ev.Op < t.first || shown == t.mine", "return true"}}, byStates},
	{"failed-write-taken-for-done", []edit{{"tiestep.go", "\t\t\tk.retryAt = now + wire.Instant(t.set.Retry)\n\t\t}\n\t}\n", "\t\t\tk.wrote = true\n\t\t}\n\t}\n"},
		{"tiestep.go", "return ev.Op < t.first || shown == t.mine", "return true"}}, byStates},
	{"lost-write-not-noticed", []edit{{"tiestep.go", "return ev.Op < t.first || shown == t.mine", "return true"}}, byStates},
	{"newer-instance-not-noticed", []edit{{"tiestep.go", "case t.last.Instance >= t.mine.Instance:", "case false:"}}, byStates},
	{"own-past-not-read", []edit{{"tiestep.go", "t.mine = t.mine.With(own)", ""}}, byStates},
	{"opened-without-proof", []edit{{"tieproof.go", "case !t.wanted, decided && t.holds(), decided && !t.over(t.last.Winner), !t.mayFollow(t.last.Winner):", "case !t.wanted, decided && t.holds():"}}, byStates},
	{"joined-without-proof", []edit{{"tieproof.go", ", !t.mayFollow(t.last.Winner):", ":"}}, byStates},
	{"loser-tries-again", []edit{{"tieproof.go", "decided && !t.over(t.last.Winner), !t.mayFollow(t.last.Winner)", "!decided && !t.mayFollow(t.last.Winner)"}}, byStates},
	{"proof-of-an-older-life", []edit{{"tieproof.go", "t.want.Gone[w.Node-1] >= w.Incarnation", "t.want.Gone[w.Node-1] > 0"}}, byStates},
	{"turn-not-begun-anew", []edit{{"tieproof.go", "\t\tt.disk[d].wrote, t.disk[d].done = false, false\n\t}\n}\n\n// learn", "\t\tt.disk[d].done = false\n\t}\n}\n\n// learn"},
		{"tiestep.go", "return ev.Op < t.first || shown == t.mine", "return true"}}, byStates},
	{"ballots-of-two-nodes-the-same", []edit{{"claim.go", "return Ballot(round<<8 | uint64(n))", "return Ballot(round << 8)"}}, byStates},
	{"loaded-from-one-disk", []edit{{"tiestep.go", "\tcase loading:\n\t\tif t.agreeing() {", "\tcase loading:\n\t\tif true {"}}, byStates},
	{"turn-across-two-sets", []edit{{"tiestep.go", "ev.Generation > t.generation {", "false {"}}, byWalks},
	{"past-by-the-highest-promise-alone", []edit{{"claim.go", "if o.Accepted > c.Accepted {", "if o.Promised >= c.Promised {"}}, "TestWhatFormerLivesWroteIsPutTogether"},
}

func TestPlantedMistakesAreFound(t *testing.T) {
	if *plant == "" {
		t.Skip("it compiles the package once for each mistake: go test ./quorumdisk -run Planted -plant .")
	}
	wanted := regexp.MustCompile(*plant)
	for _, p := range plants {
		if !wanted.MatchString(p.name) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			out, err := exec.Command("go", "test", "-overlay", p.overlay(t), "-run", "^"+p.found+"$", "-failfast", "-timeout", "10m", ".").CombinedOutput()
			switch {
			case err == nil:
				t.Errorf("%s does not find it", p.found)
			case !bytes.Contains(out, []byte("--- FAIL")):
				t.Errorf("not found but broken: %s", out)
			default:
				t.Log(firstLine(out))
			}
		})
	}
}

func firstLine(out []byte) string {
	for line := range strings.Lines(string(out)) {
		if s := strings.TrimSpace(line); strings.Contains(s, "_test.go") {
			return s
		}
	}
	return ""
}

func TestPlantedMistakesFitTheCode(t *testing.T) {
	for _, p := range plants {
		for _, e := range p.edits {
			text, err := os.ReadFile(e.file)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(text, []byte(e.before)); n != 1 {
				t.Errorf("%s: %q stands %d times in %s, want once", p.name, e.before, n, e.file)
			}
		}
	}
}

// overlay writes the changed files, and the list by which the compiler takes them for the real ones.
func (p planted) overlay(t *testing.T) string {
	t.Helper()
	dir, replace := t.TempDir(), map[string]string{}
	for _, e := range p.edits {
		real, err := filepath.Abs(e.file)
		if err != nil {
			t.Fatal(err)
		}
		from := real
		if replace[real] != "" {
			from = replace[real]
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		replace[real] = filepath.Join(dir, e.file)
		if err := os.WriteFile(replace[real], bytes.Replace(text, []byte(e.before), []byte(e.after), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "list.json")
	if err := os.WriteFile(name, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
