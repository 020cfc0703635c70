package cluster_test

import (
	"encoding/json"
	"testing"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

const twoNodes = `cluster t
key /k
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
tiebreak fence delay=3s
fence alpha pdu type=http url-off=http://192.0.2.9/a/off url-status=http://192.0.2.9/a timeout=1s
fence beta pdu type=http url-off=http://192.0.2.9/b/off url-status=http://192.0.2.9/b timeout=1s
service web nodes=alpha,beta
resource web vip 192.0.2.100/24
`

func parsed(t testing.TB, text string) *config.Config {
	t.Helper()
	cfg, problems := config.Parse("f", text)
	if cfg == nil {
		t.Fatal(problems)
	}
	return cfg
}

// A member whose engine is broken may say anything that can be encoded. One message must never panic an engine: the same
// message would panic all of them (SAFETY 19).
func FuzzWhateverAMemberSaysNothingPanics(f *testing.F) {
	for _, m := range []cluster.Message{
		{Propose: &cluster.Propose{Epoch: 3, Members: 3}},
		{Promise: &cluster.Promise{Epoch: 1, Life: wire.Life{Node: 2}, MemberAt: []cluster.Seen{{Node: 255}}, Clean: []cluster.Clean{{Node: 200}}}},
		{Install: &cluster.Install{View: cluster.View{Epoch: 3, Leader: 2, Members: 3, Clean: []cluster.Clean{{Node: 200, Proof: 77}}},
			Intents: cluster.Intents{Version: wire.Revision{Epoch: 9}, Services: []cluster.ServiceIntent{{Service: "web", MovedTo: 250}}}}},
		{Orders: &cluster.Orders{Epoch: 3, Serial: 1, Run: []string{"web", "x"}, Shoot: 99}},
		{Report: &cluster.Report{Epoch: 1, Serial: 9, Proven: []cluster.Clean{{Node: 123}}}},
		{Replicate: &cluster.Replicate{Epoch: 3, Text: "x"}},
		{Accept: &cluster.Accept{Epoch: 1, OK: true}},
		{Request: &cluster.Request{Command: cluster.Command{Verb: "move", Service: "web"}}},
		{Reply: &cluster.Reply{}}, {Refuse: &cluster.Refuse{Promised: 1 << 63}}, {Leave: &cluster.LeaveWord{Stopped: true}},
		{Moved: &cluster.Moved{Epoch: 1, Service: "web", Why: "failback"}},
	} {
		b, err := cluster.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	cfg := parsed(f, twoNodes)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := cluster.Decode(body)
		if err != nil {
			return
		}
		if _, err := json.Marshal(m); err != nil {
			t.Fatal(err)
		}
		e := cluster.New(cfg, 1)
		now := wire.Instant(time.Hour)
		step := func(ev cluster.Event) []cluster.Action {
			now += wire.Instant(10 * time.Millisecond)
			return e.Step(now, ev)
		}
		step(cluster.Started{Welcome: wire.Welcome{Self: 1, Incarnation: 1, EngineStart: 1, Lease: wire.Lease{State: wire.LeaseHeld}}})
		step(cluster.PeerChanged{Peer: wire.Peer{Node: 2, State: wire.PeerUp, Incarnation: 1, EngineUp: true, EngineStart: 1, Hears: 3}})
		life := wire.Life{Node: 2, Incarnation: 1, EngineStart: 1}
		for range 3 {
			for _, a := range step(cluster.MessageArrived{From: 2, Life: life, Body: m}) {
				switch a := a.(type) {
				case cluster.Cease:
					step(cluster.Ceased(a))
				case cluster.Store:
					step(cluster.Stored{ID: a.ID, OK: true})
				case cluster.RunOp:
					step(cluster.OpEnded{ID: a.ID, Outcome: wire.OutcomeDone, State: wire.StateStopped})
				}
			}
			step(cluster.PeerChanged{Peer: wire.Peer{Node: 2, State: wire.PeerDead, Incarnation: 1}})
			step(cluster.Tick{})
			e.Status(now)
		}
	})
}

// An operator's tools may be broken, or of another version: no command panics the engine that leads, or one that asks its leader.
func FuzzWhateverAnOperatorSaysNothingPanics(f *testing.F) {
	for _, c := range []cluster.Command{
		{Verb: "move", Service: "web", Node: "beta"}, {Verb: "stop", Service: "web"}, {Verb: "start", Service: "web:2"}, {Verb: "restart", Service: "web"}, {Verb: "clear", Service: "x"},
		{Verb: "standby", Node: "beta"}, {Verb: "online", Node: "alpha"}, {Verb: "maintenance", On: true}, {Verb: "fence", Node: "beta"}, {Verb: "confirm", Node: "beta"},
		{Verb: "apply", Text: twoNodes}, {Verb: "apply", Text: "cluster"}, {Verb: ""},
	} {
		b, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	cfg := parsed(f, twoNodes)
	f.Fuzz(func(t *testing.T, body []byte) {
		var c cluster.Command
		if json.Unmarshal(body, &c) != nil {
			return
		}
		e := cluster.New(cfg, 1)
		now := wire.Instant(time.Hour)
		answered := 0
		var step func(ev cluster.Event)
		step = func(ev cluster.Event) {
			now += wire.Instant(10 * time.Millisecond)
			for _, a := range e.Step(now, ev) {
				switch a := a.(type) {
				case cluster.Cease:
					step(cluster.Ceased(a))
				case cluster.Store:
					step(cluster.Stored{ID: a.ID, OK: true})
				case cluster.RunOp:
					step(cluster.OpEnded{ID: a.ID, Outcome: wire.OutcomeDone, State: wire.StateStopped})
				case cluster.Shoot:
					step(cluster.ShotEnded{ID: a.ID, Outcome: wire.OutcomeDone})
				case cluster.Answer:
					answered++
				}
			}
		}
		step(cluster.Started{Welcome: wire.Welcome{Self: 1, Incarnation: 1, EngineStart: 1, Lease: wire.Lease{State: wire.LeaseHeld}}})
		step(cluster.PeerChanged{Peer: wire.Peer{Node: 2, State: wire.PeerDead, Incarnation: 1, EngineStart: 1}})
		now += wire.Instant(10 * time.Second)
		step(cluster.Asked{ID: 9, Command: cluster.Command{Verb: "confirm", Node: "beta"}})
		step(cluster.Tick{})
		answered = 0
		if !e.Status(now).Quorate {
			t.Fatalf("it is not quorate, and no command is carried out: %+v", e.Status(now))
		}
		step(cluster.Asked{ID: 1, Command: c})
		for range 3 {
			step(cluster.Tick{})
		}
		e.Status(now)
		if answered > 1 {
			t.Errorf("%s: answered %d times", body, answered)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"leave":{"stopped":true}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := cluster.Decode(body)
		if err != nil {
			return
		}
		if _, err := cluster.Encode(m); err != nil && len(body) < wire.MaxMessage/8 {
			t.Errorf("it cannot be encoded again: %v", err)
		}
	})
}
