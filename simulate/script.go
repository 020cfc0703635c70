package simulate

import (
	"fmt"
	"strings"

	"locum/config"
	"locum/wire"
)

// Script is a scenario: a configuration, then commands, each followed by what it led to, indented. Play runs the commands
// and gives the transcript as it is now; a test compares it with what the file says.
//
//	cluster t
//	...
//	---
//	boot alpha beta
//	run 3s
//	    0.103 alpha view 1: ...
//
// The commands are the table in script.go; "expect" lines fail the script when they do not hold.
type Script struct {
	Config   string
	Commands []string
	watch    func(*World) // see World
	loose    bool         // a command that cannot be done there, as to release what is not held, is left out, until all is healed
}

// HasDisks reports whether the file of the history has quorum disks.
func (s Script) HasDisks() bool { return strings.Contains(s.Config, "\ndisk ") }

// ParseScript reads a scenario file. Lines that begin with a blank are output and are skipped; # begins a comment, which
// stays with the next command.
func ParseScript(text string) (Script, error) {
	head, body, ok := strings.Cut(text, "\n---\n")
	if !ok {
		return Script{}, fmt.Errorf("scenario: no line --- between the configuration and the commands")
	}
	s := Script{Config: head + "\n"}
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\n")
		if !strings.HasPrefix(line, " ") {
			s.Commands = append(s.Commands, line)
		}
	}
	return s, nil
}

// Play runs the script and returns its transcript, and what went wrong: an expectation that did not hold, or something
// that must never happen.
func (s Script) Play() (transcript string, failures []string) {
	_, transcript, failures = s.play()
	return transcript, failures
}

// tellKnown logs what each node knows, for who has to find out why something went wrong.
func (w *World) tellKnown() {
	w.each(func(n *node) {
		if n.engine == nil {
			w.log(n, "knows nothing: it has no engine")
			return
		}
		st := n.engine.Status(n.now())
		w.log(n, "knows: view %d led by %s, quorate %t (%s); lease %s", st.Epoch, st.Leader, st.Quorate, st.QuorumWhy, st.Lease)
		for _, s := range st.Services {
			w.log(n, "knows: %s %s %s: %s %v", s.Service, s.State, s.Node, s.Why, s.On)
		}
		for _, wait := range st.Waits {
			w.log(n, "knows: %s", strings.TrimSuffix(wait.What+" waits for "+wait.For+"; "+wait.Command, "; "))
		}
	})
}

func (s Script) play() (w *World, transcript string, failures []string) {
	cfg, problems := config.Parse("scenario", s.Config)
	if cfg == nil {
		return nil, "", []string{problems.Error()}
	}
	var out strings.Builder
	out.WriteString(s.Config + "---\n")
	w = New(cfg, 1)
	w.watch = s.watch
	start := w.now
	w.Log = func(at wire.Instant, node, text string) {
		for line := range strings.Lines(text) {
			fmt.Fprintf(&out, "    %9.4f %-6s %s\n", float64(at-start)/1e9, node, strings.TrimRight(line, "\n"))
		}
	}
	for _, line := range s.Commands {
		out.WriteString(line + "\n")
		if len(w.Broken) > 0 {
			break // what follows from it says nothing
		}
		s.loose = s.loose && line != healed
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if err := w.command(words); err != nil && !s.loose {
			failures = append(failures, line+": "+err.Error())
			fmt.Fprintf(&out, "    FAILED: %v\n", err)
			if len(failures) == 1 {
				w.tellKnown()
			}
		}
	}
	if len(w.Broken) > 0 {
		w.tellKnown()
	}
	return w, out.String(), append(failures, w.Broken...)
}
