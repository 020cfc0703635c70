package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"locum/cluster"
	"locum/wire"
)

// slowAgent takes its time; deaf to its context if told so.
type slowAgent struct {
	takes  time.Duration
	deaf   bool
	begun  int
	states []wire.State // what Watch says, then it ends with an error
}

func (a *slowAgent) wait(ctx context.Context) error {
	a.begun++
	if a.deaf {
		time.Sleep(a.takes)
		return nil
	}
	select {
	case <-time.After(a.takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *slowAgent) Probe(ctx context.Context) (wire.State, error) {
	return wire.StateFailed, a.wait(ctx)
}
func (a *slowAgent) Start(ctx context.Context) error { return a.wait(ctx) }
func (a *slowAgent) Stop(ctx context.Context) error  { return a.wait(ctx) }
func (a *slowAgent) Watch(_ context.Context, changed func(wire.State)) error {
	for _, s := range a.states {
		changed(s)
	}
	return errors.New("lost")
}

type reported struct {
	After time.Duration
	cluster.OpEnded
}

func TestAnOperationEndsOnceOrOverdueFirst(t *testing.T) {
	const deadline = time.Second
	for _, tt := range []struct {
		name     string
		agent    slowAgent
		kind     cluster.OpKind
		cancelAt time.Duration // 0 never
		readyAt  time.Duration // 0 from the beginning
		begun    int
		want     []reported
	}{
		{"a start in time is done, and it runs", slowAgent{takes: 300 * time.Millisecond}, cluster.OpStart, 0, 0, 1,
			[]reported{{300 * time.Millisecond, cluster.OpEnded{Outcome: wire.OutcomeDone, State: wire.StateRunning}}}},
		{"a stop in time is done, and it is stopped", slowAgent{takes: 300 * time.Millisecond}, cluster.OpStop, 0, 0, 1,
			[]reported{{300 * time.Millisecond, cluster.OpEnded{Outcome: wire.OutcomeDone, State: wire.StateStopped}}}},
		{"a probe says what it found", slowAgent{}, cluster.OpProbe, 0, 0, 1,
			[]reported{{0, cluster.OpEnded{Outcome: wire.OutcomeDone, State: wire.StateFailed}}}},
		{"one that does not hear its deadline is overdue, and ends when it returns", slowAgent{takes: 3 * time.Second, deaf: true}, cluster.OpStart, 0, 0, 1,
			[]reported{{time.Second, cluster.OpEnded{Overdue: true}}, {3 * time.Second, cluster.OpEnded{Outcome: wire.OutcomeDone, State: wire.StateRunning}}}},
		{"one that is cancelled is unknown", slowAgent{takes: 600 * time.Millisecond}, cluster.OpStart, 200 * time.Millisecond, 0, 1,
			[]reported{{200 * time.Millisecond, cluster.OpEnded{Detail: "context canceled"}}}},
		{"one that is cancelled before it could begin does not begin", slowAgent{}, cluster.OpStart, 200 * time.Millisecond, 500 * time.Millisecond, 0,
			[]reported{{200 * time.Millisecond, cluster.OpEnded{Detail: "context canceled\nit waited for what a former engine had under way to end"}}}},
		{"one waits for what a former engine left", slowAgent{takes: 100 * time.Millisecond}, cluster.OpStart, 0, 500 * time.Millisecond, 1,
			[]reported{{600 * time.Millisecond, cluster.OpEnded{Outcome: wire.OutcomeDone, State: wire.StateRunning}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var got []reported
				ready := make(chan struct{})
				ctx, end := context.WithCancel(t.Context())
				defer end()
				w := newWorker(ctx, ready, cluster.ResourceID{}, &tt.agent, func(ev cluster.Event) {
					got = append(got, reported{time.Since(began), ev.(cluster.OpEnded)})
				})
				time.AfterFunc(tt.readyAt, func() { close(ready) })
				synctest.Wait()
				w.run(cluster.RunOp{ID: 7, Kind: tt.kind, Deadline: deadline})
				if tt.cancelAt != 0 {
					time.Sleep(tt.cancelAt)
					w.cancel(7)
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
				for i := range tt.want {
					tt.want[i].ID = 7
					if tt.want[i].Overdue {
						tt.want[i].Detail = "it did not end within 1s"
					}
				}
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Error(d)
				}
				if tt.agent.begun != tt.begun {
					t.Errorf("the agent was called %d times, want %d", tt.agent.begun, tt.begun)
				}
			})
		})
	}
}

func TestAnOperationThatWaitedBeyondItsDeadlineDoesNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := &slowAgent{takes: 5 * time.Second, deaf: true}
		var got []cluster.OpEnded
		ready := make(chan struct{})
		close(ready)
		ctx, end := context.WithCancel(t.Context())
		defer end()
		w := newWorker(ctx, ready, cluster.ResourceID{}, agent, func(ev cluster.Event) { got = append(got, ev.(cluster.OpEnded)) })
		w.run(cluster.RunOp{ID: 1, Kind: cluster.OpStop, Deadline: time.Minute})
		for id := range uint64(workerQueue - 1) {
			w.run(cluster.RunOp{ID: 2 + id, Kind: cluster.OpStart, Deadline: time.Second})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		last := got[len(got)-1]
		if agent.begun != 1 || last.ID != workerQueue || last.Overdue || last.Outcome != wire.OutcomeUnknown {
			t.Errorf("begun %d times, reported %+v", agent.begun, got)
		}
	})
}

func TestAWatchThatIsLostIsUnknownAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := &slowAgent{states: []wire.State{wire.StateRunning}}
		w := &worker{agent: agent}
		ctx, end := context.WithCancel(t.Context())
		var got []cluster.Watched
		go w.watch(ctx, func(ev cluster.Watched) { got = append(got, ev) })
		time.Sleep(watchAgain + watchAgain/2)
		end()
		synctest.Wait()
		want := []cluster.Watched{{State: wire.StateRunning}, {Detail: "lost"}, {State: wire.StateRunning}, {Detail: "lost"}}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
