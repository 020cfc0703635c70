package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"locum/config"
	"locum/wire"
)

// follow has everything be where the plan wants it.
func follow(in Input, choices []Choice) Input {
	in.Services = slices.Clone(in.Services)
	for s := range in.Services {
		in.Services[s].At, in.Services[s].Asked, in.Services[s].Back = choices[s].Node, 0, ""
	}
	return in
}

func TestPlanningAgainAfterItsOwnMovesYieldsNone(t *testing.T) {
	for seed := range uint64(4000) {
		in := drawn(rand.New(rand.NewPCG(seed, 2)))
		first := seats(Make(in))
		if again := seats(Make(follow(in, Make(in)))); !slices.Equal(first, again) {
			t.Fatalf("seed %d: %v, and then %v\n%+v", seed, first, again, in)
		}
	}
}

// More room takes nothing from what runs, unless something more important, which had none, gets it.
func TestMoreCapacityUnplacesNothing(t *testing.T) {
	for seed := range uint64(4000) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		in := drawn(rnd)
		first := Make(in)
		in = follow(in, first)
		n := rnd.IntN(len(in.Nodes))
		in.Nodes = slices.Clone(in.Nodes)
		in.Nodes[n].Capacity = slices.Clone(in.Nodes[n].Capacity)
		for u := range in.Nodes[n].Capacity {
			if in.Nodes[n].Capacity[u] >= 0 {
				in.Nodes[n].Capacity[u] += config.Amount(rnd.IntN(4))
			}
		}
		turns := order(&in)
		rose := false
		then := Make(in)
		for _, s := range turns {
			rose = rose || first[s].Node == 0 && then[s].Node != 0
			if first[s].Node != 0 && then[s].Node == 0 && !rose {
				t.Fatalf("seed %d: service %d lost its place: %s\n%+v", seed, s, then[s].Why, in)
			}
		}
	}
}

// A plan depends on nothing but its input, and changes nothing of it.
func TestAPlanDependsOnItsInputOnly(t *testing.T) {
	for seed := range uint64(2000) {
		in := drawn(rand.New(rand.NewPCG(seed, 4)))
		before := fmt.Sprintf("%+v", in)
		if a, b := Make(in), Make(in); !slices.Equal(a, b) {
			t.Fatalf("seed %d: %v and %v", seed, a, b)
		}
		if after := fmt.Sprintf("%+v", in); after != before {
			t.Fatalf("seed %d: the input was changed:\n%s\n%s", seed, before, after)
		}
	}
}

// Each move of a rebalance makes the load more even, and they come to an end.
func TestRebalancingComesToAnEnd(t *testing.T) {
	for seed := range uint64(1500) {
		in := drawn(rand.New(rand.NewPCG(seed, 5)))
		in = follow(in, Make(in))
		may := make([]bool, len(in.Services))
		for s := range may {
			may[s] = true
		}
		for moves := 0; ; moves++ {
			choices := Make(in)
			m, ok := Rebalance(in, choices, may)
			if !ok {
				break
			}
			if moves > 3*len(in.Services) {
				t.Fatalf("seed %d: still moving: %+v\n%+v", seed, m, in)
			}
			at := seats(choices)
			at[m.Service] = m.To
			if !allowed(&in, at) {
				t.Fatalf("seed %d: a move breaks a rule: %+v\n%+v", seed, m, in)
			}
			in.Services[m.Service].At = m.To
		}
	}
}

// none stands for no node where 0 stands for all.
const none = wire.Nodes(1 << 63)

// two is a cluster of two nodes with 4 cpus each.
func two(services ...Service) Input {
	in := Input{Units: []string{"cpu"}, Services: services,
		Nodes: []Node{{Number: 1, Name: "alpha", Capacity: []config.Amount{4000}}, {Number: 2, Name: "beta", Capacity: []config.Amount{4000}}}}
	for s := range in.Services {
		is := &in.Services[s]
		if is.Nodes == nil {
			is.Nodes = []wire.Node{1, 2}
		}
		switch is.Able {
		case 0:
			is.Able = wire.SetOf(is.Nodes...)
		case none:
			is.Able = 0
		}
		if is.Weight == nil {
			is.Weight = []config.Amount{1000}
		}
	}
	return in
}

func TestWhatAPlanSays(t *testing.T) {
	ailing := two(Service{Name: "web"})
	ailing.Nodes[0].Ailing = "load 9, limit 8, for 30s"
	for _, tc := range []struct {
		name string
		in   Input
		want []Choice
	}{
		{"the first of its nodes", two(Service{Name: "web"}), []Choice{{1, "the first of its nodes"}}},
		{"the first that can", two(Service{Name: "web", Able: wire.SetOf(2)}), []Choice{{2, "the first of its nodes that can run it"}}},
		{"it stays", two(Service{Name: "web", At: 2}), []Choice{{2, "it runs there"}}},
		{"failback", two(Service{Name: "web", At: 2, Back: "failback=yes"}), []Choice{{1, "failback=yes, and alpha comes first"}}},
		{"asked", two(Service{Name: "web", At: 1, Asked: 2, AskedWhy: "moved there by an operator"}), []Choice{{2, "moved there by an operator"}}},
		{"none can", two(Service{Name: "web", Able: none}), []Choice{{0, "none of its nodes (alpha, beta) can run it now"}}},
		{"too much asked", two(Service{Name: "db", At: 2, Weight: []config.Amount{3000}}, Service{Name: "web", At: 1, Asked: 2, AskedWhy: "moved", Weight: []config.Amount{2000}}),
			[]Choice{{2, "it runs there"}, {1, "it runs there"}}},
		{"the less important yields", two(Service{Name: "low", At: 1, Able: wire.SetOf(1), Weight: []config.Amount{3000}}, Service{Name: "high", Priority: 5, Able: wire.SetOf(1), Weight: []config.Amount{3000}}),
			[]Choice{{0, "no node has room for it: alpha: cpu 3 of 1 free"}, {1, "the first of its nodes"}}},
		{"it takes the free node, not that of the less important", two(Service{Name: "low", At: 1, Weight: []config.Amount{3000}}, Service{Name: "high", Priority: 5, Weight: []config.Amount{3000}}),
			[]Choice{{1, "it runs there"}, {2, "the first of its nodes that can run it (alpha: cpu 3 of 1 free)"}}},
		{"what can go elsewhere makes room", two(Service{Name: "a", At: 1, Weight: []config.Amount{2000}}, Service{Name: "b", Able: wire.SetOf(1), Weight: []config.Amount{3000}}),
			[]Choice{{2, "it leaves alpha: cpu 2 of 1 free"}, {1, "the first of its nodes"}}},
		{"apart", two(Service{Name: "a", At: 1}, Service{Name: "b", Apart: []int{0}}),
			[]Choice{{1, "it runs there"}, {2, "the first of its nodes that can run it (alpha: apart from a, which is there)"}}},
		{"with", two(Service{Name: "db", At: 2}, Service{Name: "web", With: []int{0}}),
			[]Choice{{2, "it runs there"}, {2, "the first of its nodes that can run it (alpha: it goes with db, which is on beta)"}}},
		{"with one that runs nowhere", two(Service{Name: "db", Able: none}, Service{Name: "web", At: 1, With: []int{0}}),
			[]Choice{{0, "none of its nodes (alpha, beta) can run it now"}, {0, "no node has room for it: alpha: it goes with db, which has no node; beta: it goes with db, which has no node"}}},
		{"those that are together go together", two(Service{Name: "db", At: 1}, Service{Name: "web", With: []int{0}, Able: wire.SetOf(2)}),
			[]Choice{{2, "it leaves alpha: web goes with it, and is on beta"}, {2, "the first of its nodes that can run it"}}},
		{"on its way it keeps its place", two(Service{Name: "b", Weight: []config.Amount{3000}, Able: wire.SetOf(2)}, Service{Name: "a", Due: 2, Weight: []config.Amount{3000}}),
			[]Choice{{2, "the first of its nodes that can run it"}, {1, "the first of its nodes"}}},
		{"on its way it does not lose its place", two(Service{Name: "b", Weight: []config.Amount{3000}, Able: wire.SetOf(2)}, Service{Name: "a", Due: 2, Able: wire.SetOf(2), Weight: []config.Amount{3000}}),
			[]Choice{{0, "no node has room for it: beta: cpu 3 of 1 free"}, {2, "the first of its nodes that can run it"}}},
		{"spread", two(Service{Name: "a", At: 1}, Service{Name: "b", At: 1}, Service{Name: "c", Spread: true}),
			[]Choice{{1, "it runs there"}, {1, "it runs there"}, {2, "the least loaded of its nodes"}}},
		{"an ailing node gets nothing new", ailing, []Choice{{2, "the first of its nodes that can run it"}}},
		{"an instance more than needed yields", two(Service{Name: "web:1", At: 1, Extra: true, Priority: 9, Able: wire.SetOf(1), Weight: []config.Amount{3000}}, Service{Name: "db", Able: wire.SetOf(1), Weight: []config.Amount{3000}}),
			[]Choice{{0, "no node has room for it: alpha: cpu 3 of 1 free"}, {1, "the first of its nodes"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Make(tc.in); !slices.Equal(got, tc.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, tc.want)
			}
		})
	}
}

func TestRefusalsNameEveryOtherNode(t *testing.T) {
	in := two(Service{Name: "a", At: 1, Weight: []config.Amount{4000}}, Service{Name: "b", At: 2})
	choices := Make(in)
	for s, want := range []string{"[{2 cpu 4 of 3 free}]", "[{1 cpu 1 of 0 free}]"} {
		if got := fmt.Sprint(Refusals(in, choices, s)); got != want {
			t.Errorf("%s: got %s, want %s", in.Services[s].Name, got, want)
		}
	}
	free := two(Service{Name: "a", At: 1})
	if got := Refusals(free, Make(free), 0); len(got) != 1 || !strings.Contains(got[0].Why, "could run there") {
		t.Errorf("got %v", got)
	}
}

// busy is a cluster after the death of one of its nodes: nine tenths full, every service able to run on eight nodes.
func busy(nodes, services int) Input {
	rnd := rand.New(rand.NewPCG(7, 7))
	in := Input{Units: []string{"cpu", "mem"}}
	for n := range nodes {
		in.Nodes = append(in.Nodes, Node{Number: wire.Node(n + 1), Name: fmt.Sprintf("n%d", n+1), Capacity: []config.Amount{100_000, 100_000}})
	}
	most := config.Amount(2 * 90_000 * nodes / services)
	for s := range services {
		is := Service{Name: fmt.Sprintf("s%d", s), Spread: s%2 == 0, Priority: s % 3}
		for _, n := range rnd.Perm(nodes)[:min(8, nodes)] {
			is.Nodes = append(is.Nodes, wire.Node(n+1))
		}
		is.Able = wire.SetOf(is.Nodes...)
		is.Weight = []config.Amount{config.Amount(rnd.Int64N(int64(most))), config.Amount(rnd.Int64N(int64(most)))}
		in.Services = append(in.Services, is)
	}
	in = follow(in, Make(in))
	for s := range in.Services {
		if is := &in.Services[s]; is.At == 1 {
			is.At = 0
		}
		in.Services[s].Able = in.Services[s].Able.Without(1)
	}
	return in
}

func BenchmarkAPlan(b *testing.B) {
	for _, size := range [][2]int{{3, 10}, {8, 40}, {16, 250}, {64, 1000}} {
		in := busy(size[0], size[1])
		b.Run(fmt.Sprintf("%d-nodes-%d-services", size[0], size[1]), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Make(in)
			}
		})
	}
}

// What goes back whenever it can does so once: from where the plan has it nothing moves on, nor to and fro.
func TestServicesThatGoBackComeToRest(t *testing.T) {
	for seed := range uint64(20000) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		in := drawn(rnd)
		for s := range in.Services {
			if !in.Services[s].Spread && rnd.IntN(2) == 0 { // the file does not have both
				in.Services[s].Back = "failback=yes"
			}
		}
		back := slices.Clone(in.Services)
		for round := range 4 {
			choices := Make(in)
			if round > 0 && slices.Equal(seats(choices), seatsOf(in)) {
				break
			}
			if round == 3 {
				t.Errorf("seed %d: after three plans another one moves services again: %v, then %v\n%+v", seed, seatsOf(in), seats(choices), in)
			}
			in = follow(in, choices)
			for s := range in.Services {
				in.Services[s].Back = back[s].Back
			}
		}
	}
}

// A node that is past a limit is left by what is handed over, one after the other: a plan moves nothing because of it, also not what goes back.
func TestANodeThatAilsIsNotLeftByAPlan(t *testing.T) {
	looked := 0
	for seed := range uint64(4000) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		in := drawn(rnd)
		in = follow(in, Make(in))
		in = follow(in, Make(in))
		for s := range in.Services {
			if is := &in.Services[s]; !is.Spread && rnd.IntN(2) == 0 {
				is.Back = "failback=yes"
			}
		}
		rest := Make(in)
		for s := range in.Services {
			in.Services[s].At = rest[s].Node
		}
		if !slices.Equal(seats(Make(in)), seats(rest)) {
			continue // it has not come to rest
		}
		looked++
		in.Nodes = slices.Clone(in.Nodes)
		ails := &in.Nodes[rnd.IntN(len(in.Nodes))]
		ails.Ailing = "load 9, limit 8, for 30s"
		for s, then := range Make(in) {
			if rest[s].Node == ails.Number && then.Node != ails.Number {
				t.Fatalf("seed %d: service %d: %v, and then %v\n%+v", seed, s, rest[s], then, in)
			}
		}
	}
	if looked < 3000 {
		t.Errorf("only %d plans had come to rest", looked)
	}
}

func seatsOf(in Input) (at []wire.Node) {
	for _, s := range in.Services {
		at = append(at, s.At)
	}
	return at
}

// A plan holds while it is carried out, in whatever order that goes on, and not if anything else changes.
func TestAPlanHoldsWhileItIsCarriedOut(t *testing.T) {
	for seed := range uint64(4000) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		made := drawn(rnd)
		choices := Make(made)
		in := made
		in.Services = slices.Clone(made.Services)
		moves := 0
		for s := range in.Services {
			is := &in.Services[s]
			if is.At == choices[s].Node {
				continue
			}
			switch moves++; rnd.IntN(3) {
			case 0: // it has left
				is.At, is.Due = 0, choices[s].Node
			case 1: // it has arrived
				is.At = choices[s].Node
			}
		}
		rest := slices.Equal(seatsOf(in), seats(choices))
		if held := in.Holds(made, choices); held == (rest && moves > 0) {
			t.Fatalf("seed %d: holds %v with %d moves, all done %v", seed, held, moves, rest)
		}
		other := rnd.IntN(len(in.Services))
		in.Services[other].Able ^= 1 << 1
		if in.Holds(made, choices) {
			t.Fatalf("seed %d: it holds although service %d can run on other nodes now", seed, other)
		}
	}
}
