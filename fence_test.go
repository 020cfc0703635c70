package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"locum/cluster"
	"locum/console"
)

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
