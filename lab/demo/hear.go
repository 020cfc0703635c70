package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"locum/console"
	"locum/lab"
	"locum/wire"
)

// maxLine bounds one line of what a node says, in bytes.
const maxLine = 64 << 10

// heard is one event of a node, as the node tells it.
type heard struct {
	at   wire.Instant
	node string
	console.Event
}

// ear collects what the nodes say, and shows what a newcomer can follow.
type ear struct {
	screen *screen
	since  wire.Instant // events before the demo are none of its
	mu     sync.Mutex
	events []heard
}

// follow hears a node until ctx ends: over its reboots, and while locum is not up yet.
func (e *ear) follow(ctx context.Context, n *lab.Node) {
	for ctx.Err() == nil {
		if p, err := n.Start(e.lines(n.Name), "locum", "events", "-f", "--json"); err == nil {
			select {
			case <-p.Ended():
			case <-ctx.Done():
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// lines takes what a node says in pieces, and hands on each line that is an event.
func (e *ear) lines(node string) func([]byte) {
	var rest []byte
	return func(p []byte) {
		rest = append(rest, p...)
		for {
			line, after, complete := bytes.Cut(rest, []byte("\n"))
			if !complete {
				break
			}
			var ev console.Event
			if json.Unmarshal(line, &ev) == nil && !ev.Time.IsZero() {
				e.take(heard{lab.At(ev.Time), node, ev})
			}
			rest = after
		}
		if len(rest) > maxLine {
			rest = nil
		}
	}
}

func (e *ear) take(h heard) {
	e.mu.Lock()
	// A node that is asked again tells its history again.
	known := h.at < e.since || slices.ContainsFunc(e.events, func(o heard) bool {
		return o.node == h.node && o.Time.Equal(h.Time) && o.Text == h.Text
	})
	if !known {
		e.events = append(e.events, h)
	}
	e.mu.Unlock()
	if !known && telling(h) {
		e.screen.line(h.at, h.node, h.Text)
	}
}

// telling is whether an event says something to a newcomer.
func telling(h heard) bool {
	switch h.Kind {
	case "tie", "fence", "proof", "alarm", "path":
		return true
	case "peer":
		return !strings.Contains(h.Text, ": late")
	case "service":
		return !strings.Contains(h.Text, "shall run")
	case "view":
		return strings.HasPrefix(h.Text, "view ")
	}
	return false
}

// dead is when a node declared another dead, at or after an instant. It reports false if it has not.
func (e *ear) dead(by, who string, since wire.Instant) (wire.Instant, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.events {
		if h.node == by && h.Kind == "peer" && h.Node == who && h.at >= since && strings.HasPrefix(h.Text, who+": dead") {
			return h.at, true
		}
	}
	return 0, false
}
