package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"locum/console"
	"locum/daemon"
	"locum/replay"
)

// runReplay plays a node's record again with the code that decides, and shows what it wanted done, and whether that is what it
// did.
func runReplay(ctx context.Context, fs *pflag.FlagSet, args []string) error {
	p := player{}
	fs.BoolVar(&p.asJSON, "json", false, "one JSON object for each step")
	fs.DurationVar(&p.last, "last", 0, "show only the last of it, so long, like 10m")
	fs.BoolVar(&p.all, "all", false, "show also steps in which nothing was told")
	words, err := parse(ctx, fs, args, 0, 1)
	if err != nil {
		return err
	}
	if p.last < 0 {
		return wrongUsage("--last %s is no time that has passed; write for example --last 10m", p.last)
	}
	if len(words) == 0 {
		words = []string{daemon.DefaultStateDir}
	}
	files, err := recordsOf(words[0])
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := p.play(f); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%s played again, %s gave other actions than were recorded\n", count(p.steps, "step"), count(p.others, "step"))
	if p.others > 0 {
		return &console.Failure{Code: console.ExitFailed, Text: "the record and this program differ", Shown: true}
	}
	return nil
}

// recordsOf gives the files of a record, the older first: of a state directory, or the one that is named.
func recordsOf(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, wrongUsage("%v; name a state directory, or a record that lies in one", err)
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var list []string
	for _, f := range daemon.RecordFiles {
		if _, err := os.Stat(filepath.Join(name, f)); err == nil {
			list = append(list, filepath.Join(name, f))
		}
	}
	if len(list) == 0 {
		return nil, wrongUsage("%s has no record: no locum of this version ran there", name)
	}
	return list, nil
}

// player shows steps.
type player struct {
	asJSON, all   bool
	last          time.Duration
	since         time.Time
	steps, others int
}

func (p *player) play(name string) error {
	file, err := os.ReadFile(name)
	if err != nil {
		return wrongUsage("%v", err)
	}
	if p.last > 0 {
		end := time.Time{}
		_ = replay.Player{Step: func(s replay.Step) { end = s.Time }}.Play(file)
		p.since = end.Add(-p.last)
	}
	err = replay.Player{Head: p.head, Step: p.step}.Play(file)
	if err != nil {
		return &console.Failure{Code: console.ExitFailed, Text: fmt.Sprintf("%s: %v", name, err)}
	}
	return nil
}

func (p *player) head(h replay.Head) {
	if !p.asJSON {
		fmt.Printf("%s  node %d, locum %s: the engine as it was\n", stamp(h.Time), h.Node, h.Program)
	}
}

func (p *player) step(s replay.Step) {
	p.steps++
	if !s.Same {
		p.others++
	}
	if s.Time.Before(p.since) {
		return
	}
	if p.asJSON {
		_ = json.NewEncoder(os.Stdout).Encode(s.Shape())
		return
	}
	lines := s.Told(p.all)
	if len(lines) == 0 && s.Same && !p.all {
		return
	}
	fmt.Printf("%s  %s\n", stamp(s.Time), s.Happened())
	for _, l := range lines {
		fmt.Println("      " + l)
	}
	if !s.Same {
		fmt.Println("      THIS IS NOT WHAT WAS DONE THEN")
	}
}

func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000000") }
