package heartbeat

import (
	"testing"
	"time"
)

func TestADelayIsRecentForAMinuteAndTheWorstForEver(t *testing.T) {
	w := newWorld(t, 1, 2, 1)
	w.meet()
	if d := w.nodes[1].h.Delay(); d != (Delay{}) {
		t.Fatalf("undisturbed it is %+v", d)
	}
	w.nodes[1].sleep(80*ms, false)
	w.run(second)
	d := w.nodes[1].h.Delay()
	if d.Worst <= 0 || d.Worst > 80*time.Millisecond || d.Recent != d.Worst {
		t.Fatalf("after a sleep of 80 ms it is %+v", d)
	}
	w.run(150 * second)
	if now := w.nodes[1].h.Delay(); now.Recent != 0 || now.Worst != d.Worst {
		t.Errorf("minutes later it is %+v", now)
	}
}
