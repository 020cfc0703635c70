package simulate

import (
	"time"

	"locum/wire"
)

const (
	// settleStep is how often it is looked whether the world has settled, settleFor for how long it has to be so.
	settleStep = 500 * time.Millisecond
	settleFor  = 3 * time.Second
)

// commandSettle: settle TIME [SERVICE…]: goes on until all nodes have been in one quorate view for some seconds with no work
// under way, and each of the services has one owner; at most for the time. A time that is up is no error: an expectation
// says what is demanded.
func (w *World) commandSettle(args []string) error {
	most, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	calm := time.Duration(0)
	for spent := time.Duration(0); spent < most && calm < settleFor && len(w.Broken) == 0; spent += settleStep {
		w.Run(settleStep)
		if calm += settleStep; !w.settled(args[1:]) {
			calm = 0
		}
	}
	return nil
}

func (w *World) settled(services []string) bool {
	var epoch wire.Epoch
	still := true
	w.each(func(n *node) {
		if n.engine == nil || n.heart == nil || n.paused || len(n.ops) > 0 {
			still = false
			return
		}
		st := n.engine.Status(n.now())
		if epoch == 0 {
			epoch = st.Epoch
		}
		still = still && st.Quorate && st.Epoch == epoch
	})
	for _, s := range services {
		still = still && len(w.Owners(s)) == 1
	}
	return still
}
