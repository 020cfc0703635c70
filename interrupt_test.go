package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"locum/cluster"
	"locum/console"
)

// good is a file that can be played.
const good = "cluster office\nkey /etc/locum.key\nnode 1 alpha\nnode 2 beta\npath udp lan alpha=192.0.2.1 beta=192.0.2.2\ntiebreak unsafe\nservice web nodes=alpha,beta stateless=yes\nresource web unit web.service\n"

// Each command reads its file from a pipe, and is known to be at it once that is open.
func TestASignalEndsACommandThatReckonsOrReads(t *testing.T) {
	for _, tc := range []struct {
		name, text string // of the file, which comes to no end if there is none
		args       []string
	}{
		{"a check", "", []string{"check"}},
		{"a replay", "", []string{"replay"}},
		{"a simulation", good, []string{"simulate", "--for", "1000000h"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fifo := filepath.Join(t.TempDir(), "file")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("/proc/self/exe", append(tc.args, fifo)...)
			cmd.Args[0] = "locum"
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			in, err := os.OpenFile(fifo, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			if tc.text != "" {
				if _, err := in.WriteString(tc.text); err != nil {
					t.Fatal(err)
				}
				in.Close()
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if err == nil {
					t.Error("it ended well")
				}
			case <-time.After(10 * time.Second):
				_ = cmd.Process.Kill()
				<-ended
				t.Error("it goes on")
			}
		})
	}
}

// A terminal's ^C reaches a command as the end of its context, and nothing but that.
func TestACommandThatWaitsForANameEndsWhenItIsInterrupted(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			_ = json.NewEncoder(c).Encode(console.Reply{Version: 1, Status: &cluster.Status{Nodes: []cluster.NodeStatus{{Name: "beta"}}}})
			c.Close()
		}
	}()
	in, keyboard, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func(was *os.File) { os.Stdin = was; in.Close(); keyboard.Close() }(os.Stdin)
	os.Stdin = in
	for _, flag := range []string{"--confirm", "--test=power", "--timeout=1m"} {
		ctx, interrupt := context.WithTimeout(t.Context(), 100*time.Millisecond)
		ended := make(chan int, 1)
		go func() { ended <- execute(ctx, []string{"fence", "beta", flag, "--socket", socket}) }()
		select {
		case code := <-ended:
			if code != console.ExitFailed {
				t.Errorf("%s: exit status %d", flag, code)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: it waits on", flag)
		}
		interrupt()
	}
}
