package daemon

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"locum/console"
)

// say writes bytes to a node's control socket and gives the first reply.
func say(t *testing.T, n *testNode, text string) (r console.Reply, err error) {
	t.Helper()
	conn, err := net.Dial("unix", n.options.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go io.WriteString(conn, text)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil {
		err = json.Unmarshal([]byte(line), &r)
	}
	return r, err
}

func TestWhatTheControlSocketCannotTakeIsRefusedWithTheReason(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	for _, tt := range []struct{ name, text, want string }{
		{"rubbish", "rubbish\n", "not readable"},
		{"another protocol", `{"version":9,"verb":"status"}` + "\n", "protocol 9"},
		{"a verb that does not exist", `{"version":1,"verb":"dance"}` + "\n", `no such request: "dance"`},
		{"a command without a command", `{"version":1,"verb":"command"}` + "\n", "no such request"},
		{"a request without an end", strings.Repeat("x", maxRequest+1), "more than"},
		{"a fence test of nobody", `{"version":1,"verb":"fence-test","node":"zeta"}` + "\n", `"zeta"`},
		{"a fence test of a node without devices", `{"version":1,"verb":"fence-test","node":"alpha"}` + "\n", "no fence line"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := say(t, n, tt.text)
			if err != nil || r.Version != console.ProtocolVersion || r.Error == nil || !strings.Contains(r.Error.Text, tt.want) {
				t.Errorf("%+v %v, %v; want %q", r, r.Error, err, tt.want)
			}
		})
	}
	n.serving()
}

func TestTooManyClientsAreToldAndTheNextIsServedAgain(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	var idle []net.Conn
	for range maxCallers {
		c, err := net.Dial("unix", n.options.Socket)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	if r, err := say(t, n, ""); err != nil || r.Error == nil || !strings.Contains(r.Error.Text, "connected already") {
		t.Errorf("one too many: %+v, %v", r, err)
	}
	for _, c := range idle {
		c.Close()
	}
	n.serving()
}

// A client that follows the events may be stopped, and stays: those who want to know how things stand still come through.
func TestThoseWhoFollowTheEventsLeaveRoomForStatus(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	const status, follow = `{"version":1,"verb":"status"}` + "\n", `{"version":1,"verb":"events","follow":true}` + "\n"
	var stopped []net.Conn
	for i := range maxCallers {
		c, err := net.Dial("unix", n.options.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, follow); err != nil {
			t.Fatal(err)
		}
		var r console.Reply
		if err := json.NewDecoder(c).Decode(&r); err != nil { // it has a place, and reads no more; or it is told why not
			t.Fatal(err)
		}
		switch {
		case r.Event != nil:
			stopped = append(stopped, c)
		case i < maxFollowers || r.Error == nil || !strings.Contains(r.Error.Text, "follow the events already"):
			t.Fatalf("follower %d: %+v, %v", i+1, r, r.Error)
		}
	}
	if len(stopped) != maxFollowers {
		t.Errorf("%d follow", len(stopped))
	}
	if r, err := say(t, n, status); err != nil || r.Error != nil || r.Status == nil {
		t.Errorf("status: %+v %v, %v", r, r.Error, err)
	}
	stopped[0].Close()
	for until := time.Now().Add(patience); ; {
		if r, err := say(t, n, follow); err == nil && r.Event != nil {
			break
		}
		if time.Now().After(until) {
			t.Fatal("one has gone, and no other gets its place")
		}
	}
}

// The file in its usual place may lie on a disk that hangs: then one wants to know how things stand.
func TestAFileThatHangsHoldsNoStatusUp(t *testing.T) {
	n := newNode(t)
	n.start()
	n.serving()
	if err := os.Remove(n.options.ConfigFile); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(n.options.ConfigFile, 0o600); err != nil { // whoever opens it waits for a writer
		t.Fatal(err)
	}
	const atOnce = maxCallers / 2
	for range 3 { // none keeps its place
		answers := make(chan error, atOnce)
		for range atOnce {
			go func() {
				r, err := n.ask(console.Request{Verb: "status"})
				if err == nil && (r.Status == nil || !strings.Contains(r.Heart.ConfigDrift, "cannot be read")) {
					err = fmt.Errorf("%+v, %+v", r, r.Heart)
				}
				answers <- err
			}()
		}
		for range atOnce {
			if err := <-answers; err != nil {
				t.Fatal(err)
			}
		}
	}
	f, err := os.OpenFile(n.options.ConfigFile, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(n.options.ConfigFile); err != nil { // whoever opens it after this finds a file
		t.Fatal(err)
	}
	n.write("locum.conf", fmt.Sprintf(theFile, n.dir, n.dir), 0o644)
	f.Close()
	until(t, "nothing is amiss", func() bool {
		r, err := n.ask(console.Request{Verb: "status"})
		return err == nil && r.Heart != nil && r.Heart.ConfigDrift == ""
	})
}

func TestThoseWhoWaitForTheEngineLeaveRoomForStatus(t *testing.T) {
	c := &control{follow: make(places, 1), asking: make(places, maxAsking)}
	for range maxAsking {
		if !c.asking.take() {
			t.Fatal("there are fewer places")
		}
	}
	here, there := net.Pipe()
	defer there.Close()
	go func() {
		defer here.Close()
		c.admit(here, console.Request{Verb: "events", Follow: true})
	}()
	var r console.Reply
	if err := json.NewDecoder(there).Decode(&r); err != nil || r.Error == nil || !strings.Contains(r.Error.Text, "wait for the engine already") {
		t.Errorf("%+v, %v", r, err)
	}
	if maxAsking >= maxCallers || maxFollowers >= maxAsking {
		t.Error("there is no room left for status, or for commands")
	}
}

// FuzzRequest: whatever a client of the control socket writes, nothing panics, and what is taken is of this protocol.
func FuzzRequest(f *testing.F) {
	for _, line := range []string{`{"version":1,"verb":"status"}`, `{"version":1,"verb":"command","command":{"verb":"move","service":"web","node":"beta"}}`,
		`{"version":1,"verb":"events","follow":true}`, `{"version":1,"verb":"fence-test","node":"alpha","power":true}`, `null`, `{"version":99}`} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRequest(line)
		if err == nil && r.Version != console.ProtocolVersion {
			t.Errorf("%q is taken for a request of this protocol", line)
		}
		if err != nil && err.Error() == "" {
			t.Errorf("%q is refused without a word", line)
		}
	})
}
