package heartbeat

import (
	"errors"
	"slices"
	"testing"
	"time"

	"locum/wire"
)

// withDog makes the world's file name a watchdog, and gives a node's heart none until it asks for it.
func withDog(t *testing.T) (*world, *node, *node) {
	t.Helper()
	w, a, b := pairWithView(t)
	w.cfg.Watchdog.Device, w.cfg.Watchdog.Timeout = "/dev/watchdog", 4*time.Second
	a.step(WatchdogChanged{Armed: true, Held: true, Name: "a dog", Timeout: 4 * time.Second, Bites: 4 * time.Second})
	return w, a, b
}

// pets gives the pets among a node's outputs, and forgets them.
func (n *node) pets() (list []Pet) {
	for _, o := range n.outputs {
		if p, ok := o.(Pet); ok {
			list = append(list, p)
		}
	}
	n.outputs = slices.DeleteFunc(n.outputs, func(o Output) bool { _, ok := o.(Pet); return ok })
	return list
}

func TestTheWatchdogIsPettedOnlyWhileAllIsWell(t *testing.T) {
	for _, c := range []struct {
		name string
		what func(w *world, a, b *node)
		pets bool
	}{
		{"a quorum answers", func(w *world, a, b *node) {}, true},
		{"its lease is over while something may run", func(w *world, a, b *node) { a.permitAll(); w.cutAll(); w.run(9 * second) }, false},
		{"its lease is over and nothing runs", func(w *world, a, b *node) {
			a.says(wire.ToHeart{Idle: &wire.Idle{Idle: true}})
			w.cutAll()
			w.run(9 * second)
		}, true},
		{"its lease is over and its engine has not said what runs", func(w *world, a, b *node) { a.h.grants.idle = false; w.cutAll(); w.run(9 * second) }, false},
		{"its engine is down within its grace", func(w *world, a, b *node) { a.permitAll(); a.step(EngineGone{}); w.run(4 * second) }, true},
		{"its engine is down for long, and another could take over", func(w *world, a, b *node) { a.permitAll(); a.step(EngineGone{}); w.run(11 * second) }, false},
		{"all engines are down for long", func(w *world, a, b *node) {
			a.permitAll()
			b.step(EngineGone{})
			w.run(second)
			a.step(EngineGone{})
			w.run(11 * second)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, a, b := withDog(t)
			c.what(w, a, b)
			a.pets()
			w.run(3 * second)
			if got := len(a.pets()) > 0; got != c.pets {
				t.Errorf("petted: %v; resets %q", got, a.resets())
			}
		})
	}
}

func TestAPetComesAtAQuarterOfItsTimeAndNotAfterTheLease(t *testing.T) {
	w, a, _ := withDog(t)
	a.permitAll()
	a.pets()
	w.run(40 * second)
	pets := a.pets()
	if len(pets) < 38 || len(pets) > 42 {
		t.Errorf("%d pets in 40 s of a watchdog of 4 s", len(pets))
	}
	for _, p := range pets {
		if p.Until == 0 || p.Until > w.now+thisLease {
			t.Errorf("a pet is good until %v", p.Until)
		}
	}
}

func TestNothingIsPermittedBeforeTheWatchdogIsArmed(t *testing.T) {
	w, a, _ := withDog(t)
	a.step(WatchdogChanged{Why: "somebody holds it"})
	if len(a.alarms) == 0 {
		t.Error("no alarm")
	}
	a.records = nil
	a.permitAll()
	if p := lastPermit(a); p == nil || p.OK {
		t.Errorf("permit %+v", p)
	}
	a.outputs = nil
	w.run(11 * second)
	if tries := len(slices.DeleteFunc(slices.Clone(a.outputs), func(o Output) bool { _, ok := o.(Arm); return !ok })); tries < 2 || tries > 3 {
		t.Errorf("tried %d times in 11 s", tries)
	}
	a.step(WatchdogChanged{Held: true, Name: "a dog", Timeout: 4 * time.Second, Why: "softdog"})
	a.records = nil
	a.permitAll()
	if p := lastPermit(a); p == nil || !p.OK {
		t.Errorf("permit %+v", p)
	}
	w.run(second)
	if a.h.beats.beat.Armed {
		t.Error("the beats offer a proof that is none")
	}
}

func lastPermit(n *node) (p *wire.Permit) {
	for _, r := range n.records {
		if r.Permit != nil {
			p = r.Permit
		}
	}
	return p
}

func TestAResetEndsThePetsForGood(t *testing.T) {
	w, a, _ := withDog(t)
	a.permitAll()
	w.cutAll()
	w.run(9 * second)
	if len(a.resets()) == 0 {
		t.Fatal("no reset")
	}
	w.cut = map[cable]bool{}
	a.says(wire.ToHeart{Idle: &wire.Idle{Idle: true}})
	a.pets()
	w.run(10 * second)
	if got := a.pets(); len(got) > 0 {
		t.Errorf("%d pets after a reset was asked for", len(got))
	}
}

// fakeDog is a device that takes its time, or cannot.
type fakeDog struct {
	pets int
	take func()
	err  error
}

func (f *fakeDog) pet() error {
	f.pets++
	if f.take != nil {
		f.take()
	}
	return f.err
}

func TestAPetThatCameTooLateIsNoticed(t *testing.T) {
	now := wire.Instant(10)
	clock := func() wire.Instant { return now }
	for _, c := range []struct {
		name  string
		until wire.Instant
		take  wire.Instant
		err   error
		pets  int
		want  error
	}{
		{"in time", 20, 1, nil, 1, nil},
		{"without an end", 0, 1000, nil, 1, nil},
		{"too late to begin with: the device is not touched", 10, 0, nil, 0, ErrPetLate},
		{"stopped between the clock and the device", 20, 30, nil, 1, ErrPetLate},
		{"a device that fails", 20, 1, errors.New("EIO"), 1, errors.New("EIO")},
	} {
		now = 10
		f := &fakeDog{take: func() { now += c.take }, err: c.err}
		err := petWithin(clock, c.until, f.pet)
		if f.pets != c.pets || (err == nil) != (c.want == nil) || errors.Is(c.want, ErrPetLate) != errors.Is(err, ErrPetLate) {
			t.Errorf("%s: %d pets, %v", c.name, f.pets, err)
		}
	}
}

// TestTheEngineLearnsWhatIsWrongWithTheWatchdog: a device that was not tried yet is no reason to pass a node over, one that was
// refused is, and one that cannot be stopped is something to know before locum is.
func TestTheEngineLearnsWhatIsWrongWithTheWatchdog(t *testing.T) {
	for _, c := range []struct {
		name string
		is   WatchdogChanged
		want wire.Watchdog
	}{
		{"not tried yet", WatchdogChanged{Name: "none"}, wire.Watchdog{Refuses: true, Text: "best effort until the watchdog is armed"}},
		{"held by another", WatchdogChanged{Why: "it is held"}, wire.Watchdog{Refuses: true, Text: "best effort: it is held", Unarmed: "it is held"}},
		{"no proof", WatchdogChanged{Held: true, Name: "softdog", Timeout: 4 * time.Second, Why: "it is soft"},
			wire.Watchdog{Text: "softdog, 4s, but no proof for others: it is soft"}},
		{"not to be stopped", WatchdogChanged{Armed: true, Held: true, Name: "dog", Timeout: 4 * time.Second, NoWayOut: "it stays"},
			wire.Watchdog{Armed: true, Text: "dog, 4s", Stays: "to stop locum resets this machine 4s later: it stays"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, a, _ := withDog(t)
			a.step(c.is)
			var got *wire.Watchdog
			for _, r := range a.records {
				if r.Watchdog != nil {
					got = r.Watchdog
				}
			}
			if got == nil || *got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// settled is how often what was kept of a former file's watchdog was ended.
func (n *node) settled() (times int) {
	for _, o := range n.outputs {
		if _, ok := o.(Settle); ok {
			times++
		}
	}
	return times
}

// TestAFormerWatchdogIsPettedUntilAQuorumHasHeardWhatIsNow: another that lost this node before would reckon with it.
func TestAFormerWatchdogIsPettedUntilAQuorumHasHeardWhatIsNow(t *testing.T) {
	w, a, _ := pairWithView(t)
	a.permitAll()
	w.run(second)
	a.kill()
	w.cutAll()
	a.start()
	a.step(WatchdogChanged{Bites: 2 * time.Second, Outdated: true})
	a.pets()
	w.run(3 * second)
	if got := len(a.pets()); got < 5 || got > 7 || a.settled() != 0 {
		t.Errorf("%d pets in 3 s of a watchdog of 2 s, settled %d times before anybody has heard", got, a.settled())
	}
	w.cut = map[cable]bool{}
	w.run(second)
	if a.settled() != 1 {
		t.Errorf("settled %d times", a.settled())
	}
	a.step(WatchdogChanged{})
	a.pets()
	w.run(3 * second)
	if got := len(a.pets()); got != 0 || a.settled() != 1 {
		t.Errorf("%d pets of what was given up, settled %d times", got, a.settled())
	}
}

// A new view ends the doubt of a heart that was started anew. It is no word of anybody's that he has heard a beat of this life.
func TestAViewAloneSettlesNoWatchdog(t *testing.T) {
	w, a, b := pairWithView(t)
	a.permitAll()
	a.kill()
	w.cutAll()
	a.start()
	a.step(WatchdogChanged{Bites: 2 * time.Second, Outdated: true})
	v := view(2, 2, 1, 2)
	a.says(wire.ToHeart{View: &v})
	b.says(wire.ToHeart{View: &v})
	w.run(second)
	if a.settled() != 0 {
		t.Error("settled before anybody has heard")
	}
	w.cut = map[cable]bool{}
	w.run(second)
	if a.settled() != 1 {
		t.Errorf("settled %d times once it was heard", a.settled())
	}
}

func TestAFormerWatchdogBitesAtTheLeasesEnd(t *testing.T) {
	w, a, _ := pairWithView(t)
	a.permitAll()
	a.kill()
	w.cutAll()
	a.start()
	a.step(WatchdogChanged{Bites: 2 * time.Second, Outdated: true})
	w.run(thisLease)
	a.pets()
	w.run(3 * second)
	if got := len(a.pets()); got != 0 || a.settled() != 0 {
		t.Errorf("%d pets after the lease, settled %d times", got, a.settled())
	}
}
