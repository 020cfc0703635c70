package replay

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

const theFile = `cluster t
key /k
node 1 alpha
node 2 beta
path udp lan alpha=192.0.2.1 beta=192.0.2.2
tiebreak unsafe
service web nodes=alpha,beta stateless=yes
resource web vip 192.0.2.100/24
`

// lived is a record of an engine's first steps.
func lived(t testing.TB) []byte {
	t.Helper()
	cfg, problems := config.Parse("f", theFile)
	if cfg == nil {
		t.Fatal(problems)
	}
	e := cluster.New(cfg, 1)
	frozen, err := Freeze(e, cfg)
	if err != nil {
		t.Fatal(err)
	}
	file, err := Head{Program: "v1", Node: 1, Time: time.Unix(1, 0).UTC(), File: "f", Text: theFile, Engine: frozen}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i, ev := range []cluster.Event{
		cluster.Started{Welcome: wire.Welcome{Incarnation: 1}},
		cluster.PeerChanged{Peer: wire.Peer{Node: 2, State: wire.PeerUp, Incarnation: 3, EngineUp: true, Hears: wire.SetOf(1, 2)}},
		cluster.Asked{ID: 7, Command: cluster.Command{Verb: "move", Service: "web"}},
		cluster.Tick{},
	} {
		at := wire.Instant(i+1) * 1e9
		b, err := Entry{Time: time.Unix(int64(i), 0), At: at, Event: ev, Sum: SumOf(e.Step(at, ev))}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, b...)
	}
	return file
}

func TestARecordGivesTheSameActions(t *testing.T) {
	var events []string
	heads, same := 0, true
	err := Player{Head: func(h Head) { heads++ }, Step: func(s Step) { events, same = append(events, s.Happened()), same && s.Same }}.Play(lived(t))
	if err != nil || heads != 1 || !same {
		t.Errorf("%v, %d heads, the same: %t", err, heads, same)
	}
	if len(events) != 4 || !strings.HasPrefix(events[0], "Started {") || !strings.Contains(events[2], `"Verb":"move"`) && !strings.Contains(events[2], `"verb":"move"`) {
		t.Errorf("%q", events)
	}
}

func TestOtherActionsThanRecordedAreFound(t *testing.T) {
	file := lived(t)
	var all [][]byte
	for at := 0; at < len(file); {
		_, _, size, err := unframe(file[at:])
		if err != nil {
			t.Fatal(err)
		}
		all, at = append(all, file[at:at+size]), at+size
	}
	without := bytes.Join(append(all[:2:2], all[3:]...), nil) // the engine never hears of beta
	others := 0
	if err := (Player{Step: func(s Step) {
		if !s.Same {
			others++
		}
	}}).Play(without); err != nil || others == 0 {
		t.Errorf("%d steps differ, %v", others, err)
	}
}

func TestATornEndIsSaidAndWhatCameBeforeIsPlayed(t *testing.T) {
	file := lived(t)
	for cut := 1; cut < len(file); cut++ {
		steps := 0
		err := Player{Step: func(Step) { steps++ }}.Play(file[:cut])
		if whole := Whole(file[:cut]); whole == cut && err != nil || whole != cut && (err == nil || !strings.Contains(err.Error(), "at byte")) {
			t.Fatalf("cut at %d, whole to %d: %v", cut, whole, err)
		}
	}
}

func TestARecordOfOtherTypesIsRefused(t *testing.T) {
	_, rest, _, _ := unframe(lived(t))
	file := framed(kindHead, bytes.Replace(rest, []byte(Layout), []byte(strings.Repeat("0", len(Layout))), 1))
	if err := (Player{}).Play(file); err == nil || !strings.Contains(err.Error(), "version v1") {
		t.Error(err)
	}
}

// Whatever a file holds, also with right sums: an error at worst.
func FuzzPlay(f *testing.F) {
	file := lived(f)
	f.Add(file, byte(0))
	_, head, size, _ := unframe(file)
	f.Add(head, byte(kindHead))
	_, entry, _, _ := unframe(file[size:])
	f.Add(entry, byte(kindEntry))
	f.Fuzz(func(t *testing.T, b []byte, kind byte) {
		if kind == 0 {
			_ = Player{}.Play(b)
			return
		}
		_ = Player{}.Play(append(file[:size:size], framed(kind, b)...))
	})
}

// What recording costs the engine for a step: the first ones of its life, which do most.
func BenchmarkAStep(b *testing.B) {
	cfg, _ := config.Parse("f", theFile)
	e := cluster.New(cfg, 1)
	ev := cluster.Started{Welcome: wire.Welcome{Incarnation: 1}}
	actions := e.Step(1e9, ev)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Entry{Time: time.Unix(1, 0), At: 1, Event: ev, Sum: SumOf(actions)}).Encode(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(actions)), "actions")
}

// What no record can hold would be missing from a replay of the very day that somebody has to understand.
func TestEveryEventCanBeRecorded(t *testing.T) {
	names, err := filepath.Glob("../cluster/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "event" || fn.Recv == nil {
				continue
			}
			found++
			name := fmt.Sprint(fn.Recv.List[0].Type)
			if !slices.ContainsFunc(events, func(e reflect.Type) bool { return e.Name() == name }) {
				t.Errorf("a cluster.%s cannot be recorded", name)
			}
		}
	}
	if found != len(events) {
		t.Errorf("%d events in the source, %d in the list", found, len(events))
	}
}
