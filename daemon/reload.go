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

	"locum/cluster"
	"locum/fence/reach"
	"locum/heartbeat"
	"locum/wire"
)

const (
	// versionWithin bounds the wait for a program that is to say its version.
	versionWithin = 30 * time.Second
	// triedWithin is how long it may take to find out whether a new heart would come up before that is said.
	triedWithin = 3 * time.Second
)

// beginAnew has this process execute itself anew, once it is known that a heart would come up again: one that did not would leave
// its services without a heart, while this one serves. What is in the way is said, and tried again after a pause if that is not 0.
// A disk that hangs holds up nobody but this. Who asks while it is being found out gets the answer to that, and a pause that one of them has asked for
// is kept.
func (h *heart) beginAnew(again time.Duration) {
	h.tryAgain = max(h.tryAgain, again)
	if h.trying {
		return
	}
	h.trying = true
	late := time.AfterFunc(triedWithin, func() { h.w.post(h.sayWhatHangs) })
	go func() {
		next, err := wouldComeUp(h.o, h.state, h.self.Number)
		h.w.post(func() {
			late.Stop()
			again := h.tryAgain
			h.trying, h.tryAgain, h.next = false, 0, next
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

// wouldComeUp looks for what would end a new heart, or make another node of it: its program, the state directory, the file in force, the name by which
// it finds itself there, the keys. At last it stores the new heart's incarnation.
func wouldComeUp(o Options, state *stateDir, self wire.Node) (next wire.Incarnation, err error) {
	if err := programRuns(programPath, versionWithin); err != nil {
		return 0, err
	}
	if _, err := state.machine(); err != nil {
		return 0, err
	}
	cfg, err := readConfig(o, state)
	if err != nil {
		return 0, err
	}
	switch found, err := findSelf(o, cfg); {
	case err != nil:
		return 0, err
	case found.Number != self:
		return 0, fmt.Errorf("this machine's name is that of another node now, %s: name it as before, or give locum run its --node", found.Name)
	}
	if _, _, err = keysOfHeart(cfg); err != nil {
		return 0, err
	}
	return state.nextIncarnation(0)
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

// beginning keeps the first bytes of what is written: a heart's memory is locked.
type beginning []byte

const mostSaid = 500

func (b *beginning) Write(p []byte) (int, error) {
	*b = append(*b, p[:min(len(p), mostSaid-len(*b))]...)
	return len(p), nil
}

// programRuns has a program say its version. Once its time is over nobody is waited for who has its output open, either.
func programRuns(program string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := reach.Program(ctx, program); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, versionCommand)
	cmd.Env = []string{} // of a heart's own nothing
	cmd.WaitDelay = time.Second
	var said beginning
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) { // that is one that has said it, and has left somebody running
		return fmt.Errorf("%s %s: %w %s", program, versionCommand, err, strings.TrimSpace(string(said)))
	}
	return nil
}
