package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// group is the control groups of a load: one directory where there is one hierarchy (cgroup v2), one for each limit in the
// older kind. Its zero value limits nothing.
type group struct{ dirs []string }

// newGroup makes groups with limits; without a limit, none.
func newGroup(l limits) (*group, error) {
	g := &group{}
	name := "locum-soak-" + strconv.Itoa(os.Getpid())
	if l.memory > 0 {
		if err := g.limit("memory", name, [2]string{"memory.max", "memory.limit_in_bytes"}, [2]string{strconv.Itoa(l.memory), strconv.Itoa(l.memory)}); err != nil {
			return nil, err
		}
	}
	if l.cpu > 0 {
		quota := strconv.Itoa(l.cpu * 1000) // of a period of 100 ms
		if err := g.limit("cpu", name, [2]string{"cpu.max", "cpu.cfs_quota_us"}, [2]string{quota + " 100000", quota}); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// limit makes a group for one controller and writes its limit: files and values of the new kind first.
func (g *group) limit(controller, name string, files, values [2]string) error {
	var errs []error
	for i, parent := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/" + controller} {
		dir := filepath.Join(parent, name)
		err := os.Mkdir(dir, 0o755)
		if err == nil || errors.Is(err, os.ErrExist) {
			err = write(filepath.Join(dir, files[i]), values[i])
		}
		if err == nil {
			g.dirs = append(g.dirs, dir)
			return nil
		}
		_ = os.Remove(dir)
		errs = append(errs, err)
	}
	g.remove()
	return fmt.Errorf("no control group that limits %s: %w", controller, errors.Join(errs...))
}

// write writes to a file of a group that has to be there: beside the older kind, what looks like a group may be a mere directory.
func write(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// add puts a process into the groups.
func (g *group) add(pid int) (err error) {
	for _, dir := range g.dirs {
		err = errors.Join(err, write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)))
	}
	return err
}

// remove puts what is left of a group back into the one above, and takes it away.
func (g *group) remove() {
	for _, dir := range g.dirs {
		for range 50 {
			left, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for pid := range strings.FieldsSeq(string(left)) {
				_ = write(filepath.Join(filepath.Dir(dir), "cgroup.procs"), pid)
			}
			if os.Remove(dir) == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	g.dirs = nil
}

// onKeptThread does something on a thread that never ends: what it starts would otherwise be killed with the thread.
func onKeptThread(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- do()
		select {}
	}()
	return <-done
}
