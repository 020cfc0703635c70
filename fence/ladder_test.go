package fence

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"locum/config"
	"locum/wire"
)

func TestTheNextLevelIsTriedWhenOneDoesNotConfirm(t *testing.T) {
	for _, tc := range []struct {
		name  string
		first *scripted
		want  string
		took  time.Duration // at most
	}{
		{"it does nothing", &scripted{off: func(context.Context, *scripted) error { return nil }},
			"fence beta by a1: still on after off; fence beta by a2: said off", 40 * time.Second},
		{"it cannot be reached", &scripted{off: broken, status: func(context.Context, *scripted) (wire.Power, error) {
			return wire.PowerUnknown, errBroken
		}}, "fence beta by a1: no route to host; fence beta by a2: said off", 0},
		{"it refuses and says on", &scripted{off: broken},
			"fence beta by a1: still on after off: no route to host; fence beta by a2: said off", 0},
		{"it hangs", &scripted{off: func(ctx context.Context, _ *scripted) error { return hang(ctx) },
			status: func(ctx context.Context, _ *scripted) (wire.Power, error) { return wire.PowerOff, hang(ctx) }},
			"fence beta by a1: did not answer to off within 20s, and is not known to be off; fence beta by a2: said off", 40 * time.Second},
		{"it accepts and hangs when asked", &scripted{
			status: func(ctx context.Context, _ *scripted) (wire.Power, error) { return wire.PowerOff, hang(ctx) }},
			"fence beta by a1: did not say off: no answer in time; fence beta by a2: said off", 40 * time.Second},
		{"it says neither, and hangs at last", &scripted{off: func(_ context.Context, d *scripted) error { return nil },
			status: func(ctx context.Context, d *scripted) (wire.Power, error) {
				if len(d.log) > 5 {
					return wire.PowerOff, hang(ctx)
				}
				return wire.PowerUnknown, errBroken
			}}, "fence beta by a1: did not say off: no answer in time; before that: no route to host; fence beta by a2: said off", 40 * time.Second},
		{"it says off only after its time", &scripted{off: func(_ context.Context, d *scripted) error {
			time.AfterFunc(41*time.Second, func() { d.set(wire.PowerOff) })
			return nil
		}}, "fence beta by a1: still on after off; fence beta by a2: said off", 40 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				second := &scripted{}
				l := scriptedLadder(20*time.Second, []*scripted{tc.first}, []*scripted{second})
				begin := time.Now()
				r := l.Shoot(t.Context(), always)
				if r.Outcome != wire.OutcomeDone || r.String() != tc.want {
					t.Errorf("%s: %s\nwant %s", r.Outcome, r, tc.want)
				}
				if took := time.Since(begin); took > tc.took {
					t.Errorf("took %s, at most %s: the other side shoots when the file's delay is over", took, tc.took)
				}
				time.Sleep(10 * time.Second) // of the test's own time: let timers of the device run out
			})
		})
	}
}

func TestADeviceIsAskedUntilItSaysOffAtEverLongerPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{off: func(_ context.Context, d *scripted) error {
			time.AfterFunc(50*time.Millisecond, func() { d.set(wire.PowerOff) })
			return nil
		}}
		if r := scriptedLadder(time.Second, []*scripted{d}).Shoot(t.Context(), always); r.Outcome != wire.OutcomeDone {
			t.Error(r)
		}
		want := "0s off, 0s status, 5ms status, 15ms status, 35ms status, 75ms status"
		if got := strings.Join(d.log, ", "); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

func TestAnUnconfirmedShotIsFailedOnlyIfEveryDeviceSaidSo(t *testing.T) {
	deaf := func() *scripted { return &scripted{off: func(context.Context, *scripted) error { return nil }} }
	gone := func() *scripted {
		return &scripted{off: broken, status: func(context.Context, *scripted) (wire.Power, error) { return wire.PowerOff, errBroken }}
	}
	for _, tc := range []struct {
		name   string
		levels [][]*scripted
		want   wire.Outcome
	}{
		{"one that does nothing", [][]*scripted{{deaf()}}, wire.OutcomeFailed},
		{"one that is gone", [][]*scripted{{gone()}}, wire.OutcomeUnknown},
		{"two levels that do nothing", [][]*scripted{{deaf()}, {deaf()}}, wire.OutcomeFailed},
		{"a gone one, then one that does nothing", [][]*scripted{{gone()}, {deaf()}}, wire.OutcomeUnknown},
		{"one of two supplies is gone", [][]*scripted{{{}, gone()}}, wire.OutcomeUnknown},
		{"one of two supplies does nothing", [][]*scripted{{{}, deaf()}}, wire.OutcomeFailed},
		{"no device at all", nil, wire.OutcomeFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if r := scriptedLadder(time.Second, tc.levels...).Shoot(t.Context(), always); r.Outcome != tc.want {
					t.Errorf("%s: %s", r.Outcome, r)
				}
			})
		})
	}
}

func TestTwoSuppliesAreShotSideBySideAndTheFirstIsAskedAgainAfterTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick := &scripted{}
		slow := &scripted{off: func(_ context.Context, d *scripted) error {
			time.Sleep(3 * time.Second)
			d.set(wire.PowerOff)
			return nil
		}}
		r := scriptedLadder(5*time.Second, []*scripted{quick, slow}).Shoot(t.Context(), always)
		if r.Outcome != wire.OutcomeDone || r.String() != "fence beta by a1: said off; fence beta by b1: said off" {
			t.Error(r)
		}
		if got := strings.Join(quick.log, ", "); got != "0s off, 0s status, 3s status" {
			t.Errorf("the quick one: %s", got)
		}
	})
}

func TestASupplyThatComesBackUndoesTheProofOfTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := &scripted{off: func(_ context.Context, d *scripted) error {
			d.set(wire.PowerOff)
			time.AfterFunc(time.Second, func() { d.set(wire.PowerOn) }) // a cycle that somebody else had asked for
			return nil
		}}
		slow := &scripted{off: func(_ context.Context, d *scripted) error {
			time.Sleep(3 * time.Second)
			d.set(wire.PowerOff)
			return nil
		}}
		r := scriptedLadder(5*time.Second, []*scripted{back, slow}).Shoot(t.Context(), always)
		if r.Outcome == wire.OutcomeDone || !strings.Contains(r.String(), "a1: said off, then on again") {
			t.Errorf("%s: %s", r.Outcome, r)
		}
	})
}

func TestAShotIsCheckedJustBeforeEachDeviceIsToldAndCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &scripted{off: func(context.Context, *scripted) error { return nil }}
		second := &scripted{}
		l := scriptedLadder(time.Second, []*scripted{first}, []*scripted{second}, []*scripted{{}})
		begin := time.Now()
		r := l.Shoot(t.Context(), func() error {
			if time.Since(begin) > 0 {
				return errors.New("beta is heard again")
			}
			return nil
		})
		want := "fence beta by a1: still on after off; fence beta by a2: called off before it was told: beta is heard again"
		if r.Outcome != wire.OutcomeFailed || r.String() != want {
			t.Errorf("%s: %s", r.Outcome, r)
		}
		if len(second.log) > 0 || r.Devices[1].Shot {
			t.Errorf("the second level was told: %v", second.log)
		}
	})
}

func TestAShotThatEndsMidwayIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		d := &scripted{off: func(context.Context, *scripted) error { return nil }}
		other := &scripted{}
		time.AfterFunc(500*time.Millisecond, cancel)
		r := scriptedLadder(time.Second, []*scripted{d}, []*scripted{other}).Shoot(ctx, always)
		if r.Outcome != wire.OutcomeUnknown || !strings.Contains(r.String(), "ended before it said off") {
			t.Errorf("%s: %s", r.Outcome, r)
		}
		if len(other.log) > 0 {
			t.Errorf("the next level was told after the end: %v", other.log)
		}
	})
}

func TestADeviceThatSaidOffIsAskedAndNotShot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{power: wire.PowerOff}
		l := scriptedLadder(time.Second, []*scripted{d})
		if power := l.Status(t.Context()); power != wire.PowerOff {
			t.Fatal(power)
		}
		r := l.Shoot(t.Context(), func() error { t.Error("no shot, and the shot was checked"); return nil })
		if r.Outcome != wire.OutcomeDone || r.Devices[0].Shot || r.String() != "fence beta by a1: off already, without a shot" {
			t.Errorf("%s: %s", r.Outcome, r)
		}
		d.set(wire.PowerOn)
		r = l.Shoot(t.Context(), always)
		if r.Outcome != wire.OutcomeDone || !r.Devices[0].Shot || d.get() != wire.PowerOff {
			t.Errorf("it was off when asked last and is on now: %s: %s", r.Outcome, r)
		}
	})
}

func TestTheNodeIsOffIfOneWholeLevelSaysOffAndOnIfAnySaysOn(t *testing.T) {
	off, on, unknown := wire.PowerOff, wire.PowerOn, wire.PowerUnknown
	for _, tc := range []struct {
		name   string
		levels [][]wire.Power
		want   wire.Power
	}{
		{"one that is off", [][]wire.Power{{off}}, off},
		{"one that is on", [][]wire.Power{{on}}, on},
		{"one that says nothing", [][]wire.Power{{unknown}}, unknown},
		{"both supplies off", [][]wire.Power{{off, off}}, off},
		{"one supply on", [][]wire.Power{{off, on}}, on},
		{"one supply silent", [][]wire.Power{{off, unknown}}, unknown},
		{"the second level off, the first silent", [][]wire.Power{{unknown}, {off}}, off},
		{"the second level half off, the first on", [][]wire.Power{{on}, {off, unknown}}, on},
		{"half of each level off", [][]wire.Power{{off, unknown}, {off, unknown}}, unknown},
		{"no device", nil, unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var levels [][]*scripted
			for _, powers := range tc.levels {
				var level []*scripted
				for _, p := range powers {
					level = append(level, &scripted{status: func(context.Context, *scripted) (wire.Power, error) { return p, nil }})
				}
				levels = append(levels, level)
			}
			power, readings := scriptedLadder(time.Second, levels...).Read(t.Context())
			if power != tc.want {
				t.Errorf("%s: %+v", power, readings)
			}
			for _, r := range readings {
				if (r.Err == nil) != (r.Power != unknown) {
					t.Errorf("%s is %s with the error %v", r.Name, r.Power, r.Err)
				}
			}
		})
	}
}

func TestAnAnswerWithAnErrorIsNeverOff(t *testing.T) {
	l := scriptedLadder(time.Second, []*scripted{{status: func(context.Context, *scripted) (wire.Power, error) {
		return wire.PowerOff, errBroken
	}}})
	if power := l.Status(t.Context()); power != wire.PowerUnknown {
		t.Error(power)
	}
}

func TestOnSwitchesWhatIsOffTheSupplyBeforeTheBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pdu := &scripted{power: wire.PowerOff}
		board := &scripted{power: wire.PowerOff, on: func(_ context.Context, d *scripted) error {
			if pdu.get() != wire.PowerOn {
				return errBroken
			}
			time.AfterFunc(time.Second, func() { d.set(wire.PowerOn) })
			return nil
		}}
		running := &scripted{}
		l := scriptedLadder(5*time.Second, []*scripted{board, running}, []*scripted{pdu})
		if err := l.On(t.Context()); err != nil {
			t.Fatal(err)
		}
		if board.get() != wire.PowerOn || strings.Join(running.log, ", ") != "5s status" {
			t.Errorf("the board is %s; what ran was told %v", board.get(), running.log)
		}
	})
}

func TestADeviceThatHasJustGoneOffStaysSoForLongerThanASupplyHoldsUpAndAShotNeedNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{}
		l := scriptedLadder(time.Second, []*scripted{d})
		if got, text := l.Off(t.Context(), always); got != wire.OutcomeDone {
			t.Fatal(text)
		}
		time.Sleep(2 * time.Second)
		on := make(chan error)
		go func() { on <- l.On(t.Context()) }()
		time.Sleep(time.Second)
		if got, text := l.Off(t.Context(), always); got != wire.OutcomeDone || time.Since(d.start) != 3*time.Second {
			t.Errorf("a shot while it rests: %s, at %s", text, time.Since(d.start))
		}
		if err := <-on; err != nil || d.log[len(d.log)-2] != "5s on" {
			t.Errorf("%v, %v", err, d.log)
		}
	})
}

func TestOnThatIsNotConfirmedIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{power: wire.PowerOff, on: func(context.Context, *scripted) error { return nil }}
		err := scriptedLadder(time.Second, []*scripted{d}).On(t.Context())
		if err == nil || err.Error() != "fence beta by a1: still off after on" {
			t.Error(err)
		}
	})
}

func TestAManualFenceIsNeverDoneByItself(t *testing.T) {
	hand := config.Fence{Name: "hand", Type: "manual", Level: 2, Timeout: time.Second}
	l := ladder(t, []config.Fence{hand})
	got, text := l.Off(context.Background(), always)
	if got != wire.OutcomeUnknown || !strings.Contains(text, "fence beta by hand: waits for an operator: locum fence beta --confirm") {
		t.Errorf("%s: %s", got, text)
	}
	if power, readings := l.Read(context.Background()); power != wire.PowerUnknown || !IsOperators(readings[0].Err) {
		t.Errorf("%s: %v", power, readings)
	}
	if err := l.On(context.Background()); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("on: %v", err)
	}
	p := newPlug(t, nil)
	p.set(false)
	if err := ladder(t, []config.Fence{p.line("pdu", 1)}, []config.Fence{hand}).On(context.Background()); err != nil {
		t.Errorf("an operator is wanted though the plug switched: %v", err)
	}
}

func TestALineThatCannotBeUsedYetLeavesTheOtherLevelsAndServesWhenItIsPutRight(t *testing.T) {
	p := newPlug(t, nil)
	file := secretFile(t, "right")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	l := ladder(t, []config.Fence{p.line("pdu", 1, "password-file", file)}, []config.Fence{p.line("board", 2)})
	got, text := l.Off(context.Background(), always)
	if got != wire.OutcomeDone || !strings.Contains(text, "chmod 600") || !strings.HasSuffix(text, "fence beta by board: said off") {
		t.Errorf("%s: %s", got, text)
	}
	p.set(true)
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	got, text = l.Off(context.Background(), always)
	if got != wire.OutcomeDone || text != "fence beta by pdu: said off" {
		t.Errorf("%s: %s", got, text)
	}
	if _, err := NewLadder("beta", [][]config.Fence{{{Name: "x", Type: "teapot"}}}, constructors); err == nil {
		t.Error("a type that does not exist makes a ladder")
	}
}

// TestTwoSuppliesThatWereNeverOffAtOneTimeAreNoProof: the one is off when it is asked, and on again before the other, which
// answers late, says off.
func TestTwoSuppliesThatWereNeverOffAtOneTimeAreNoProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &scripted{power: wire.PowerOff}
		slow := &scripted{status: func(context.Context, *scripted) (wire.Power, error) {
			time.Sleep(100 * time.Millisecond)
			return wire.PowerOff, nil
		}}
		l := scriptedLadder(time.Second, []*scripted{first, slow})
		time.AfterFunc(50*time.Millisecond, func() { first.set(wire.PowerOn) })
		if power, readings := l.Read(t.Context()); power == wire.PowerOff {
			t.Errorf("%s: %+v", power, readings)
		}
	})
}

// A board that has no room for another session just then says nothing of how long the machine has been off.
func TestADeviceThatDoesNotAnswerAfterItWentOffStaysSoForAsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{}
		l := scriptedLadder(time.Second, []*scripted{d})
		if got, text := l.Off(t.Context(), always); got != wire.OutcomeDone {
			t.Fatal(text)
		}
		d.status = func(_ context.Context, d *scripted) (wire.Power, error) {
			if d.get() == wire.PowerOff {
				return wire.PowerUnknown, errBroken
			}
			return wire.PowerOn, nil
		}
		if err := l.On(t.Context()); err != nil || d.log[len(d.log)-2] != "5s on" {
			t.Errorf("%v, %v", err, d.log)
		}
	})
}

// An outlet that has said off feeds a supply that is not empty yet: the proof comes when that has run dry, also if the shot is called off meanwhile.
func TestWhatASupplyHoldsIsWaitedForOnceItsOutletIsOff(t *testing.T) {
	for _, holdup := range []time.Duration{0, 500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			l := scriptedLadder(20*time.Second, []*scripted{{}, {}})
			l.levels[0][1].holdup = holdup
			ctx, end := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, end)
			begin := time.Now()
			r := l.Shoot(ctx, always)
			if took := time.Since(begin); r.Outcome != wire.OutcomeDone || took != holdup {
				t.Errorf("holdup=%s: %s after %s: %s", holdup, r.Outcome, took, r)
			}
		})
	}
}

// Somebody else may have switched off just now what is only read to be off; what was read to be so a while ago has run dry. A board knows that the machine is off.
func TestWhatASupplyHoldsIsWaitedForWhereItsOutletIsRead(t *testing.T) {
	for _, tc := range []struct {
		name  string
		board bool
		after time.Duration // from the first reading on
		want  time.Duration
	}{
		{"first reading", false, 0, 500 * time.Millisecond},
		{"soon after", false, 200 * time.Millisecond, 300 * time.Millisecond},
		{"long after", false, 5 * time.Second, 0},
		{"with a board", true, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := scriptedLadder(20*time.Second, []*scripted{{}}, []*scripted{{}})
				for i, level := range l.levels {
					level[0].device.(*scripted).set(wire.PowerOff)
					level[0].holdup = 500 * time.Millisecond
					if level[0].knows = tc.board && i == 1; level[0].knows {
						level[0].holdup = 0
					}
				}
				if tc.after != 0 {
					short, end := context.WithTimeout(t.Context(), 100*time.Millisecond)
					defer end()
					if power, _ := l.Read(short); power != wire.PowerUnknown {
						t.Errorf("%s before it has run dry", power)
					}
					time.Sleep(tc.after - 100*time.Millisecond)
				}
				begin := time.Now()
				power, _ := l.Read(t.Context())
				if took := time.Since(begin); power != wire.PowerOff || took != tc.want {
					t.Errorf("%s after %s, want %s", power, took, tc.want)
				}
			})
		})
	}
}
