//go:build !386 && !arm

package quorumdisk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAnErrorNamesDiskAndPlaceAndTheNextOperationGoesOn(t *testing.T) {
	f := newFaulty(t)
	p := open(t, f.Path)
	f.Set(func() { f.Err = unix.EIO })
	if r := do(t, p, Request{Op: 1, Place: 3, Count: 2}); r.Err == nil || !strings.Contains(r.Err.Error(), f.Path+": read at byte 12288: input/output error; the kernel's log") {
		t.Errorf("%v", r.Err)
	}
	if r := do(t, p, Request{Op: 2, Place: 4, Write: make([]byte, blockSize)}); r.Err == nil || !strings.Contains(r.Err.Error(), "write at byte 16384: input/output error") {
		t.Errorf("%v", r.Err)
	}
	f.Set(func() { f.Err = 0 })
	if r := do(t, p, Request{Op: 3, Place: 3, Count: 2}); r.Err != nil {
		t.Error(r.Err)
	}
	if r := do(t, p, Request{Op: 4, Place: Geometry(8).Sectors() - 1, Count: 2}); r.Err == nil || !strings.Contains(r.Err.Error(), "the disk ends at") {
		t.Errorf("%v", r.Err)
	}
}

func TestADiskThatHangsIsLateAndThenTakesNothingUntilItHasAnswered(t *testing.T) {
	f := newFaulty(t)
	p := start(t, f.Path, filepath.Join(t.TempDir(), "lock"), 30*time.Millisecond)
	if r := returned(t, p); r.Err != nil {
		t.Fatal(r.Err)
	}
	hang := make(chan struct{})
	f.Set(func() { f.Hang = hang })
	if err := p.Begin(Request{Op: 1, Place: 1, Count: 1}); err != nil {
		t.Fatal(err)
	}
	if err := p.Begin(Request{Op: 2, Place: 1, Count: 1}); !errors.Is(err, ErrBusy) {
		t.Errorf("a second operation: %v", err)
	}
	if r := next(t, p); !r.Late || r.Op != 1 || !errors.Is(r.Err, ErrLate) {
		t.Errorf("%+v; want it late", r)
	}
	if err := p.Begin(Request{Op: 3, Place: 1, Count: 1}); !errors.Is(err, ErrBusy) {
		t.Errorf("an operation after the late one: %v", err)
	}
	f.Set(func() { close(hang); f.Hang = nil })
	if r := returned(t, p); r.Op != 1 || r.Err != nil || len(r.Data) != blockSize {
		t.Errorf("%+v; want what was read", r)
	}
	if r := do(t, p, Request{Op: 4, Place: 1, Count: 1}); r.Err != nil {
		t.Error(r.Err)
	}
}

func TestTheMakerOfAHungHelperCanBeKilledAndItsSuccessorWaitsForTheDisk(t *testing.T) {
	f := newFaulty(t)
	lock := filepath.Join(t.TempDir(), "lock")
	maker := exec.Command("/proc/self/exe", "maker", f.Path, lock)
	maker.Stderr = os.Stderr
	out, err := maker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	hang := make(chan struct{})
	f.Set(func() { f.Hang = hang })
	if err := maker.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "reading\n" {
		t.Fatalf("%q, %v", line, err)
	}
	<-f.Hanging
	if err := maker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- maker.Wait() }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the maker cannot be killed while the disk hangs")
	}
	p := start(t, f.Path, lock, 100*time.Millisecond)
	if r := next(t, p); !r.Late {
		t.Fatalf("the successor has the disk while an older operation is under way: %+v", r)
	}
	f.Set(func() { close(hang); f.Hang = nil })
	if r := returned(t, p); r.Err != nil || r.Op != 0 {
		t.Errorf("%+v; want the disk open", r)
	}
}

func TestAHelperThatWasKilledIsGoneOnlyWhenTheDiskHasAnswered(t *testing.T) {
	f := newFaulty(t)
	p := open(t, f.Path)
	hang := make(chan struct{})
	f.Set(func() { f.Hang = hang })
	if err := p.Begin(Request{Op: 1, Place: 1, Write: make([]byte, blockSize)}); err != nil {
		t.Fatal(err)
	}
	<-f.Hanging
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-p.Replies():
		t.Fatalf("gone while the write is under way: %+v", r)
	case <-time.After(100 * time.Millisecond):
	}
	f.Set(func() { close(hang); f.Hang = nil })
	if r := next(t, p); !r.Gone || r.Op != 1 || r.Err == nil {
		t.Errorf("%+v; want it gone", r)
	}
	if _, more := <-p.Replies(); more {
		t.Error("a reply after the last")
	}
}

func TestATornRecordIsUnreadableAndOneTornBehindTheRecordIsWhole(t *testing.T) {
	f, s := newFaulty(t), sealsOf(t, "office")
	p := open(t, f.Path)
	for _, c := range []struct {
		tear int
		want error
	}{{0, nil}, {blockSize, nil}, {100, Corrupt}} {
		f.Set(func() { f.Tear = c.tear })
		do(t, p, Request{Op: 1, Place: 2, Write: s.SealSlot(idA, 2, Slot{Incarnation: 3, Counter: uint64(1000 + c.tear)})})
		r := do(t, p, Request{Op: 2, Place: 2, Count: 1})
		if v, err := s.OpenSlot(idA, 2, r.Data); !errors.Is(err, c.want) || err == nil && v.Counter != uint64(1000+c.tear) {
			t.Errorf("torn after %d bytes: %+v, %v", c.tear, v, err)
		}
	}
}

func TestADiskThatLosesWritesOrShowsThePastIsFoundOutByTheStamps(t *testing.T) {
	f, s := newFaulty(t), sealsOf(t, "office")
	for name, wrong := range map[string]func(){
		"lost": func() { f.Lose = true },
		"past": func() { f.Past = bytes.Clone(f.Content) },
	} {
		f.Set(func() { f.Lose, f.Past = false, nil })
		p, judge := open(t, f.Path), NewStamps(1, 1)
		round := func(count uint64) error {
			v := Slot{Incarnation: 3, Counter: count}
			judge.Begun(0, v)
			do(t, p, Request{Op: 2 * count, Place: 1, Write: s.SealSlot(idA, 1, v)})
			judge.Wrote(0)
			r := do(t, p, Request{Op: 2*count + 1, Place: 1, Count: 1})
			v, err := s.OpenSlot(idA, 1, r.Data)
			return judge.Saw(SlotRead{Slots: []Sight{{v, err}}})
		}
		if err := round(7); err != nil {
			t.Fatal(err)
		}
		f.Set(wrong)
		if err := round(8); err == nil || !strings.Contains(err.Error(), "loses writes") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATestFindsStorageThatLiesOrIsSlow(t *testing.T) {
	f := newFaulty(t)
	p := planFor(t, nil, f.Path)
	if err := Init(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		set  func()
		dead time.Duration
		want string
	}{
		{"loses writes", func() { f.Lose = true }, time.Hour, "does not show what was written to it a moment ago"},
		{"shows the past", func() { f.Past = bytes.Clone(f.Content) }, time.Hour, "does not show what was written to it a moment ago"},
		{"fails", func() { f.Err = unix.EIO }, time.Hour, "input/output error"},
		{"is slow", func() {}, time.Nanosecond, "too slow: a write and a read took up to"},
	} {
		f.Set(func() { f.Lose, f.Past, f.Err = false, nil, 0; c.set() })
		o := MeasureOptions{Path: f.Path, Seals: p.Seals, Self: 1, Run: 11, Every: time.Hour, Dead: c.dead, Last: time.Millisecond, Timeout: patience}
		m, err := MeasureDisk(context.Background(), o)
		if err != nil {
			m.Verdict = err.Error()
		}
		if m.OK || !strings.Contains(m.Verdict, c.want) {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
		f.Set(func() { f.Err = 0 })
	}
}
