package agents

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// groupMounts are where a control group hierarchy is mounted in which processes are only counted together: the unified
// one, alone or beside the old ones, else systemd's or another old one (cgroups(7)).
var groupMounts = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/freezer",
	"/sys/fs/cgroup/pids"}

const (
	// groupParent is the group below which locum makes its own, where it has to.
	groupParent = "locum"
	// maxGroupDepth bounds the search for processes in groups within a group.
	maxGroupDepth = 16
	maxGroupFile  = 1 << 20
	// emptyGroupAge is how old an empty group has to be before it is cleared away: one that was just made is empty too.
	emptyGroupAge = time.Minute
)

// makeGroup makes a group of that name and gives its directory, "" where the machine lets us have none: then the
// session and the mark in the environment have to do.
func makeGroup(name string) string {
	for _, mount := range groupMounts {
		if !holdsGroups(mount) {
			continue
		}
		parent := filepath.Join(mount, groupParent)
		if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			continue
		}
		dir := filepath.Join(parent, name)
		if os.Mkdir(dir, 0o755) == nil {
			return dir
		}
	}
	return ""
}

// holdsGroups reports whether a directory is a hierarchy of control groups: beside the old ones it is a mere directory, into which
// anybody may have written what looks like one.
func holdsGroups(mount string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(mount, &fs) != nil {
		return false
	}
	return int64(fs.Type) == unix.CGROUP2_SUPER_MAGIC || int64(fs.Type) == unix.CGROUP_SUPER_MAGIC
}

// ownGroup reports whether a directory, named by a file, can be one that makeGroup made.
func ownGroup(dir string) bool {
	parent := filepath.Dir(dir)
	return filepath.Clean(dir) == dir && filepath.Base(parent) == groupParent && slices.Contains(groupMounts, filepath.Dir(parent))
}

// dropEmptyGroups removes groups with that beginning of the name that nobody is in any more, as a daemon's that a
// script started. The kernel refuses to remove any other.
func dropEmptyGroups(prefix string, now time.Time) {
	for _, mount := range groupMounts {
		parent := filepath.Join(mount, groupParent)
		entries, err := os.ReadDir(parent)
		if err != nil {
			continue
		}
		for _, e := range entries {
			fi, err := e.Info()
			if err == nil && e.IsDir() && strings.HasPrefix(e.Name(), prefix) && now.Sub(fi.ModTime()) > emptyGroupAge {
				_ = os.Remove(filepath.Join(parent, e.Name()))
			}
		}
	}
}

// systemGroups gives the directories in which the group may be that systemd names: its own hierarchy and the unified one.
func systemGroups(group string) []string {
	if group == "" || group == "/" || !strings.HasPrefix(group, "/") || filepath.Clean(group) != group {
		return nil
	}
	var dirs []string
	for _, mount := range groupMounts[:3] {
		dirs = append(dirs, filepath.Join(mount, group))
	}
	return dirs
}

// inGroups lists the living processes in the groups and those within them. A group that does not exist is empty.
func inGroups(dirs []string) ([]process, error) {
	var list []process
	for _, dir := range dirs {
		found, err := inGroup(dir, 0)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

func inGroup(dir string, depth int) ([]process, error) {
	if depth > maxGroupDepth {
		return nil, fmt.Errorf("%s: groups within groups, more than %d deep", dir, maxGroupDepth)
	}
	raw, err := readSome(filepath.Join(dir, "cgroup.procs"), maxGroupFile)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = nil // a group of threads: their process stands in the group above
	}
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := parseGroup(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !gone(err) {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() {
			found, err := inGroup(filepath.Join(dir, e.Name()), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, found...)
		}
	}
	return list, nil
}

// parseGroup reads cgroup.procs: a number a line. 0 is a process outside our PID namespace, which is none of ours.
func parseGroup(raw []byte) ([]process, error) {
	var list []process
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		pid, err := strconv.ParseUint(lines.Text(), 10, 31)
		if err != nil {
			return nil, fmt.Errorf("cgroup.procs: %w", err)
		}
		s, err := readStat(int(pid))
		if pid == 0 || err != nil && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !s.dead() {
			list = append(list, s.process)
		}
	}
	return list, lines.Err()
}
