package simulate

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"testing"
)

// historyHash is a hash of what some seeds' transcripts say to the letter.
func historyHash() string {
	sum := sha256.New()
	for seed := range uint64(30) {
		transcript, failures := Draw(seed).Play()
		fmt.Fprintln(sum, transcript, failures)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

var hashLine = regexp.MustCompile(`hash ([0-9a-f]{64})`)

func TestASeedIsOneHistory(t *testing.T) {
	first, second := historyHash(), historyHash()
	t.Log("hash " + first)
	if first != second {
		t.Error("the same seeds played twice give two histories")
	}
}

var emulate = flag.Bool("emulate", false, "play the seeds also on an emulated ppc64, which takes a minute (needs qemu-user-static)")

// TestASeedIsOneHistoryOnEveryMachine plays the seeds in a program for another word size and, with -emulate, for the other
// byte order.
func TestASeedIsOneHistoryOnEveryMachine(t *testing.T) {
	if testing.Short() || runtime.GOARCH != "amd64" {
		t.Skip("it compiles for 386, which amd64 runs; -short leaves that out")
	}
	want := historyHash()
	for _, m := range []struct{ arch, runner string }{{"386", ""}, {"ppc64", "qemu-ppc64-static"}} {
		t.Run(m.arch, func(t *testing.T) {
			args := []string{"test", "-run", "TestASeedIsOneHistory$", "-v"}
			if m.runner != "" {
				if !*emulate {
					t.Skip("only with -emulate")
				}
				path, err := exec.LookPath(m.runner)
				if err != nil {
					t.Skipf("%s is not there", m.runner)
				}
				args = append(args, "-exec", path)
			}
			cmd := exec.Command("go", append(args, ".")...)
			cmd.Env = append(cmd.Environ(), "GOARCH="+m.arch, "CGO_ENABLED=0")
			out, err := cmd.CombinedOutput()
			got := hashLine.FindSubmatch(out)
			if err != nil || got == nil {
				t.Fatalf("%v: %s", err, out)
			}
			if string(got[1]) != want {
				t.Errorf("another history: hash %s, here %s", got[1], want)
			}
		})
	}
}

// TestLargeClustersAreDrawn, whatever the seed: what nobody plays with each change must not fail before it begins.
func TestLargeClustersAreDrawn(t *testing.T) {
	for seed := range uint64(50) {
		DrawLarge(seed)
	}
}
