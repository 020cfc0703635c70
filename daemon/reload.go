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

	"locum/agents/reach"
	"locum/cluster"
	"locum/config"
	"locum/console"
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
// is kept. Where it has to be, and not only to have a newer program take over, the one that runs does instead of one that would not come up.
func (h *heart) beginAnew(again time.Duration) {
	h.tryAgain = max(h.tryAgain, again)
	if h.trying {
		return
	}
	h.trying = true
	late := time.AfterFunc(triedWithin, func() { h.w.post(h.sayWhatHangs) })
	go func() {
		next, err := wouldComeUp(h.o, h.state, h.self.Number, again != 0)
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
		if h.next.instead != nil {
			h.log("alarm", "it begins anew with the program that runs, because another would not come up: "+h.next.instead.Error()) // the engine ends now
		}
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

// successor is the heart that this one becomes.
type successor struct {
	program string
	life    wire.Incarnation // stored for it
	instead error            // of the program that was meant, and would not come up
}

// wouldComeUp looks for what would end a new heart, or make another node of it: its program, the state directory, the file in force, the name by which
// it finds itself there, the keys, and what its program says to all that. At last it stores the new heart's incarnation.
func wouldComeUp(o Options, state *stateDir, self wire.Node, must bool) (next successor, err error) {
	if _, err := state.machine(); err != nil {
		return next, err
	}
	switch found, err := selfInForce(o, state); {
	case err != nil:
		return next, err
	case found.Number != self:
		return next, fmt.Errorf("this machine's name is that of another node now, %s: name it as before, or give locum run its --node", found.Name)
	}
	next.program = programPath
	if err := programWouldBeIt(programPath, o); err != nil && must {
		next.program, next.instead = reach.OwnFile, err
	} else if err != nil {
		return next, err
	}
	next.life, err = state.nextIncarnation(0)
	return next, err
}

func programWouldBeIt(program string, o Options) error {
	if err := programRuns(program, versionWithin); err != nil {
		return err
	}
	return programWouldRun(program, o, versionWithin)
}

// WouldRun tells what keeps this program from being the heart that the options say, beside the one that is. It changes nothing.
func WouldRun(o Options) error {
	if _, err := selfInForce(o, &stateDir{path: o.StateDir}); err != nil {
		return &console.Failure{Code: console.ExitFailed, Text: err.Error()}
	}
	return nil
}

// selfInForce is this node's line in the file in force, whose keys can be read.
func selfInForce(o Options, state *stateDir) (config.Node, error) {
	cfg, err := readConfig(o, state)
	if err != nil {
		return config.Node{}, err
	}
	self, err := findSelf(o, cfg)
	if err != nil {
		return config.Node{}, err
	}
	_, _, err = keysOfHeart(cfg)
	return self, err
}

// programPath is where this program was started from, and where the next one is looked for. What the kernel names (/proc/self/exe) follows
// the file when that is moved aside, and ends at a link's target: a reload would execute the old one.
var programPath = findProgram()

// programVariable, in its environment, gives a heart the path of its program where it was executed anew without it.
const programVariable = "LOCUM_PROGRAM"

func findProgram() string {
	if handed := os.Getenv(programVariable); handed != "" {
		os.Unsetenv(programVariable)
		return handed
	}
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

// programRuns has a program say its version.
func programRuns(program string, within time.Duration) error {
	return haveSaid(program, within, versionCommand)
}

// programWouldRun asks a program whether it would be the heart that the options say. One that does not know the question is older, and is not asked: it
// says so, as a program that panics has the same exit status.
func programWouldRun(program string, o Options, within time.Duration) error {
	err := haveSaid(program, within, WouldRunCommand, "--config="+o.ConfigFile, "--node="+o.Node, "--state-dir="+o.StateDir)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == console.ExitUsage && strings.Contains(err.Error(), fmt.Sprintf("no command %q", WouldRunCommand)) {
		return nil
	}
	return err
}

// haveSaid has a program say something, which is that all is well if it ends so. Once its time is over nobody is waited for who has its output open, either.
func haveSaid(program string, within time.Duration, words ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := reach.Program(ctx, program); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, words...)
	cmd.Env = []string{} // of a heart's own nothing
	cmd.WaitDelay = time.Second
	var said beginning
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) { // that is one that has said it, and has left somebody running
		return fmt.Errorf("%s %s: %w %s", program, words[0], err, strings.TrimSpace(string(said)))
	}
	return nil
}
