package console

import (
	"fmt"
	"io"
	"time"

	"locum/wire"
)

// showHeart writes what is known without an engine: whom the heart hears now, and how long services may still run.
func showHeart(w io.Writer, h *HeartStatus) {
	if h == nil {
		fmt.Fprintln(w, "no status")
		return
	}
	fmt.Fprintf(w, "node %s: the heart beats, the engine is down or does not answer; what runs here runs on untouched\n", h.Node)
	fmt.Fprintf(w, "lease %s\n\n", leaseText(h))
	t := table(w)
	fmt.Fprintln(t, "NODE\tHEARD\tENGINE\tWHY")
	for _, p := range h.Peers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", p.Name, p.State, peerEngine(p), dash(peerWhy(p)))
	}
	t.Flush()
	for _, text := range heartWarnings(h) {
		fmt.Fprintln(w, "warning: "+text)
	}
}

func leaseText(h *HeartStatus) string {
	if h.LeaseLeftMS == 0 {
		return h.Lease.String()
	}
	return fmt.Sprintf("%s, for %s more", h.Lease, millis(h.LeaseLeftMS))
}

func peerEngine(p PeerStatus) string {
	switch {
	case p.State == wire.PeerDead || p.State == wire.PeerNever:
		return "-"
	case p.Engine:
		return "up"
	}
	return "down"
}

func peerWhy(p PeerStatus) string {
	switch {
	case p.State == wire.PeerNever:
		return "not heard since the heart began"
	case p.State != wire.PeerUp:
		return "silent for " + millis(p.SilentMS).String()
	case p.Leaving:
		return "leaving in order"
	}
	return ""
}

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
