package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"locum/config"
	"locum/console"
	"locum/simulate"
)

// faults are the flags that say what happens to a node.
var faults = []struct{ flag, command, help string }{
	{"kill", "kill", "this node loses its power; A,B: both at once"},
	{"pause", "pause", "locum on this node stands still"},
	{"kill-heart", "kill-heart", "the heart of this node dies and does not come back"},
	{"kill-engine", "kill-engine", "the engine of this node dies"},
	{"leave", "leave", "locum on this node is told to end"},
}

// runSimulate plays the operator's own file.
func runSimulate(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	file := fs.String("config", defaultConfig, "the file to play, if FILE does not say it")
	at := fs.Duration("at", 3*time.Second, "when the faults happen, after all nodes are up")
	length := fs.Duration("for", 60*time.Second, "how long to go on after the last thing that happens")
	happens := map[string]*[]string{}
	for _, f := range faults {
		happens[f.command] = fs.StringArray(f.flag, nil, f.help)
	}
	cuts := fs.StringArray("cut", nil, "this path is cut everywhere, or all between these two nodes: NODE,NODE")
	switches := fs.StringArray("switch", nil, "how a node's power switch behaves: NODE=ok|fail|hang|ignore|late|timeout|slow")
	more := fs.StringArray("do", nil, `something else at another time: "10s boot alpha"; see OTHER EVENTS in locum(8)`)
	seeds := fs.Int("seeds", 0, "instead, look for trouble in so many random histories of this file")
	first := fs.Uint64("seed", 1, "the first of them")
	words, err := parse(ctx, fs, args, 0, 1)
	switch {
	case err != nil:
		return err
	case len(words) == 1 && fs.Changed("config"):
		return wrongUsage("%s and --config %s: say once which file is to be played", words[0], *file)
	case *at < 0, *length < 0, *seeds < 0:
		return wrongUsage("--at, --for and --seeds are not less than 0")
	case len(words) == 1:
		*file = words[0]
	}
	if err := oneKind(fs, *seeds > 0); err != nil {
		return err
	}
	cfg, err := simulated(*file)
	if err != nil {
		return err
	}
	if *seeds > 0 {
		return search(ctx, cfg, *first, *seeds)
	}
	if err := knownSwitches(cfg, *switches); err != nil {
		return err
	}
	if err := knownCuts(cfg, *cuts); err != nil {
		return err
	}
	for _, f := range faults {
		*happens[f.command] = each(*happens[f.command])
		if err := knownNodes(cfg, f.flag, *happens[f.command]); err != nil {
			return err
		}
	}
	var commands []timed
	for _, s := range *switches {
		commands = append(commands, timed{0, "switch " + strings.ReplaceAll(s, "=", " ")})
	}
	for _, c := range *cuts {
		commands = append(commands, timed{*at, cutOf(cfg, c)})
	}
	for _, f := range faults {
		for _, node := range *happens[f.command] {
			commands = append(commands, timed{*at, f.command + " " + node})
		}
	}
	for _, m := range *more {
		when, what, _ := strings.Cut(m, " ")
		d, err := time.ParseDuration(when)
		if err != nil || d < 0 {
			return wrongUsage("--do %q: want a time and an event, such as \"10s boot alpha\"", m)
		}
		if err := knownEvent(cfg, what); err != nil {
			return err
		}
		commands = append(commands, timed{d, what})
	}
	return tell(ctx, cfg, inTime(commands), *length)
}

// ofSeeds are the flags that random histories heed; --seed means nothing else.
var ofSeeds = []string{"config", "seeds", "seed"}

// oneKind refuses flags that would not be heeded, as who has said them believes that they were.
func oneKind(fs *pflag.FlagSet, random bool) (err error) {
	fs.Visit(func(f *pflag.Flag) {
		switch {
		case random && !slices.Contains(ofSeeds, f.Name):
			err = wrongUsage("--seeds plays random histories, in which --%s means nothing: leave one of them out", f.Name)
		case !random && f.Name == "seed":
			err = wrongUsage("--seed is the first of so many random histories: say with --seeds how many")
		}
	})
	return err
}

// tell plays one history and shows it.
func tell(ctx context.Context, cfg *config.Config, commands []string, length time.Duration) error {
	told := make(chan simulate.Story, 1)
	go func() { told <- simulate.Tell(cfg, commands, length) }()
	select {
	case story := <-told:
		fmt.Print(story)
		if len(story.Failures) > 0 {
			return errors.New(strings.Join(story.Failures, "; "))
		}
		return nil
	case <-ctx.Done():
		return errors.New("interrupted")
	}
}

// each takes "beta,gamma" for two nodes.
func each(words []string) (nodes []string) {
	for _, w := range words {
		nodes = append(nodes, strings.Split(w, ",")...)
	}
	return nodes
}

func simulated(file string) (*config.Config, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, err
	}
	cfg, problems := config.Parse(file, text)
	if cfg == nil {
		return nil, &console.Failure{Code: console.ExitUsage, Text: problems.Error()}
	}
	return cfg, nil
}

// timed is a command of a scenario and when it is given, after all nodes are up.
type timed struct {
	at   time.Duration
	what string
}

// inTime puts the commands in order, with the time that passes between them.
func inTime(list []timed) (commands []string) {
	slices.SortStableFunc(list, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
	now := time.Duration(0)
	for _, c := range list {
		if c.at > now {
			commands, now = append(commands, "run "+(c.at-now).String()), c.at
		}
		commands = append(commands, c.what)
	}
	return commands
}

// cutOf is the command that cuts a path everywhere, or everything between two nodes.
func cutOf(cfg *config.Config, what string) string {
	if a, b, pair := strings.Cut(what, ","); pair {
		return "cut " + a + " " + b
	}
	every := strings.Join(nodeNames(cfg), ",")
	return "cut " + every + " " + every + " " + what
}

// search plays random disasters on a file and shows the shortest history that breaks what must never be broken.
func search(ctx context.Context, cfg *config.Config, first uint64, seeds int) error {
	began := time.Now()
	for i := range uint64(seeds) {
		seed := first + i
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted after %d histories without trouble", i)
		}
		s := simulate.Disasters(cfg, seed)
		if _, failures := s.Play(); len(failures) > 0 {
			transcript, failures := simulate.Shrink(s).Play()
			fmt.Println(transcript)
			return fmt.Errorf("seed %d: %s", seed, strings.Join(failures, "; "))
		}
	}
	fmt.Printf("%d histories of disasters, %d to %d: no trouble (%s)\n", seeds, first, first+uint64(seeds)-1, time.Since(began).Round(time.Millisecond))
	return nil
}
