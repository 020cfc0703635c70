package cluster_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"locum/simulate"
)

var (
	update       = flag.Bool("update", false, "write the transcripts anew; say in the commit why they changed")
	expectations = flag.Bool("expectations", false, "look at what the scenarios expect, not at how they read")
)

// Each file of testdata is a scenario: what happens, what is decided, and why. Its expectations must hold, nothing that
// must never happen may happen, and the transcript must be the same to the letter.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenario: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, err := simulate.ParseScript(string(text))
			if err != nil {
				t.Fatal(err)
			}
			got, failures := script.Play()
			for _, f := range failures {
				t.Error(f)
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(text) && !*expectations {
				t.Errorf("the transcript changed (go test ./cluster -update writes it; see git diff):\n%s", firstDifference(string(text), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "want " + w[i] + "\ngot  " + g[i]
		}
	}
	return "one is longer"
}
