package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"locum/cluster"
	"locum/heartbeat"
)

const (
	// versionWithin bounds the wait for a program that is to say its version.
	versionWithin = 30 * time.Second
	// triedWithin is how long it may take to find out whether a new heart would come up before that is said.
	triedWithin = 3 * time.Second
)

// beginAnew has this process execute itself anew, once it is known that a heart would come up again: one that did not would leave
// its services without a heart, while this one serves. What is in the way is said, and tried again after a pause if that is not 0.
// A disk that hangs holds up nobody but this.
func (h *heart) beginAnew(again time.Duration) {
	if h.trying {
		return
	}
	h.trying = true
	late := time.AfterFunc(triedWithin, func() { h.w.post(h.sayWhatHangs) })
	go func() {
		err := wouldComeUp(h.o, h.state)
		h.w.post(func() {
			late.Stop()
			h.trying = false
			h.tried(err, again)
		})
	}()
}

func (h *heart) sayWhatHangs() {
	if h.trying {
		h.note(cluster.History{Kind: "alarm", Level: "alarm",
			Text: "it begins anew once its program, the state directory, the file and the key can be read and written: one of them hangs"})
	}
}

// tried goes on with what was found out.
func (h *heart) tried(err error, again time.Duration) {
	if err == nil {
		h.step(heartbeat.Reload{})
		return
	}
	text := "it does not begin anew, because it would not come up again: " + err.Error()
	if again == 0 || !h.said[text] {
		h.note(cluster.History{Kind: "alarm", Level: "alarm", Text: text})
	}
	if h.said[text] = true; again != 0 {
		time.AfterFunc(again, func() { h.w.post(func() { h.beginAnew(again) }) })
	}
}

// wouldComeUp looks for what would end a new heart: its program, the state directory, the file in force, the keys.
func wouldComeUp(o Options, state *stateDir) error {
	if err := programRuns(); err != nil {
		return err
	}
	if err := state.takesWrites(); err != nil {
		return err
	}
	cfg, err := readConfig(o, state)
	if err != nil {
		return err
	}
	_, _, err = keysOfHeart(cfg)
	return err
}

// programPath is where this program was started from, and where the next one is looked for. What the kernel names (/proc/self/exe) follows
// the file when that is moved aside, and ends at a link's target: a reload would execute the old one.
var programPath = findProgram()

func findProgram() string {
	own, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	named, err := filepath.Abs(os.Args[0])
	if err != nil {
		return own
	}
	a, aErr := os.Stat(named)
	b, bErr := os.Stat("/proc/self/exe")
	if aErr != nil || bErr != nil || !os.SameFile(a, b) {
		return own // by a search along PATH
	}
	return named
}

// programRuns has the program that would be executed say its version.
func programRuns() error {
	ctx, cancel := context.WithTimeout(context.Background(), versionWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, programPath, versionCommand)
	cmd.Env = []string{} // of a heart's own nothing
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w %s", programPath, versionCommand, err, strings.TrimSpace(string(said)))
	}
	return nil
}

// takesWrites tries to write the file without which no heart begins: what it holds already.
func (d *stateDir) takesWrites() error {
	path := d.file("incarnation")
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_SYNC, 0)
	if err != nil {
		return err
	}
	first := make([]byte, 1)
	_, err = f.ReadAt(first, 0)
	if err == nil {
		_, err = f.WriteAt(first, 0)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
