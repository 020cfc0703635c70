package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOnlyTheProgramsOwnTextIsTakenFromTheMaps(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		begin, end uintptr
		ok         bool
	}{
		{"its text", "00401000-00a3e000 r-xp 00001000 fe:00 1234   /usr/local/sbin/locum\n", 0x401000, 0xa3e000, true},
		{"its data", "00a3e000-00b3e000 r--p 0063e000 fe:00 1234   /usr/local/sbin/locum\n", 0, 0, false},
		{"another file's text", "7f0000000000-7f0000001000 r-xp 00000000 fe:00 99 /lib/other.so\n", 0, 0, false},
		{"the kernel's page", "7ffd0000-7ffd2000 r-xp 00000000 00:00 0 [vdso]\n", 0, 0, false},
		{"a mapping that ends before it begins", "00a3e000-00401000 r-xp 00001000 fe:00 1 /usr/local/sbin/locum\n", 0, 0, false},
		{"rubbish", "x-y r-xp 0 0 0 /usr/local/sbin/locum\n", 0, 0, false},
		{"nothing", "", 0, 0, false},
	} {
		begin, end, ok := textMapping(tt.line, "/usr/local/sbin/locum")
		if begin != tt.begin || end != tt.end || ok != tt.ok {
			t.Errorf("%s: %x-%x %v, want %x-%x %v", tt.name, begin, end, ok, tt.begin, tt.end, tt.ok)
		}
	}
}

// policies gives the scheduling of all threads of a process.
func policies(t *testing.T, pid int) (list []string) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			t.Fatal(err)
		}
		a, err := unix.SchedGetAttr(tid, 0)
		if err != nil {
			continue // it has ended
		}
		what := fmt.Sprintf("policy %d nice %d priority %d", a.Policy, a.Nice, a.Priority)
		if !slices.Contains(list, what) {
			list = append(list, what)
		}
	}
	return list
}

func oomScore(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// TestTheHeartIsHardAndWhatItStartsIsNot: what the kernel refuses has to be said; what is not said has to be so.
func TestTheHeartIsHardAndWhatItStartsIsNot(t *testing.T) {
	n := newNode(t)
	// The heart begins with a score that the engine must not keep, also where the kernel refuses to exempt the heart.
	n.shell = "echo 300 > /proc/self/oom_score_adj"
	// It is run for each event, one after the other: only the first one writes, so that nothing changes under the reader.
	n.write("program", fmt.Sprintf("#!/bin/sh\ncd %s && test ! -e told && ps -o cls=,ni= -p $$ > nice && cat /proc/$$/oom_score_adj > oom && mv oom told\n", n.dir), 0o700)
	n.write("locum.conf", n.read("locum.conf")+"notify exec "+n.dir+"/program\n", 0o644)
	n.start()
	r := n.serving()
	said := strings.Join(r.Heart.Refused, "\n")
	heart := n.cmd.Process.Pid
	if got := policies(t, heart); !strings.Contains(said, "real-time") && !slices.Equal(got, []string{fmt.Sprintf("policy %d nice 0 priority %d", unix.SCHED_RR, heartPriority)}) {
		t.Errorf("the heart's threads: %q", got)
	}
	for _, got := range policies(t, n.engine()) {
		if got != fmt.Sprintf("policy 0 nice %d priority 0", engineNice) && got != "policy 0 nice 0 priority 0" {
			t.Errorf("a thread of the engine: %q", got)
		}
	}
	if got := oomScore(t, heart); !strings.Contains(said, "OOM") && got != oomNever {
		t.Errorf("the heart's OOM score is %s", got)
	}
	if got := oomScore(t, n.engine()); got != oomOrdinary {
		t.Errorf("the engine's OOM score is %s", got)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", heart))
	if err != nil {
		t.Fatal(err)
	}
	if locked := strings.Contains(string(status), "VmLck:\t       0 kB"); locked && !strings.Contains(said, "locked memory") {
		t.Error("no memory is locked, and nobody says so")
	}
	until(t, "a program was notified", func() bool { return n.read("told") != "" })
	if got := strings.Fields(n.read("nice")); !slices.Equal(got, []string{"TS", "0"}) {
		t.Errorf("what the engine starts has class and nice %q", got)
	}
	if got := strings.TrimSpace(n.read("told")); got != oomOrdinary {
		t.Errorf("what the engine starts has OOM score %s", got)
	}
}

// textOf gives, of a process's mapping of its program's text, how many KiB it has, how many are in memory, and whether it is
// locked (proc_pid_smaps(5)). What smaps calls "Locked" is a share of pages that other processes of the program have too.
func textOf(t *testing.T, pid int) (size, resident int, locked bool) {
	t.Helper()
	self, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		t.Fatal(err)
	}
	smaps, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	inText := false
	for line := range strings.Lines(string(smaps)) {
		f := strings.Fields(line)
		switch {
		case len(f) < 2:
		case strings.Contains(f[0], "-"):
			_, _, inText = textMapping(line, self)
		case inText && f[0] == "Size:":
			size, _ = strconv.Atoi(f[1])
		case inText && f[0] == "Rss:":
			resident, _ = strconv.Atoi(f[1])
		case inText && f[0] == "VmFlags:":
			locked = slices.Contains(f, "lo")
		}
	}
	return size, resident, locked
}

func TestAllOfTheProgramsTextIsInLockedMemory(t *testing.T) {
	n := newNode(t)
	n.start()
	if said := strings.Join(n.serving().Heart.Refused, "\n"); strings.Contains(said, "locked memory") {
		t.Skip("the kernel refuses it: ", said)
	}
	size, resident, locked := textOf(t, n.cmd.Process.Pid)
	if size == 0 || resident != size || !locked {
		t.Errorf("%d KiB of %d are in memory, locked: %v", resident, size, locked)
	}
	if _, _, locked := textOf(t, n.engine()); locked {
		t.Error("the engine's is locked too")
	}
}

// TestThreadsThatComeLaterAreRealTimeToo hardens a process of its own and has it make threads after that.
func TestThreadsThatComeLaterAreRealTimeToo(t *testing.T) {
	const inside, more = "LOCUM_TEST_THREADS", 20
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		said, err := cmd.CombinedOutput()
		if err == nil && strings.Contains(string(said), "--- SKIP") {
			t.Skipf("the kernel refuses it: %s", said)
		}
		if !strings.Contains(string(said), "all are real time") {
			t.Errorf("%s", said)
		}
		return
	}
	if said := strings.Join(hardenHeart(time.Second), "\n"); strings.Contains(said, "real-time") {
		t.Skip(said)
	}
	var there sync.WaitGroup
	there.Add(more)
	for range more {
		go func() {
			runtime.LockOSThread()
			there.Done()
			select {}
		}()
	}
	there.Wait()
	if got := policies(t, os.Getpid()); slices.Equal(got, []string{fmt.Sprintf("policy %d nice 0 priority %d", unix.SCHED_RR, heartPriority)}) {
		fmt.Println("all are real time")
	} else {
		fmt.Printf("its threads: %q\n", got)
	}
}

func TestALimitOnLockedMemoryIsSaidAndEndsNobody(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a capability up")
	}
	path, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("needs setpriv: ", err)
	}
	n := newNode(t)
	n.shell = "ulimit -l 4096; ulimit -n 100; exec " + path + " --bounding-set -ipc_lock \"$0\""
	n.start()
	said := strings.Join(n.serving().Heart.Refused, "\n")
	for _, want := range []string{"locked memory (at most 4096 KiB may be locked", "descriptors (it may have 100 open"} {
		if !strings.Contains(said, want) {
			t.Errorf("not said: %s; but %q", want, said)
		}
	}
}

// TestAWindowThatNeedsRealTimeIsWarnedOfWhereItIsRefused: by the running heart, and by what check says of the machine.
func TestAWindowThatNeedsRealTimeIsWarnedOfWhereItIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a capability up")
	}
	path, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("needs setpriv: ", err)
	}
	n := newNode(t)
	n.shell = "ulimit -r 0; ulimit -e 0; exec " + path + " --bounding-set -sys_nice \"$0\""
	n.start()
	said := strings.Join(n.serving().Heart.Refused, "\n")
	for _, want := range []string{"real-time scheduling (operation not permitted); it runs at nice -20, and that was refused too (permission denied)", "is too short for that on a busy machine", "or write dead=2s"} {
		if !strings.Contains(said, want) {
			t.Errorf("not said: %s; but %q", want, said)
		}
	}
}

func TestAWindowIsTooShortOnlyBelowWhatIsSafe(t *testing.T) {
	if text := tooShort(safeOrdinary); text != "" {
		t.Errorf("as long as is safe: %q", text)
	}
	if text := tooShort(time.Second); !strings.Contains(text, "dead=1s is too short") || !strings.Contains(text, "write dead=2s") {
		t.Errorf("shorter: %q", text)
	}
}
