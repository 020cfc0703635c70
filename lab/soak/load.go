package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// loadWord makes this program play a load.
const loadWord = "load"

// kind is one way to make a machine slow.
type kind struct {
	name   string
	play   string // the part that its processes play
	copies int
	limit  limits // of the group that its processes are in
	whole  bool   // locum's processes are in the group too: all of them for memory, but for the hearts for a quota
	again  bool   // a process that is killed is followed by another
}

// limits of a control group; 0 none.
type limits struct {
	memory int // bytes
	cpu    int // percent of a core
}

const megabyte = 1 << 20

// kinds are the loads, in the order in which they are tried.
var kinds = []kind{
	{name: "nothing"},
	{name: "busy", play: "busy", copies: 8},
	{name: "memory", play: "pages", copies: 2, limit: limits{memory: 160 * megabyte}, whole: true, again: true},
	{name: "oom", play: "grow", copies: 1, limit: limits{memory: 160 * megabyte}, whole: true, again: true},
	{name: "forks", play: "forks", copies: 4},
	{name: "fsync", play: "fsync", copies: 4},
	{name: "quota", play: "busy", copies: 4, limit: limits{cpu: 50}, whole: true},
}

func loadNames() (list []string) {
	for _, k := range kinds {
		list = append(list, k.name)
	}
	return list
}

// load is one that runs.
type load struct {
	group *group
	stop  chan struct{}
	done  chan struct{} // one for each copy
	count int
}

func begun(b *bed, name string) (l *load, err error) {
	l = &load{stop: make(chan struct{}), done: make(chan struct{})}
	for _, k := range kinds {
		if k.name != name {
			continue
		}
		if l.group, err = newGroup(k.limit); err != nil {
			return nil, err
		}
		if k.again && !b.exempt() {
			fmt.Fprintf(os.Stderr, "soak: the kernel refused the hearts their exemption from the OOM killer: for %s they stay outside\n", name)
			k.whole = false
		}
		if k.whole {
			if err := l.takeIn(b, k.limit.cpu == 0); err != nil {
				l.end()
				return nil, err
			}
		}
		for range k.copies {
			l.count++
			go l.keep(k)
		}
		return l, nil
	}
	return nil, fmt.Errorf("there is no such load; there are: %s", strings.Join(loadNames(), ", "))
}

// exempt reports whether the hearts are exempt from the OOM killer, as the kernel says.
func (b *bed) exempt() bool {
	for _, p := range b.locums {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", p.Pid()))
		if err != nil || strings.TrimSpace(string(text)) != "-1000" {
			return false
		}
	}
	return true
}

// takeIn puts the engines into the group, and the hearts.
func (l *load) takeIn(b *bed, hearts bool) error {
	var errs []error
	for _, n := range b.world.Nodes {
		all, err := n.Processes()
		errs = append(errs, err)
		for _, p := range all {
			args := strings.Join(p.Args, " ")
			if strings.HasSuffix(args, "locum engine") || hearts && strings.Contains(args, "locum run") {
				errs = append(errs, l.group.add(p.Pid))
			}
		}
	}
	return errors.Join(errs...)
}

// keep keeps one process of a load running until the load's end.
func (l *load) keep(k kind) {
	defer func() { l.done <- struct{}{} }()
	for {
		cmd := exec.Command("/proc/self/exe", loadWord, k.play, strconv.Itoa(k.limit.memory/max(k.copies, 1)))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		word, err := cmd.StdinPipe()
		if err != nil {
			return
		}
		if err := onKeptThread(cmd.Start); err != nil {
			fmt.Fprintln(os.Stderr, "soak:", err)
			return
		}
		_ = l.group.add(cmd.Process.Pid)
		_ = word.Close() // it is in its group: it may begin
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		select {
		case <-l.stop:
			_ = cmd.Process.Kill()
			<-ended
			return
		case <-ended:
		}
		if !k.again {
			fmt.Fprintf(os.Stderr, "soak: the load %s has ended by itself\n", k.name)
			<-l.stop
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (l *load) end() {
	close(l.stop)
	for range l.count {
		<-l.done
	}
	l.group.remove()
}
