package lab

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"locum/wire"
)

func TestTenuresAndOverlaps(t *testing.T) {
	see := func(at wire.Instant, node string, c Change) Sight { return Sight{at, node, c, vip} }
	for _, c := range []struct {
		name     string
		sights   []Sight
		tenures  []Tenure
		overlaps []Overlap
	}{
		{"nobody has held it", []Sight{see(1, "a", Booted)}, nil, nil},
		{"one holds it and loses it", []Sight{see(1, "a", Gained), see(3, "a", Lost)}, []Tenure{{"a", 1, 3}}, nil},
		{"a refreshed address is held once", []Sight{see(1, "a", Gained), see(2, "a", Gained), see(3, "a", Lost)}, []Tenure{{"a", 1, 3}}, nil},
		{"a crashed node holds it until it is gone", []Sight{see(1, "a", Gained), see(3, "a", Crashed), see(4, "b", Gained), see(5, "a", Gone)},
			[]Tenure{{"a", 1, 5}, {"b", 4, 0}}, []Overlap{{[2]string{"a", "b"}, 4, 5}}},
		{"what is handed over in one instant is no overlap", []Sight{see(1, "a", Gained), see(3, "a", Lost), see(3, "b", Gained)},
			[]Tenure{{"a", 1, 3}, {"b", 3, 0}}, nil},
		{"both have it for a time", []Sight{see(1, "a", Gained), see(2, "b", Gained), see(3, "a", Lost)},
			[]Tenure{{"a", 1, 3}, {"b", 2, 0}}, []Overlap{{[2]string{"a", "b"}, 2, 3}}},
		{"the second is the first to lose it", []Sight{see(1, "a", Gained), see(2, "b", Gained), see(3, "b", Lost)},
			[]Tenure{{"a", 1, 0}, {"b", 2, 3}}, []Overlap{{[2]string{"a", "b"}, 2, 3}}},
		{"both have it still", []Sight{see(1, "a", Gained), see(2, "b", Gained)},
			[]Tenure{{"a", 1, 0}, {"b", 2, 0}}, []Overlap{{[2]string{"a", "b"}, 2, 0}}},
		{"another address does not count", []Sight{see(1, "a", Gained), {2, "b", Gained, ClientAddress}}, []Tenure{{"a", 1, 0}}, nil},
		{"a node has it twice", []Sight{see(1, "a", Gained), see(2, "a", Lost), see(3, "a", Gained)}, []Tenure{{"a", 1, 2}, {"a", 3, 0}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Tenures(c.sights, vip)
			if d := cmp.Diff(c.tenures, got); d != "" {
				t.Error("tenures: " + d)
			}
			if d := cmp.Diff(c.overlaps, Overlaps(got)); d != "" {
				t.Error("overlaps: " + d)
			}
		})
	}
}

func TestWhatAClientSaw(t *testing.T) {
	by := func(node string, at ...wire.Instant) (list []Answer) {
		for _, a := range at {
			list = append(list, Answer{Seq: uint64(a), Sent: a, Got: a, Node: node})
		}
		return list
	}
	p := Probes{Every: 1, Sent: 20, Answers: append(by("a", 1, 2, 3), by("b", 9, 10)...)}
	if g := p.LongestGap(); g.Length() != 6*time.Nanosecond || g.Before.Node != "a" || g.After.Node != "b" {
		t.Errorf("longest gap %v", g)
	}
	if g, ok := p.Handover("a", "b"); !ok || g.Before.Got != 3 || g.After.Got != 9 {
		t.Errorf("hand-over %v, %t", g, ok)
	}
	if g, ok := p.Handover("b", "a"); ok {
		t.Errorf("a hand-over that never was: %v", g)
	}
	if p.Lost() != 15 || len(p.Both(nil)) != 0 {
		t.Errorf("lost %d, both answered %v", p.Lost(), p.Both(nil))
	}
	p.Answers = append(p.Answers, by("a", 11)...)
	p.Answers = append(p.Answers, by("b", 12)...)
	held := []Tenure{{"a", 1, 5}, {"b", 8, 0}}
	if both := p.Both(held); len(both) != 1 || both[0].Got != 11 {
		t.Errorf("both answered %v, want one moment at 11", both)
	}
	if both := p.Both(append(held, Tenure{"a", 11, 11})); len(both) != 0 {
		t.Errorf("both answered %v though a was handed it", both)
	}
	p.Answers[5].Seq = 3 // a was asked then, and stood still
	if both := p.Both(held); len(both) != 0 {
		t.Errorf("both answered %v though a's answer was late", both)
	}
	if a, ok := p.First("b", 10); !ok || a.Got != 10 {
		t.Errorf("first of b after 10: %v, %t", a, ok)
	}
	if g := (Probes{}).LongestGap(); g != (Gap{}) {
		t.Errorf("no answers, and a gap of %v", g)
	}
}
