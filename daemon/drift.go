package daemon

import (
	"sync"
	"time"
)

// driftWithin is how long whoever asks for a status waits for the file in its usual place.
const driftWithin = time.Second

// drifts answers how the file in its usual place differs from what is in force. A disk that hangs is asked once, however many want to know.
type drifts struct {
	mu    sync.Mutex
	under *driftRead
}

type driftRead struct {
	over chan struct{} // closed when it has ended
	text string        // valid then
}

// ask gives what look finds, or says that the file hangs.
func (d *drifts) ask(file string, look func() string) string {
	r := d.begin(look)
	late := time.NewTimer(driftWithin)
	defer late.Stop()
	select {
	case <-r.over:
		return r.text
	case <-late.C:
		return file + " cannot be read: its disk does not answer"
	}
}

func (d *drifts) begin(look func() string) *driftRead {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.under == nil {
		r := &driftRead{over: make(chan struct{})}
		d.under = r
		go func() {
			r.text = look()
			d.mu.Lock()
			defer d.mu.Unlock()
			d.under = nil
			close(r.over)
		}()
	}
	return d.under
}
