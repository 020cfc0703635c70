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

const theService = "service web nodes=alpha,beta stateless=yes\nresource web vip 192.0.2.100/24 dev=eth0\n"

// idleness measures processor time and memory of a cluster in which nothing happens: on one path, and on three.
func idleness(ctx context.Context, s settings) ([]figure, error) {
	one, err := idle(ctx, s, theService)
	if err != nil {
		return nil, err
	}
	cable, err := lab.NewCable(115200)
	if err != nil {
		return nil, err
	}
	defer cable.Close()
	three, err := idle(ctx, s, theService+"path ethernet wire alpha=eth0 beta=eth0\n"+
		fmt.Sprintf("path serial null alpha=%s beta=%s baud=115200\n", cable.Devices[0], cable.Devices[1]))
	if err != nil {
		return nil, err
	}
	return []figure{
		{"idle: heart and engine together, each node", one.both, "% of a core", 0.25},
		{"resident: heart", one.heartMB, "MB", 12},
		{"resident: engine", one.engineMB, "MB", 20},
		{"idle with ethernet, udp and serial: heart, each node", three.hearts, "% of a core", 0.4},
		{"resident with three paths: heart", three.heartMB, "MB", 12},
		{"resident with three paths: growth of the heart meanwhile", three.grownKB, "kB", 0},
	}, nil
}

// idling is what the processes of each node cost.
type idling struct {
	both, hearts               []float64 // percent of a core
	heartMB, engineMB, grownKB []float64
}

// idle lets a cluster be: nobody asks its service either.
func idle(ctx context.Context, s settings, lines string) (i idling, err error) {
	b, err := begin(ctx, s, file{tiebreak: "unsafe", services: lines}, time.Millisecond)
	if err != nil {
		return i, err
	}
	defer b.world.Close()
	if _, err := b.client.Stop(); err != nil {
		return i, err
	}
	if err := pass(ctx, 6*time.Second); err != nil { // the address is announced for 5 s
		return i, err
	}
	before, err := spent(b.world)
	if err == nil {
		err = pass(ctx, s.idle)
	}
	if err != nil {
		return i, err
	}
	after, err := spent(b.world)
	if err != nil {
		return i, err
	}
	for _, n := range b.world.Nodes {
		both := time.Duration(0)
		for p, now := range after[n] {
			was := before[n][p]
			both += now.time - was.time
			if !p.heart {
				i.engineMB = append(i.engineMB, now.mb)
				continue
			}
			i.hearts = append(i.hearts, share(now.time-was.time, s.idle))
			i.heartMB, i.grownKB = append(i.heartMB, now.mb), append(i.grownKB, (now.mb-was.mb)*1000)
		}
		i.both = append(i.both, share(both, s.idle))
	}
	return i, nil
}

func share(of, whole time.Duration) float64 { return 100 * float64(of) / float64(whole) }

// process is one of locum's two on a node.
type process struct {
	pid   int
	heart bool
}

// cost is a process's processor time since its start, and how much of it is in memory.
type cost struct {
	time time.Duration
	mb   float64
}

// spent is what locum's processes on each node cost.
func spent(w *lab.World) (map[*lab.Node]map[process]cost, error) {
	all := map[*lab.Node]map[process]cost{}
	for _, n := range w.Nodes {
		list, err := n.Processes()
		if err != nil {
			return nil, err
		}
		all[n] = map[process]cost{}
		for _, p := range list {
			if filepath.Base(p.Args[0]) != "locum" || len(p.Args) < 2 {
				continue
			}
			t, err := processorTime(p.Pid)
			if err != nil {
				return nil, err
			}
			mb, err := resident(p.Pid)
			if err != nil {
				return nil, err
			}
			all[n][process{p.Pid, p.Args[1] == "run"}] = cost{t, mb}
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
