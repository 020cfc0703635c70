package daemon

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"locum/wire"
)

func TestAnEngineThatDoesNotReadIsNoticedAtTheLimit(t *testing.T) {
	l, engine, err := newLink()
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	defer engine.Close()
	r := record{ToHeart: &wire.ToHeart{Title: strings.Repeat("x", 10_000)}}
	for range 2 * maxQueued {
		if err = l.send(r); err != nil {
			break
		}
	}
	if !errors.Is(err, errQueueFull) || len(l.queue) > maxQueued {
		t.Errorf("%v with %d packets queued", err, len(l.queue))
	}
}

func TestWhatWaitedForTheEngineComesInOrder(t *testing.T) {
	l, theirs, err := newLink()
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	defer theirs.Close()
	engine := &link{fd: int(theirs.Fd()), buf: make([]byte, maxPacket)}
	if err := unix.SetNonblock(engine.fd, true); err != nil {
		t.Fatal(err)
	}
	text := func(i int) string { return fmt.Sprint(i, strings.Repeat("x", 3*i)) }
	const count = 1000
	for i := range count {
		if err := l.send(record{ToHeart: &wire.ToHeart{Title: text(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if !l.waits() {
		t.Fatal("nothing had to wait; the test tests nothing")
	}
	for i := 0; i < count; {
		r, ok, err := engine.receive()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			if err := l.flush(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if r.ToHeart.Title != text(i) {
			t.Fatalf("record %d is %.20q", i, r.ToHeart.Title)
		}
		i++
	}
	if l.waits() {
		t.Error("something still waits")
	}
	l.close()
	if _, _, err := engine.receive(); !errors.Is(err, errEngineGone) {
		t.Errorf("after the other end is closed: %v", err)
	}
}
