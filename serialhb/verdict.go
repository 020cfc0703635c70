package serialhb

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Report is what a cable test found.
type Report struct {
	Device    string   `json:"device"`
	Baud      int      `json:"baud"`
	OK        bool     `json:"ok"`
	Verdict   string   `json:"verdict"`
	Hears     bool     `json:"hears"`    // the other end's probes come
	IsHeard   bool     `json:"is_heard"` // the other end says that ours do
	Sent      int      `json:"sent"`     // probes at Baud
	Heard     int      `json:"heard"`    // the other end's
	LossPct   float64  `json:"loss_percent"`
	Garbage   uint64   `json:"garbage"` // pieces that were no frame
	RTTMicros int64    `json:"rtt_us"`  // the median
	Greatest  int      `json:"greatest_baud"`
	Finished  bool     `json:"finished"`    // no greater rate was left to be tried when the time was over
	Modem     []string `json:"modem_lines"` // those that are raised; null if the port cannot say
}

// judge says in words what was found.
func (t *tester) judge() {
	r := &t.r
	r.Garbage = t.l.heard.spoilt
	if r.Sent == 0 {
		r.Sent, r.Heard = int(t.me.seq), t.window.heard
	}
	if len(t.rtts) > 0 {
		slices.Sort(t.rtts)
		r.RTTMicros = t.rtts[len(t.rtts)/2].Microseconds()
	}
	if r.Greatest == 0 && r.Hears && r.IsHeard {
		r.Greatest = r.Baud
	}
	switch at := t.l.heard; {
	case r.Hears && r.IsHeard:
		r.OK, r.Verdict = true, "the cable is right"
	case r.Hears:
		r.Verdict = "the other end is heard, and does not hear this one: the wire from our pin TD to its RD is broken, or not crossed"
	case at.own != 0:
		r.Verdict = "this end hears itself: a loopback plug, TD and RD joined, or an echoing device"
	case t.foreign:
		r.Verdict = "frames of a running locum arrive: stop it at the other end, and run locum serial-test there"
	case at.bad != 0 && at.text:
		r.Verdict = "text arrives: a login prompt or a console sits at the other end"
	case at.bad != 0 || at.bytes != 0:
		r.Verdict = fmt.Sprintf("only garbage arrives: the other end has another rate than %d, or ground is missing", r.Baud)
	default:
		r.Verdict = "nothing arrives: no cable, the wrong port, a straight cable instead of a null modem (TD and RD have to be crossed), or no locum serial-test at the other end"
	}
}

// modemLines names the lines that the other end, or the cable, raises; nil if the port cannot say.
func modemLines(fd int) []string {
	bits, err := unix.IoctlGetInt(fd, unix.TIOCMGET)
	if err != nil {
		return nil
	}
	raised := []string{}
	for _, m := range []struct {
		bit  int
		name string
	}{{unix.TIOCM_CTS, "CTS"}, {unix.TIOCM_DSR, "DSR"}, {unix.TIOCM_CD, "DCD"}, {unix.TIOCM_RI, "RI"}} {
		if bits&m.bit != 0 {
			raised = append(raised, m.name)
		}
	}
	return raised
}
