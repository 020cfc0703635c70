package fence

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"locum/wire"
)

// A wrong outlet, or one of two, may well be off while the machine runs.
func TestAnOutletThatIsOffProvesNothingWhileTheMachinesOwnBoardSaysOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := &scripted{off: func(context.Context, *scripted) error { return nil }}
		outlet := &scripted{power: wire.PowerOff}
		l := scriptedLadder(time.Second, []*scripted{board}, []*scripted{outlet})
		l.levels[0][0].knows = true
		if power, readings := l.Read(t.Context()); power != wire.PowerOn {
			t.Errorf("%s: %+v", power, readings)
		}
		if r := l.Shoot(t.Context(), always); r.Outcome != wire.OutcomeUnknown || !strings.Contains(r.String(), "and the machine is on") {
			t.Errorf("%s: %s", r.Outcome, r)
		}
		outlet.set(wire.PowerOn)
		board.status = func(context.Context, *scripted) (wire.Power, error) {
			if outlet.get() == wire.PowerOff {
				return wire.PowerUnknown, errBroken
			}
			return wire.PowerOn, nil
		}
		l.Read(t.Context())
		if r := l.Shoot(t.Context(), always); r.Outcome != wire.OutcomeDone || !r.Devices[1].Shot {
			t.Errorf("one that was on and was shot at counts: %s: %s", r.Outcome, r)
		}
		board.status = nil
		board.set(wire.PowerOff)
		outlet.set(wire.PowerOn)
		if power, readings := l.Read(t.Context()); power != wire.PowerOff {
			t.Errorf("a machine that is off may well have its supply: %s: %+v", power, readings)
		}
	})
}

// The same with the outlet first, as in the file that ships: nobody has asked the board before.
func TestABoardOfALaterLevelIsAskedBeforeAnOutletThatIsOffAlreadyCounts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		board *scripted
		want  wire.Outcome
		text  string
		took  time.Duration
	}{
		{"it says on, and obeys", &scripted{}, wire.OutcomeDone, "and the machine is on: does this outlet, and no other, feed it?; fence beta by a2: said off", 0},
		{"it says on, and does not obey", &scripted{off: func(context.Context, *scripted) error { return nil }}, wire.OutcomeUnknown, "; fence beta by a2: still on after off", 2 * time.Second},
		{"it is off", &scripted{power: wire.PowerOff}, wire.OutcomeDone, "fence beta by a1: off already, without a shot", 0},
		{"it has died with its supply", &scripted{status: func(ctx context.Context, _ *scripted) (wire.Power, error) { return wire.PowerOn, hang(ctx) }}, wire.OutcomeDone,
			"fence beta by a1: off already, without a shot", time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := scriptedLadder(time.Second, []*scripted{{power: wire.PowerOff}}, []*scripted{tc.board})
				l.levels[1][0].knows = true
				l.levels[0][0].ask(t.Context())
				begin := time.Now()
				if r := l.Shoot(t.Context(), always); r.Outcome != tc.want || !strings.Contains(r.String(), tc.text) || time.Since(begin) > tc.took {
					t.Errorf("after %s: %s: %s", time.Since(begin), r.Outcome, r)
				}
			})
		})
	}
}

// The board on a guest's further level is its host's: that the host is on says nothing of the guest, and to switch it off would end all its guests.
func TestAGuestThatIsOffIsNotDoubtedForItsHostsBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := scriptedLadder(time.Second, []*scripted{{power: wire.PowerOff}}, []*scripted{{power: wire.PowerOn}})
		l.levels[0][0].knows, l.levels[0][0].guest, l.levels[1][0].knows = true, true, true
		if power, readings := l.Read(t.Context()); power != wire.PowerOff {
			t.Errorf("%s: %+v", power, readings)
		}
		if r := l.Shoot(t.Context(), always); r.Outcome != wire.OutcomeDone || len(r.Devices) != 1 {
			t.Errorf("%s: %s", r.Outcome, r)
		}
	})
}

// A board whose command hangs may answer questions all the same.
func TestABoardThatDoesNotAnswerToOffAndSaysOnStillDoubtsAnOutlet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := &scripted{off: func(ctx context.Context, _ *scripted) error { return hang(ctx) }}
		l := scriptedLadder(time.Second, []*scripted{board}, []*scripted{{power: wire.PowerOff}})
		l.levels[0][0].knows = true
		l.Read(t.Context())
		if r := l.Shoot(t.Context(), always); r.Outcome != wire.OutcomeUnknown || !strings.Contains(r.String(), "and the machine is on") {
			t.Errorf("%s: %s", r.Outcome, r)
		}
	})
}

// Of two supplies one may be another machine's outlet, which is off; or nobody knows yet what it was before the shot.
func TestAnOutletThatWasNotSeenToGoOffProvesNothingWhileTheMachinesOwnBoardSaysOn(t *testing.T) {
	for _, tc := range []struct {
		name    string
		outlets []*scripted
		asked   bool // before the shot
		board   wire.Power
		want    wire.Outcome
		text    string
	}{
		{"one of two is off, and the machine is on", []*scripted{{power: wire.PowerOff}, {}}, true, wire.PowerOn, wire.OutcomeUnknown,
			"by a1: off already, without a shot, and the machine is on: does this outlet, and no other, feed it?; fence beta by b1: said off;"},
		{"one of two is off, and the machine too", []*scripted{{power: wire.PowerOff}, {}}, true, wire.PowerOff, wire.OutcomeDone,
			"by a1: off already, without a shot; fence beta by b1: said off"},
		{"both were on", []*scripted{{}, {}}, true, wire.PowerOn, wire.OutcomeDone, "by a1: said off; fence beta by b1: said off"},
		{"nobody had asked it", []*scripted{{power: wire.PowerOff}}, false, wire.PowerOn, wire.OutcomeUnknown,
			"by a1: said off, was not known to be on before, and the machine is on: does this outlet, and no other, feed it?;"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				board := &scripted{power: tc.board, off: func(context.Context, *scripted) error { return nil }}
				l := scriptedLadder(time.Second, tc.outlets, []*scripted{board})
				l.levels[1][0].knows = true
				if tc.asked {
					l.Read(t.Context())
				}
				if r := l.Shoot(t.Context(), always); r.Outcome != tc.want || !strings.Contains(r.String(), tc.text) {
					t.Errorf("%s: %s", r.Outcome, r)
				}
			})
		})
	}
}

// An outlet that goes off may be one of two supplies, of which the line names one only, or another machine's.
func TestAnOutletThatGoesOffProvesNothingWhileABoardThatDidNotObeySaysOnAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := &scripted{off: func(context.Context, *scripted) error { return nil }}
		l := scriptedLadder(time.Second, []*scripted{board}, []*scripted{{}})
		l.levels[0][0].knows = true
		l.Read(t.Context())
		for _, text := range []string{"by a2: said off, and the machine is on", "by a2: off already, without a shot, and the machine is on"} {
			if r := l.Shoot(t.Context(), always); r.Outcome != wire.OutcomeUnknown || !strings.Contains(r.String(), text) {
				t.Errorf("%s: %s", r.Outcome, r)
			}
		}
	})
}

// What a board says before the outlets are cut is no doubt about those: it may be what does not work.
func TestABoardThatDoesNotObeyKeepsNoMachineOnThatLosesItsSupplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := &scripted{}
		board := &scripted{off: func(context.Context, *scripted) error { return nil }, status: func(ctx context.Context, _ *scripted) (wire.Power, error) {
			if fed.get() == wire.PowerOff {
				return wire.PowerUnknown, hang(ctx)
			}
			return wire.PowerOn, nil
		}}
		l := scriptedLadder(time.Second, []*scripted{board}, []*scripted{{power: wire.PowerOff}, fed})
		l.levels[0][0].knows = true
		l.Read(t.Context())
		if r := l.Shoot(t.Context(), always); r.Outcome != wire.OutcomeDone {
			t.Errorf("%s: %s", r.Outcome, r)
		}
	})
}
