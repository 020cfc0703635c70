package simulate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/wire"
)

// A view after a death takes a proposal, the promises and the installation: three one-way delays from when its leader knows of
// the death, and three messages a member.
func TestAViewAfterADeathTakesThreeDelays(t *testing.T) {
	for _, nodes := range []int{3, 8, 16, 64} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			a := dieIn(t, nodes, 1, "net")
			own := 8 * hop // between the two processes of the nodes on the way
			if most := 3*fairWeather.delay + own; a.took > most {
				t.Errorf("the view took %s, at most %s are expected", a.took, most)
			}
			if most := 3 * (nodes - 1); a.messages > most {
				t.Errorf("the view took %d messages, at most %d are expected", a.messages, most)
			}
			t.Logf("%d nodes: %s, %d messages between nodes", nodes, a.took, a.messages)
		})
	}
}

// Words that are long on their way make a view late, and no more of them are said: nobody proposes above a proposal that is under way.
// A serial ring has such lines, and so has a machine that does too much.
func TestAViewOnSlowLinesTakesNoMoreWords(t *testing.T) {
	for _, nodes := range []int{3, 4, 8} {
		for _, delay := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond, 400 * time.Millisecond} {
			var worst agreement
			for seed := range uint64(5) {
				a := dieIn(t, nodes, seed, fmt.Sprintf("net delay=%s jitter=%s", delay, delay/4))
				worst = agreement{max(worst.took, a.took), max(worst.messages, a.messages)}
			}
			words := float64(worst.messages) / float64(nodes-1)
			delays := float64(worst.took) / float64(delay*9/8)
			if words > 3 || delays > 12 {
				t.Errorf("%d nodes, a delay of %s: the view took %.1f delays and %.1f messages a member, want up to 12, for messages of several pieces, and 3", nodes, delay, delays, words)
			}
			t.Logf("%d nodes, a delay of %s: %.1f delays, %.1f messages a member", nodes, delay, delays, words)
		}
	}
}

// agreement is what a view has cost.
type agreement struct {
	took     time.Duration
	messages int
}

// dieIn kills the node with the highest number, which runs nothing, and waits for the view of the others.
func dieIn(t *testing.T, nodes int, seed uint64, weather string) agreement {
	t.Helper()
	cfg, problems := config.Parse("agreement", minuteOf(nodes).Config)
	if cfg == nil {
		t.Fatal(problems)
	}
	w := New(cfg, seed)
	var known, agreed wire.Instant
	installed, messages := 0, 0
	w.Log = func(at wire.Instant, node, text string) {
		switch {
		case node == "n1" && known == 0 && strings.HasPrefix(text, fmt.Sprintf("peer: n%d: dead", nodes)):
			known = at
		case known != 0 && strings.HasPrefix(text, "view: view "):
			installed++
			agreed = at
		}
	}
	w.Said = func(from, to wire.Node, m cluster.Message) {
		if known != 0 && from != to && (m.Propose != nil || m.Promise != nil || m.Refuse != nil || m.Install != nil) {
			messages++
		}
	}
	for _, command := range []string{"boot " + names(1, nodes), "run 5s", weather, "run 3s", "kill " + names(nodes, nodes)} {
		if err := w.command(strings.Fields(command)); err != nil {
			t.Fatal(err)
		}
	}
	for end := w.Now() + wire.Instant(25*time.Second); installed < nodes-1 && w.Now() < end; {
		w.Run(100 * time.Microsecond)
	}
	if installed != nodes-1 {
		t.Fatalf("%d of %d members have the view", installed, nodes-1)
	}
	return agreement{time.Duration(agreed - known), messages}
}

func names(first, last int) string {
	var list []string
	for i := first; i <= last; i++ {
		list = append(list, fmt.Sprintf("n%d", i))
	}
	return strings.Join(list, " ")
}
