package daemon

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"locum/config"
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

// TestSystemdForgetsWhatCannotBeTakenUp: under its name, which is read before the descriptor is closed. Else the device would be held by systemd for good.
func TestSystemdForgetsWhatCannotBeTakenUp(t *testing.T) {
	place := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: place, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", place)
	fd, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := &heart{cfg: &config.Config{}, log: func(string, string) {}}
	h.takeUp([]int{fd})
	text := make([]byte, 100)
	n, err := conn.Read(text)
	if want := "FDSTOREREMOVE=1\nFDNAME=watchdog-1.3"; err != nil || string(text[:n]) != want {
		t.Errorf("said %q, %v, want %q", text[:n], err, want)
	}
	if len(h.dog.all()) != 0 {
		t.Error("it is kept")
	}
}

// TestNoChildGetsAWatchdogThatWasHandedOn, such as a quorum disk's process, which is started before the device is looked at.
func TestNoChildGetsAWatchdogThatWasHandedOn(t *testing.T) {
	fd, err := unix.Open("/dev/null", unix.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	t.Setenv(handedOn, fmt.Sprint(fd))
	findLeft()
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}
