package vip

import (
	"context"
	"time"

	"locum/wire"
)

// adopt has a keeper at work while the address is here, whoever put it there: after an engine has come back nobody starts what runs,
// and a keeper ends when it does not see the address, though that may be back by now. It gives what is closed when the keeper ends,
// nil if there is none.
//
// known is whether the address was seen to come. If not, nothing is said, nor answered, before the last of a burst, seconds later: who
// finds an address after a pause of his own may have lost it meanwhile, and is told so first.
func (v *VIP) adopt(ctx context.Context, known bool) (<-chan struct{}, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keeping() {
		return v.keeper.ended, nil
	}
	if ctx.Err() != nil {
		return nil, nil
	}
	copies, l, err := v.survey() // anew, since one may have waited for a Stop
	if err != nil || judge(copies, l, true) != wire.StateRunning {
		return nil, err
	}
	if err := v.speakOn(l); err != nil {
		return nil, err
	}
	k, err := v.kernel()
	if err != nil {
		return nil, err
	}
	plan := schedule{refresh: v.refresh}
	plan.begin(time.Now())
	if !known {
		plan.hold()
	}
	v.keep(k, plan)
	return v.keeper.ended, nil
}
