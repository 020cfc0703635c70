package fence

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"locum/wire"
)

// Result is how a shot ended: done if every device of one level said off when asked, failed if the node is known not to be
// off by any of them, else unknown: it may have been switched off or not, or will be.
type Result struct {
	Outcome wire.Outcome
	Devices []DeviceResult // those that were tried, in the order of their levels
}

// DeviceResult is what became of one device.
type DeviceResult struct {
	Node, Name string
	Level      int
	Which      string // "outlet 2: " or nothing
	Outcome    wire.Outcome
	// Shot tells whether the device was told off. One that is done without a shot was off already, which is proof.
	Shot bool
	went bool  // and was on before, or is known to be the machine itself
	Err  error // nil if done
	Took time.Duration
}

// String reads like "fence beta by pdu: outlet 2: still on after off".
func (r DeviceResult) String() string {
	text := "said off"
	switch {
	case r.Err != nil:
		text = r.Err.Error()
	case !r.Shot:
		text = "off already, without a shot"
	}
	return fmt.Sprintf("fence %s by %s: %s%s", r.Node, r.Name, r.Which, text)
}

// String tells it device by device.
func (r Result) String() string {
	texts := make([]string, len(r.Devices))
	for i, d := range r.Devices {
		texts[i] = d.String()
	}
	return strings.Join(texts, "; ")
}

// outcomeOf judges one device: only a definite answer is a failure, and so is a shot that was never fired.
func outcomeOf(err error) wire.Outcome {
	switch {
	case err == nil:
		return wire.OutcomeDone
	case errors.Is(err, errStillOn), errors.Is(err, errCalledOff):
		return wire.OutcomeFailed
	}
	return wire.OutcomeUnknown
}

// outcomeOfLevel: every device has to be done, and one unknown makes the level unknown.
func outcomeOfLevel(devices []DeviceResult) wire.Outcome {
	outcome := wire.OutcomeDone
	for _, d := range devices {
		if d.Outcome == wire.OutcomeUnknown {
			return wire.OutcomeUnknown
		}
		if d.Outcome == wire.OutcomeFailed {
			outcome = wire.OutcomeFailed
		}
	}
	return outcome
}

func calledOff(devices []DeviceResult) bool {
	for _, d := range devices {
		if errors.Is(d.Err, errCalledOff) {
			return true
		}
	}
	return false
}
