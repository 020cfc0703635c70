// Bench measures locum in worlds of package lab, and prints a table beside what the project aims at.
//
// Every figure is seen from outside: beats at the switch port by the kernel's stamps, answers at the client by the
// kernel's stamps, addresses by netlink, processor time and memory from /proc. Neighbours: lab makes the worlds.
package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"locum/lab"
)

// settings are the program's flags.
type settings struct {
	binary string
	runs   int
	idle   time.Duration
	only   string
	nodes  []int
	way    string
}

// figure is one row: what was measured, each run's value in its unit, and what it is to be at most.
type figure struct {
	name   string
	values []float64
	unit   string
	limit  float64
}

func main() {
	lab.Main()
	var s settings
	pflag.StringVar(&s.binary, "binary", "./locum", "the locum to measure")
	pflag.IntVar(&s.runs, "runs", 20, "how often each figure is measured")
	pflag.DurationVar(&s.idle, "idle", 20*time.Second, "how long an idle cluster is watched")
	pflag.StringVar(&s.only, "only", "", "crashes, moves, idle or many alone; many is measured only if it is named")
	pflag.IntSliceVar(&s.nodes, "nodes", []int{2, 8, 32, 64}, "many: how many nodes")
	pflag.StringVar(&s.way, "way", "", "many: only the paths whose name has this in it, such as udp, or \"to all\"")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, s settings) error {
	path, err := filepath.Abs(s.binary)
	if err != nil {
		return err
	}
	s.binary = path
	var figures []figure
	for _, f := range []struct {
		name    string
		measure func(context.Context, settings) ([]figure, error)
	}{{"crashes", crashes}, {"moves", moves}, {"idle", idleness}, {"many", manyNodes}} {
		if s.only != f.name && (s.only != "" || f.name == "many") {
			continue
		}
		more, err := f.measure(ctx, s)
		if err != nil {
			return err
		}
		figures = append(figures, more...)
	}
	show(figures)
	return nil
}

func show(figures []figure) {
	t := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "FIGURE\tMEDIAN\tLEAST\tMOST\tAT MOST\tRUNS\t")
	for _, f := range figures {
		v := slices.Sorted(slices.Values(f.values))
		if len(v) == 0 {
			continue
		}
		verdict := ""
		if v[len(v)/2] > f.limit {
			verdict = "MISSED"
		}
		aim := ""
		if f.limit != noAim {
			aim = fmt.Sprintf("%.2f %s", f.limit, f.unit)
		}
		fmt.Fprintf(t, "%s\t%.2f %s\t%.2f\t%.2f\t%s\t%d\t%s\n", f.name, v[len(v)/2], f.unit, v[0], v[len(v)-1], aim, len(v), verdict)
	}
	t.Flush()
}

// heavierBeta has beta run what is more important than alpha's.
const heavierBeta = "service db nodes=beta,alpha priority=10\nresource db vip 192.0.2.101/24 dev=eth0\n"

// diskTiebreak is a tie-break on a disk in memory.
const diskTiebreak = "disk\ntiebreak fence delay=1s\ndisk " + lab.NodeDir + "/quorum"

// crashes measures from the last beat heard to the first answer, less the window and, where it applies, the delay.
func crashes(ctx context.Context, s settings) ([]figure, error) {
	var figures []figure
	for _, c := range []struct {
		name, tiebreak, more string
		delay                time.Duration
		limit                float64
	}{
		{name: "crash, unsafe: beyond the window", tiebreak: "unsafe", limit: 1},
		{name: "crash, fence, survivor shoots first: beyond the window", tiebreak: "fence delay=1s", limit: 5,
			more: heavierBeta},
		{name: "crash, fence, survivor shoots second: beyond window and delay", tiebreak: "fence delay=1s", delay: time.Second, limit: 5},
		{name: "crash, disk and fence, survivor claims first: beyond the window", tiebreak: diskTiebreak, limit: 10, more: heavierBeta},
		{name: "crash, disk and fence, survivor claims second: beyond window and two beats", tiebreak: diskTiebreak, delay: 2 * window / 3, limit: 10},
	} {
		f := figure{name: c.name, unit: "ms", limit: c.limit}
		up := figure{name: "  of it, until the address is up", unit: "ms", limit: c.limit}
		for range s.runs {
			held, answered, err := crash(ctx, s, file{tiebreak: c.tiebreak, services: theService + c.more})
			if err != nil {
				return figures, fmt.Errorf("%s: %w", c.name, err)
			}
			f.values = append(f.values, millis(answered-window-c.delay))
			up.values = append(up.values, millis(held-window-c.delay))
		}
		figures = append(figures, f, up)
	}
	return figures, nil
}

// crash kills the node that serves and gives the time from its last beat until the other holds the address, and until the
// other's first answer.
func crash(ctx context.Context, s settings, f file) (held, answered time.Duration, err error) {
	b, err := begin(ctx, s, f, 250*time.Microsecond)
	if err != nil {
		return 0, 0, err
	}
	defer b.world.Close()
	// By then only beats are under way, and the crash comes at any moment between two of them.
	if err := pass(ctx, time.Second+rand.N(window/3)); err != nil {
		return 0, 0, err
	}
	if err := b.world.Nodes[0].Crash(); err != nil {
		return 0, 0, err
	}
	if err := b.await(ctx, "beta answers", func() bool { a, ok := b.client.Last(); return ok && a.Node == "beta" }); err != nil {
		return 0, 0, err
	}
	probes, err := b.client.Stop()
	if err != nil {
		return 0, 0, err
	}
	gap, ok := probes.Handover("alpha", "beta")
	holder, since := b.world.Observer.Holder(vip)
	if !ok || holder != "beta" {
		return 0, 0, fmt.Errorf("beta answered after alpha: %t; it is held by %q", ok, holder)
	}
	last := b.world.Observer.LastBeat("alpha", lab.Now())
	return lab.Between(last, since), lab.Between(last, gap.After.Got), b.world.Observer.OneOwner(vip)
}

// moves measures what a planned move costs a client that asks every millisecond.
func moves(ctx context.Context, s settings) ([]figure, error) {
	lost := figure{name: "planned move: lost answers at 1 ms", unit: "", limit: 0}
	gaps := figure{name: "planned move: longest wait for an answer", unit: "ms", limit: 3}
	for range s.runs {
		b, err := begin(ctx, s, file{tiebreak: "unsafe", services: theService}, time.Millisecond)
		if err != nil {
			return nil, err
		}
		from := len(b.client.SoFar().Answers)
		_, err = b.world.Nodes[0].Exec(ctx, "locum", "move", "web", "beta")
		if err == nil {
			err = b.await(ctx, "beta answers", func() bool { a, ok := b.client.Last(); return ok && a.Node == "beta" })
		}
		probes, wrong := b.client.Stop()
		b.world.Close()
		if err := cmp.Or(err, wrong, b.world.Observer.OneOwner(vip)); err != nil {
			return nil, fmt.Errorf("planned move: %w", err)
		}
		probes.Answers = probes.Answers[max(0, from-1):]
		gap, _ := probes.Handover("alpha", "beta")
		lost.values = append(lost.values, float64(gap.After.Seq-gap.Before.Seq-1))
		gaps.values = append(gaps.values, millis(probes.LongestGap().Length()))
	}
	return []figure{lost, gaps}, nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
