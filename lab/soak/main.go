// Soak runs a cluster with a very short window under loads that starve, evict and delay, and says for each whether anything
// moved, and how late the hearts were: beside each cell runs a bare loop of the same real-time policy, so that what the host
// itself takes away is told from what is locum's.
//
// Beats are seen at the switch port by the kernel's stamps. Loads run in control groups of their own where they need a
// limit, so that no other process of the machine is in danger. Neighbours: lab makes the world.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"locum/lab"
)

// settings are the program's flags.
type settings struct {
	binary      string
	cell        time.Duration
	every, dead time.Duration
	loads       []string
	realTime    string
	serial      bool
}

func main() {
	playParts()
	var s settings
	pflag.StringVar(&s.binary, "binary", "./locum", "the locum to try")
	pflag.DurationVar(&s.cell, "cell", time.Minute, "how long each load lasts")
	pflag.DurationVar(&s.every, "every", 5*time.Millisecond, "the beat")
	pflag.DurationVar(&s.dead, "dead", 25*time.Millisecond, "the window")
	pflag.StringSliceVar(&s.loads, "loads", loadNames(), "which loads, one after the other")
	pflag.StringVar(&s.realTime, "real-time", "yes", "what the kernel grants: yes, nice (nice -20 instead), no (neither)")
	pflag.BoolVar(&s.serial, "serial", false, "a serial cable beside the network, of 921600 baud")
	pflag.Parse()
	if err := s.refuse(); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed, err := soak(ctx, s)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	if failed > 0 {
		fmt.Fprintf(os.Stderr, "soak: %d cells failed\n", failed)
		os.Exit(1)
	}
}

// refuse takes away from this process and its children what the kernel shall not grant.
func (s settings) refuse() error {
	switch s.realTime {
	case "yes":
		return nil
	case "nice", "no":
		return refuse(s.realTime == "nice")
	}
	return fmt.Errorf("--real-time %q: want yes, nice or no", s.realTime)
}

// playParts does what a process of a world or of a load is there for; in any other it does nothing.
func playParts() {
	lab.Main()
	if len(os.Args) > 2 && os.Args[1] == loadWord {
		playLoad(os.Args[2:])
	}
}

func soak(ctx context.Context, s settings) (failed int, err error) {
	if s.binary, err = filepath.Abs(s.binary); err != nil {
		return 0, err
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "LOAD\tFOR\tWORST BARE LOOP\tWORST TICK OF A HEART\tWORST BEAT AT THE SWITCH\tMOVED\t\n")
	for _, name := range s.loads {
		c, err := single(ctx, s, name)
		if err != nil {
			return failed, fmt.Errorf("%s: %w", name, err)
		}
		verdict := "ok"
		if c.moved != "" || s.realTime == "yes" && !c.intime() { // without real time nothing is promised of the ticks
			verdict = "FAILED"
			failed++
		}
		fmt.Fprintf(t, "%s\t%s\t%.2f ms\t%.2f ms\t%.2f ms\t%s\t%s\n", name, s.cell, millis(c.bare), millis(c.tick), millis(c.beat), orNothing(c.moved), verdict)
		if err := t.Flush(); err != nil {
			return failed, err
		}
	}
	return failed, nil
}

// single runs one load on a cluster of its own: a heart keeps its worst tick since it began.
func single(ctx context.Context, s settings, name string) (cell, error) {
	b, err := begin(ctx, s)
	if err != nil {
		return cell{}, err
	}
	defer b.close()
	return b.cell(ctx, s, name)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return strings.ReplaceAll(text, "\n", "; ")
}
