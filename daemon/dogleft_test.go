package daemon

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// What was handed on is a watchdog, or it is closed: nobody would ever pet it.
func TestWhatIsNoWatchdogIsNotKept(t *testing.T) {
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

func TestDescriptorsThatAreHandedOnAreFound(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{handedOn: "7,9"}, "[7 9]"},
		{map[string]string{handedOn: ""}, "[]"},
		{map[string]string{"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "3", "LISTEN_FDNAMES": "watchdog-10.130:other:watchdog"}, "[3 5]"},
		{map[string]string{"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "watchdog"}, "[]"},
		{map[string]string{"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "9", "LISTEN_FDNAMES": "watchdog"}, "[3]"},
	} {
		for name, value := range c.env {
			t.Setenv(name, value)
		}
		if got := fmt.Sprint(findLeft()); got != c.want {
			t.Errorf("%v: %s, want %s", c.env, got, c.want)
		}
		if os.Getenv(handedOn)+os.Getenv("LISTEN_FDS") != "" {
			t.Error("children would take them too")
		}
	}
}
