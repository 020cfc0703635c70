package cluster

import (
	"testing"

	"locum/wire"
)

// A disk joins on the word of a leader of more than half only: two halves that each had one join could each make a majority of the
// disks.
func TestADiskJoinsForALeaderOfMoreThanHalfOnly(t *testing.T) {
	leader := func() *Engine {
		e := onDisk(t)
		e.admitted, e.disk.Joins, e.lease.State = true, true, wire.LeaseHeld
		e.view.Epoch, e.promised, e.view.Leader = 7, 7, e.self
		e.view.Verdict = Verdict{Quorate: true}
		return e
	}
	e := leader()
	e.joinDisk()
	if len(e.out) != 1 || e.out[0] != (JoinDisk{ID: e.joining.id}) {
		t.Fatalf("a leader of more than half: %v", e.out)
	}
	for name, lost := range map[string]func(*Engine){
		"another leads":                func(e *Engine) { e.view.Leader = 2 },
		"it is half, by the disk":      func(e *Engine) { e.view.Verdict.Claim = 2 },
		"it is not quorate":            func(e *Engine) { e.view.Verdict.Quorate = false },
		"its lease is over":            func(e *Engine) { e.lease.State = wire.LeaseOver },
		"it obeys no lease":            func(e *Engine) { e.lease.State = wire.LeaseExempt },
		"half of its lease is over":    func(e *Engine) { e.lease.State = wire.LeaseHalf },
		"it leaves":                    func(e *Engine) { e.leaving.asked = true },
		"it has promised a later view": func(e *Engine) { e.promised = 8 },
	} {
		e := leader()
		lost(e)
		e.joinDisk()
		if len(e.out) != 0 {
			t.Errorf("%s, and yet: %v", name, e.out)
		}
		e = leader()
		e.joinDisk()
		lost(e)
		e.joinDisk()
		e.joinDisk()
		if len(e.out) != 2 || e.out[1] != (CancelJoin{ID: e.joining.id}) {
			t.Errorf("%s meanwhile: %v", name, e.out)
		}
	}
}

func TestAJoinThatFailedIsTriedAgainAndToldOnce(t *testing.T) {
	e := onDisk(t)
	e.admitted, e.disk.Joins, e.lease.State = true, true, wire.LeaseHeld
	e.view.Epoch, e.promised, e.view.Leader, e.view.Verdict = 7, 7, e.self, Verdict{Quorate: true}
	told := 0
	for range 3 {
		e.out = nil
		e.joinDisk()
		if len(e.out) != 1 {
			t.Fatalf("at %d: %v", e.now, e.out)
		}
		e.diskJoined(DiskJoined{ID: e.joining.id, Detail: "it is full"})
		e.joinDisk()
		for _, a := range e.out[1:] {
			if _, ok := a.(Tell); ok {
				told++
			} else {
				t.Errorf("at once again: %v", a)
			}
		}
		e.now = e.joinDue()
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	e.diskJoined(DiskJoined{ID: 99, OK: true})
	e.disk.Joins = false
	if e.joinDue() != 0 {
		t.Error("it waits for a disk that does not join")
	}
}

// Both write headers, and what the heart has said before it took the engine's word says nothing of what it does since.
func TestADiskJoinsOnlyOnceTheHeartHasTakenTheWordToSealNothing(t *testing.T) {
	e := onDisk(t)
	e.admitted, e.lease.State = true, wire.LeaseHeld
	e.view.Epoch, e.promised, e.view.Leader, e.view.Members = 7, 7, e.self, configured(e.cfg)
	e.view.Verdict = Verdict{Quorate: true}
	e.welcome.Keys = []wire.KeyPrint{{1}, {2}}
	step := func(d wire.Disk) (joins bool, word ResealDisks) {
		e.out, e.disk = nil, d
		e.joinDisk()
		e.resealRest()
		for _, a := range e.out {
			switch a := a.(type) {
			case JoinDisk:
				joins = true
			case ResealDisks:
				word = a
			}
		}
		return joins, word
	}
	if joins, word := step(wire.Disk{}); joins || !word.Rest {
		t.Fatalf("with two keys and nothing that joins: %t, %+v", joins, word)
	}
	joins, word := step(wire.Disk{Joins: true}) // said before the heart has heard that it seals
	if joins || word.Rest || word.Number == 0 {
		t.Fatalf("the heart may be sealing: joins %t, %+v", joins, word)
	}
	for _, d := range []wire.Disk{{Joins: true}, {Joins: true, Reseals: true, Heeded: word.Number - 1}, {Joins: true, Reseals: true, Heeded: word.Number}} {
		if joins, _ := step(d); joins {
			t.Errorf("it joins, and the heart says %+v", d)
		}
	}
	if joins, _ := step(wire.Disk{Joins: true, Heeded: word.Number}); !joins {
		t.Error("the heart seals nothing, and yet it does not join")
	}
}
