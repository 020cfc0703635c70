package simulate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"locum/replay"
)

// An engine that was frozen and thawed decides as it would have: histories in which that happens all the time are the same to the
// letter. So a field that the codec does not know is found here.
func TestAThawedEngineDecidesAsTheFrozenOne(t *testing.T) {
	thaws := 0
	for seed := range uint64(25) {
		s := Draw(seed)
		if seed%5 == 4 {
			s = DrawUnwell(seed)
		}
		want, _ := s.Play()
		rnd := rand.New(rand.NewPCG(seed, 3))
		s.watch = func(w *World) {
			w.each(func(n *node) {
				if n.engine == nil || rnd.IntN(200) != 0 {
					return
				}
				b, err := replay.Freeze(n.engine, n.engineFile)
				if err != nil {
					t.Fatal(err)
				}
				thawed, err := replay.Thaw(b, n.engineFile)
				if err != nil {
					t.Fatal(err)
				}
				*n.engine = *thawed // in its place: what is under way knows it by that
				thaws++
			})
		}
		if got, _ := s.Play(); got != want {
			t.Errorf("seed %d: another history", seed)
		}
	}
	if t.Log(fmt.Sprint(thaws, " thaws")); thaws < 1000 {
		t.Errorf("only %d engines were thawed", thaws)
	}
}
