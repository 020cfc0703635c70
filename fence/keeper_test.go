package fence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"locum/config"
	"locum/wire"
)

// kept runs Keep over the devices for a while and tells what it reported, and when.
func kept(t *testing.T, l *Ladder, during time.Duration) []string {
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	var reports []string
	begin := time.Now()
	l.Keep(ctx, ProbeEvery, func(device string, err error, took time.Duration) {
		reports = append(reports, fmt.Sprintf("%s %s: %v in %s", time.Since(begin), device, err, took))
	})
	return reports
}

func TestADeviceIsReportedWhenItStopsAnsweringAndWhenItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		flaky := &scripted{status: func(context.Context, *scripted) (wire.Power, error) {
			if s := time.Since(begin); s > time.Minute && s < 4*time.Minute {
				return wire.PowerUnknown, errBroken
			}
			time.Sleep(time.Second)
			return wire.PowerOn, nil
		}}
		got := kept(t, scriptedLadder(20*time.Second, []*scripted{flaky, {}}), 10*time.Minute)
		want := []string{"2m0s a1: no route to host in 0s", "4m1s a1: <nil> in 1s"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

func TestADeviceThatWasNeverThereIsReportedAtOnceAndAHungOneDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := &scripted{status: func(ctx context.Context, _ *scripted) (wire.Power, error) { return wire.PowerOn, hang(ctx) }}
		gone := &scripted{status: func(context.Context, *scripted) (wire.Power, error) { return wire.PowerUnknown, nil }}
		got := kept(t, scriptedLadder(20*time.Second, []*scripted{hung}, []*scripted{gone}), 10*time.Minute)
		want := []string{"0s a2: says neither on nor off in 0s", "20s a1: no answer in time in 20s"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

func TestEachDeviceIsAskedOnceAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{}
		kept(t, scriptedLadder(20*time.Second, []*scripted{d}), 3*time.Minute+time.Second)
		if got := strings.Join(d.log, ", "); got != "0s status, 1m0s status, 2m0s status, 3m0s status" {
			t.Error(got)
		}
	})
}

func TestAShotEndsTheIdleQuestionThatHangsWhichIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := true
		d := &scripted{status: func(ctx context.Context, d *scripted) (wire.Power, error) {
			if hangs {
				hangs = false
				return wire.PowerUnknown, hang(ctx)
			}
			return d.get(), nil
		}}
		l := scriptedLadder(20*time.Second, []*scripted{d})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Keep(ctx, ProbeEvery, func(device string, err error, _ time.Duration) { t.Errorf("%s is reported: %v", device, err) })
		}()
		synctest.Wait()
		begin := time.Now()
		if r := l.Shoot(t.Context(), always); r.Outcome != wire.OutcomeDone || time.Since(begin) > 0 {
			t.Errorf("after %s: %s", time.Since(begin), r)
		}
		time.Sleep(90 * time.Second) // of the test's own time: one more question
		cancel()
		<-done
		if got := strings.Join(d.log, ", "); got != "0s status, 0s off, 0s status, 1m0s status" {
			t.Error(got)
		}
	})
}

func TestAnIdleQuestionGivesWayToAShotThatWaitsBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &scripted{off: func(_ context.Context, d *scripted) error {
			time.Sleep(5 * time.Second)
			d.set(wire.PowerOff)
			return nil
		}}
		l := scriptedLadder(20*time.Second, []*scripted{d})
		shots := make(chan Result, 2)
		shoot := func() { shots <- l.Shoot(t.Context(), always) }
		asked := make(chan []Reading, 1)
		go shoot()
		synctest.Wait()
		go func() { _, read := l.Read(t.Context()); asked <- read }()
		synctest.Wait()
		go shoot()
		for range 2 {
			if r := <-shots; r.Outcome != wire.OutcomeDone {
				t.Error(r)
			}
		}
		if read := <-asked; !errors.Is(read[0].Err, errGaveWay) {
			t.Errorf("read %+v", read)
		}
		if got := strings.Join(d.log, ", "); got != "0s off, 5s status, 5s status" {
			t.Errorf("two shots at one time: %s", got)
		}
	})
}

func TestAnOperatorsLineIsNotAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ladder(t, []config.Fence{{Name: "hand", Type: "manual", Level: 1, Timeout: time.Second}})
		if got := kept(t, l, time.Hour); got != nil {
			t.Errorf("got %q", got)
		}
	})
}
