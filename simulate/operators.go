package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"locum/cluster"
)

// whom finds the node that an operator speaks to; "any" is the first that may act, else the first.
func (w *World) whom(name string) (*node, error) {
	if name != "any" {
		return w.node(name)
	}
	var found *node
	w.each(func(n *node) {
		if found == nil && n.engine != nil && !n.stopped && n.engine.Status(n.now()).Quorate {
			found = n
		}
	})
	if found == nil {
		return w.node(w.Config.Nodes[0].Name)
	}
	return found, nil
}

// commandAsk: ask NODE|any VERB [SERVICE|NODE|on|off …].
func (w *World) commandAsk(args []string) error {
	n, err := w.whom(args[0])
	if err != nil {
		return err
	}
	c := cluster.Command{Verb: args[1]}
	for _, word := range args[2:] {
		_, notNode := w.node(word)
		switch {
		case word == "on" || word == "off":
			c.On = word == "on"
		case notNode == nil || c.Verb == "confirm":
			c.Node = word
		default:
			c.Service = word
		}
	}
	return w.ask(n, c)
}

// commandInsist: as ask, by an operator who asks again after some seconds, ten times at most, until he is answered that it is done.
func (w *World) commandInsist(args []string) error {
	for range 10 {
		before := len(w.answers)
		if err := w.commandAsk(args); err != nil {
			return err
		}
		if w.answerWithin(3*time.Second, before) && w.answers[len(w.answers)-1].Code == 0 {
			break
		}
		w.Run(3 * time.Second)
	}
	return nil
}

// answerWithin goes on until there are more answers than before, and no longer than for the time.
func (w *World) answerWithin(most time.Duration, before int) bool {
	const look = 100 * time.Millisecond
	for spent := time.Duration(0); spent < most && len(w.answers) <= before; spent += look {
		w.Run(look)
	}
	return len(w.answers) > before
}

func (w *World) ask(n *node, c cluster.Command) error {
	if n.engine == nil || n.stopped {
		return nil // nobody is there to be asked
	}
	w.asked++
	w.checks.asks(w.asked, c)
	if c.Verb == "confirm" {
		w.checks.overrides(n)
	}
	n.step(cluster.Asked{ID: w.asked, Command: c})
	return nil
}

// commandApply: apply NODE +LINE ; -LINE …: a new file in which lines are added and taken away.
func (w *World) commandApply(args []string) error {
	n, err := w.node(args[0])
	if err != nil {
		return err
	}
	text := n.config.Text
	for edit := range strings.SplitSeq(strings.Join(args[1:], " "), ";") {
		edit = strings.TrimSpace(edit)
		switch {
		case strings.HasPrefix(edit, "+"):
			text += edit[1:] + "\n"
		case strings.HasPrefix(edit, "-"):
			text = strings.ReplaceAll(text, edit[1:]+"\n", "")
		default:
			return fmt.Errorf("%q: want +LINE or -LINE", edit)
		}
	}
	return w.ask(n, cluster.Command{Verb: "apply", Text: text})
}

// commandExpect: expect owner SERVICE [NODE…]; once SERVICE; untouched SERVICE; words (none that was acknowledged is lost);
// up|down NODE; answer CODE; quorate|not-quorate NODE.
func (w *World) commandExpect(args []string) error {
	if len(args) < 2 && args[0] != "words" {
		return fmt.Errorf("want to know of what")
	}
	switch args[0] {
	case "owner":
		if got := strings.Join(w.Owners(args[1]), " "); got != strings.Join(args[2:], " ") {
			return fmt.Errorf("owner: %s runs on [%s]", args[1], got)
		}
		return nil
	case "once":
		if got := w.Owners(args[1]); len(got) != 1 {
			return fmt.Errorf("liveness: %s runs on %v", args[1], got)
		}
		return nil
	case "untouched":
		if k := w.touched[args[1]]; k > 0 {
			return fmt.Errorf("touched: %d starts and stops of %s since mark", k, args[1])
		}
		return nil
	case "words":
		if err := w.lostWords(); err != nil {
			return fmt.Errorf("words: %w", err)
		}
		return nil
	case "answer":
		if len(w.answers) == 0 {
			return fmt.Errorf("no answer came")
		}
		last := w.answers[len(w.answers)-1]
		if strconv.Itoa(last.Code) != args[1] {
			return fmt.Errorf("the answer is %d: %s", last.Code, last.Text)
		}
		return nil
	}
	n, err := w.node(args[1])
	if err != nil {
		return err
	}
	if line := strings.Join(args[2:], " "); args[0] == "file" {
		if !strings.Contains(n.config.Text, line+"\n") {
			return fmt.Errorf("liveness: the file in force on %s has no line %q:\n%s", args[1], line, n.config.Text)
		}
		return nil
	}
	if args[0] == "shows" || args[0] == "hides" {
		return n.shows(strings.Join(args[2:], " "), args[0] == "shows")
	}
	quorate := n.engine != nil && n.engine.Status(n.now()).Quorate
	switch {
	case args[0] == "up" && n.powered, args[0] == "down" && !n.powered,
		args[0] == "quorate" && quorate, args[0] == "not-quorate" && !quorate:
		return nil
	}
	return fmt.Errorf("it is not so")
}
