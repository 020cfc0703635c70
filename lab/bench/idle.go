package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"locum/lab"
)

// idleness measures processor time and memory of a cluster in which nothing happens: nobody asks the service either.
func idleness(ctx context.Context, s settings) ([]figure, error) {
	b, err := begin(ctx, s, file{tiebreak: "unsafe", services: "service web nodes=alpha,beta stateless=yes\nresource web vip 192.0.2.100/24 dev=eth0\n"}, time.Millisecond)
	if err != nil {
		return nil, err
	}
	defer b.world.Close()
	if _, err := b.client.Stop(); err != nil {
		return nil, err
	}
	if err := pass(ctx, 6*time.Second); err != nil { // the address is announced for 5 s
		return nil, err
	}
	load := figure{name: "idle: heart and engine together, each node", unit: "% of a core", limit: 0.25}
	hearts := figure{name: "resident: heart", unit: "MB", limit: 12}
	engines := figure{name: "resident: engine", unit: "MB", limit: 20}
	before, err := spent(b.world)
	if err == nil {
		err = pass(ctx, s.idle)
	}
	if err != nil {
		return nil, err
	}
	after, err := spent(b.world)
	if err != nil {
		return nil, err
	}
	for _, n := range b.world.Nodes {
		var sum time.Duration
		for p, t := range after[n] {
			sum += t - before[n][p]
			f := &engines
			if p.heart {
				f = &hearts
			}
			mb, err := resident(p.pid)
			if err != nil {
				return nil, err
			}
			f.values = append(f.values, mb)
		}
		load.values = append(load.values, 100*float64(sum)/float64(s.idle))
	}
	return []figure{load, hearts, engines}, nil
}

// process is one of locum's two on a node.
type process struct {
	pid   int
	heart bool
}

// spent is the processor time of locum's processes on each node since their start.
func spent(w *lab.World) (map[*lab.Node]map[process]time.Duration, error) {
	all := map[*lab.Node]map[process]time.Duration{}
	for _, n := range w.Nodes {
		list, err := n.Processes()
		if err != nil {
			return nil, err
		}
		all[n] = map[process]time.Duration{}
		for _, p := range list {
			if filepath.Base(p.Args[0]) != "locum" || len(p.Args) < 2 {
				continue
			}
			t, err := processorTime(p.Pid)
			if err != nil {
				return nil, err
			}
			all[n][process{p.Pid, p.Args[1] == "run"}] = t
		}
	}
	return all, nil
}

func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// processorTime is what all threads of a process have spent, from their schedstat (kernel Documentation/scheduler/sched-stats.rst).
func processorTime(pid int) (sum time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // a thread that has just ended
		}
		on, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(on, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", f, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// resident is how much of a process is in memory, in MB.
func resident(pid int) (float64, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "VmRSS:" {
			kb, err := strconv.ParseFloat(words[1], 64)
			return kb / 1000, err
		}
	}
	return 0, fmt.Errorf("%s: no VmRSS", path)
}
