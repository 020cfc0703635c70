package fence

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// endsWhenCancelled asks a device that never answers for its state, and ends the question once it has been asked.
func endsWhenCancelled(t *testing.T, d Device, asked func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { _, err := d.Status(ctx); done <- err }()
	asked()
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
}

// hear waits for a datagram.
func hear(t *testing.T, on net.PacketConn) {
	t.Helper()
	if _, _, err := on.ReadFrom(make([]byte, 1500)); err != nil {
		t.Fatal(err)
	}
}
