package daemon

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a former file named goes on counting in the descriptor that its heart has handed on.
func TestAWatchdogThatTheFileNamesNoMoreIsNotLeftCounting(t *testing.T) {
	n := newNode(t)
	n.shell = "exec 9>" + n.dir + "/dog"
	n.env = []string{handedOn + "=9"}
	n.start()
	n.serving()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if at, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/9", n.cmd.Process.Pid)); at != n.dir+"/dog" {
			return
		}
		if time.Now().After(end) {
			t.Fatal("it is held, and nobody pets it")
		}
	}
}

func TestAnOrderlyLeaveStopsAWatchdogThatWasNotTakenUpYet(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := unix.Dup(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	s := &watchdogSeat{left: fd}
	if err := s.release(); err == nil {
		t.Error("a pipe was stopped as if it were a watchdog")
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF || s.left != -1 {
		t.Errorf("it is still open: %d, %v, left %d", n, err, s.left)
	}
}
