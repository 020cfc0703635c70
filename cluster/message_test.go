package cluster_test

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"locum/cluster"
	"locum/wire"
)

// always is the file of what messages always hold.
const always = "testdata/messages.golden"

// allocate makes everything below a value that is left out when it is nil, one of each.
func allocate(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		allocate(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		allocate(v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			if tag := v.Type().Field(i).Tag.Get("json"); v.Field(i).CanSet() && !strings.Contains(tag, "omitempty") {
				allocate(v.Field(i))
			}
		}
	}
}

// TestWhatMessagesAlwaysHold: while a cluster is brought to another version node by node, both versions talk to each other, and a field that
// one of them does not know is refused. So a new field is left out where it says nothing: docs/decisions/0023.
func TestWhatMessagesAlwaysHold(t *testing.T) {
	var all bytes.Buffer
	kinds := reflect.TypeFor[cluster.Message]()
	for i := range kinds.NumField() {
		var m cluster.Message
		allocate(reflect.ValueOf(&m).Elem().Field(i))
		b, err := cluster.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cluster.Decode(b); err != nil {
			t.Errorf("%s: %v", b, err)
		}
		all.Write(append(b, '\n'))
	}
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(always, all.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(always)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(all.Bytes(), want) {
		t.Errorf("messages hold\n%s\nand held (%s)\n%s\nA node of the version before refuses a field that it does not know: give a new one omitempty", all.Bytes(), always, want)
	}
}

func TestAFieldOfAnotherVersionIsSaidToBeOne(t *testing.T) {
	_, err := cluster.Decode([]byte(`{"moved":{"epoch":1,"service":"web","why":"x","colour":"red"}}`))
	if err == nil || !strings.Contains(err.Error(), "colour") || !strings.Contains(err.Error(), "locum version") {
		t.Errorf("said: %v", err)
	}
}

// TestAPromiseWithoutTieBreaksSaysNothingOfTies: where one of three is lost while the others are brought to another version, they still agree on a view.
func TestAPromiseWithoutTieBreaksSaysNothingOfTies(t *testing.T) {
	cfg := parsed(t, "cluster t\nkey /k\nnode 1 alpha\nnode 2 beta\nnode 3 gamma\npath udp lan alpha=192.0.2.1 beta=192.0.2.2 gamma=192.0.2.3\nservice web nodes=alpha,beta\nresource web unit web.service\n")
	e, now := cluster.New(cfg, 1), wire.Instant(time.Hour)
	var promise *cluster.Promise
	var step func(cluster.Event)
	step = func(ev cluster.Event) {
		for _, a := range e.Step(now, ev) {
			switch a := a.(type) {
			case cluster.Cease:
				step(cluster.Ceased(a))
			case cluster.Store:
				step(cluster.Stored{ID: a.ID, OK: true})
			case cluster.Send:
				if a.Body.Promise != nil {
					promise = a.Body.Promise
				}
			}
		}
	}
	step(cluster.Started{Welcome: wire.Welcome{Self: 1, Incarnation: 1, EngineStart: 1, Lease: wire.Lease{State: wire.LeaseHeld}},
		Durable: cluster.Durable{Known: true, Ceiling: 100}})
	for _, n := range []wire.Node{2, 3} {
		step(cluster.PeerChanged{Peer: wire.Peer{Node: n, State: wire.PeerUp, Incarnation: 1, EngineUp: true, EngineStart: 1, Hears: 7, LastHeard: now}})
	}
	from := wire.Life{Node: 2, Incarnation: 1, EngineStart: 1}
	step(cluster.MessageArrived{From: 2, Life: from, Body: cluster.Message{Propose: &cluster.Propose{Epoch: 1 << 20, Members: 7}}}) // which does not come
	now += wire.Instant(time.Second)
	step(cluster.PeerChanged{Peer: wire.Peer{Node: 3, State: wire.PeerDead, Incarnation: 1, EngineUp: true, EngineStart: 1, LastHeard: now - wire.Instant(time.Second)}})
	now += wire.Instant(time.Second)
	promise = nil
	step(cluster.MessageArrived{From: 2, Life: from, Body: cluster.Message{Propose: &cluster.Propose{Epoch: 1 << 21, Members: 3}}})
	if promise == nil || len(promise.Silent) != 1 {
		t.Fatalf("promised: %+v", promise)
	}
	if promise.Silent[0].LostMS != 0 || promise.Unsure {
		t.Errorf("the version before does not know what it says of ties: %+v", promise)
	}
}
