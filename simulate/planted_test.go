package simulate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	plant      = flag.String("plant", "", "plant the faults whose names match, one after the other, and see each caught")
	plantSeeds = flag.Int("plant-seeds", 2000, "within how many seeds a planted fault has to be caught")
)

// A simulator that finds nothing proves nothing. Each fault of the table is planted alone: the package is compiled with
// a line changed, and its random disasters, or a scenario of package cluster, have to find it.
//
//	go test ./simulate -run Planted -plant . -timeout 60m             # by the plain histories
//	go test ./simulate -run Planted -plant freed -votes -timeout 60m  # by those of one kind
func TestPlantedFaultsAreCaught(t *testing.T) {
	if *plant == "" {
		t.Skip("it compiles the package once for each fault: make planted")
	}
	wanted := regexp.MustCompile(*plant)
	for _, p := range plants {
		if !wanted.MatchString(p.name) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			overlay := p.overlay(t)
			scenarios := scenariosThatFail(t, overlay)
			tests := p.testsThatFail(t, overlay)
			seed, by := p.hunt(t, overlay)
			fmt.Printf("| %s | %s | %s | %s | %s | %s |\n", p.name, p.safety, seed, by, few(scenarios), few(tests))
			switch {
			case by == "" && len(scenarios) == 0 && len(tests) == 0:
				t.Errorf("neither %d seeds nor a scenario nor a test find it", *plantSeeds)
			case by != "" && !slices.Contains(strings.Fields(p.caught), by):
				t.Errorf("seed %s: found by the checker %q, want one of %s", seed, by, p.caught)
			}
		})
	}
}

func TestPlantedFaultsFitTheCode(t *testing.T) {
	for _, p := range plants {
		for _, e := range p.edits() {
			text, err := os.ReadFile(filepath.Join("..", e.file))
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
	dir := t.TempDir()
	changed := map[string]string{}
	for i, e := range p.edits() {
		real, err := filepath.Abs(filepath.Join("..", e.file))
		if err != nil {
			t.Fatal(err)
		}
		from := cmp.Or(changed[real], real)
		changed[real] = filepath.Join(dir, fmt.Sprintf("changed%d.go", i))
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		write(t, changed[real], bytes.Replace(text, []byte(e.before), []byte(e.after), 1))
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": changed})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "list.json"), list)
	return filepath.Join(dir, "list.json")
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

var firstFailure = regexp.MustCompile(`seed (\d+): (.*)`)

// hunt plays seeds until one fails, and gives which it was and the checker that found it.
func (p planted) hunt(t *testing.T, overlay string) (seed, by string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "simulate.test")
	if out, err := exec.Command("go", "test", "-overlay", overlay, "-vet=off", "-c", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("it does not compile: %v\n%s", err, out)
	}
	options := append(kind(*share), "-test.run", "TestRandomDisasters$", "-test.timeout", "10m", "-first", "-seeds", fmt.Sprint(*plantSeeds))
	out, _ := exec.Command(binary, options...).CombinedOutput()
	m := firstFailure.FindSubmatch(out)
	if m == nil {
		if !bytes.Contains(out, []byte("PASS")) {
			return "?", "panic"
		}
		return fmt.Sprintf("none of %d", *plantSeeds), ""
	}
	return string(m[1]), class(strings.Split(string(m[2]), "; ")[0])
}

// few is the first of a list and how many there are.
func few(list []string) string {
	switch len(list) {
	case 0:
		return ""
	case 1:
		return list[0]
	}
	return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// testsThatFail are the tests of the changed file's own package that find it, but for scenarios.
func (p planted) testsThatFail(t *testing.T, overlay string) (names []string) {
	t.Helper()
	out, _ := exec.Command("go", "test", "-overlay", overlay, "-vet=off", "../"+filepath.Dir(p.file), "-skip", "TestScenarios").CombinedOutput()
	for _, m := range failedTest.FindAllSubmatch(out, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

var failedScenario = regexp.MustCompile(`--- FAIL: TestScenarios/(\S+)`)

// scenariosThatFail are those of package cluster whose expectations do not hold any more; a transcript that only reads
// differently is not counted.
func scenariosThatFail(t *testing.T, overlay string) (names []string) {
	t.Helper()
	out, _ := exec.Command("go", "test", "-overlay", overlay, "-vet=off", "../cluster", "-run", "TestScenarios", "-expectations").CombinedOutput()
	for _, m := range failedScenario.FindAllSubmatch(out, -1) {
		names = append(names, string(m[1]))
	}
	return names
}
