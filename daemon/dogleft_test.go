package daemon

import (
	"fmt"
	"os"
	"testing"
	"time"
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
