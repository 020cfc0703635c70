package daemon

import (
	"time"

	"locum/cluster"
)

// tellTime tells the engine the local time of day, at once and then each minute, until the process ends.
func (n *engine) tellTime() {
	for n.ctx.Err() == nil {
		now := time.Now()
		n.happened(cluster.Clock{Minute: now.Hour()*60 + now.Minute()})
		select {
		case <-n.ctx.Done():
		case <-time.After(time.Minute - time.Duration(now.Second())*time.Second):
		}
	}
}
