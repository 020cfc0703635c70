package replay

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"locum/cluster"
)

// Happened is the event in words.
func (s Step) Happened() string { return inWords(s.Event) }

// Told are the actions in words: those that say why, and those that touch something. With all set, all of them.
func (s Step) Told(all bool) (list []string) {
	for _, a := range s.Actions {
		switch a := a.(type) {
		case cluster.Tell:
			list = append(list, a.Event.Kind+": "+a.Event.Text)
		case cluster.RunOp:
			list = append(list, fmt.Sprintf("does: %s %s/%d within %s", a.Kind, a.Resource.Service, a.Resource.Index, a.Deadline))
		case cluster.Shoot:
			list = append(list, fmt.Sprintf("does: fences node %d", a.Node))
		default:
			if all {
				list = append(list, "does: "+inWords(a))
			}
		}
	}
	return list
}

// inWords is any event or action on a line: its type, and what it holds.
func inWords(v any) string {
	b, err := json.Marshal(v)
	if err != nil || string(b) == "{}" {
		b = nil
	}
	text := strings.TrimSpace(reflect.TypeOf(v).Name() + " " + string(b))
	if len(text) > 400 {
		text = text[:400] + " ..."
	}
	return text
}

// Shape is a step for programs.
type Shape struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Event   Named     `json:"event"`
	Actions []Named   `json:"actions"`
	Same    bool      `json:"same"` // they are those that were recorded
}

// Named is a value with the name of its type.
type Named struct {
	Type string `json:"type"`
	Of   any    `json:"of"`
}

// Shape gives the step for programs.
func (s Step) Shape() Shape {
	out := Shape{Version: 1, Time: s.Time, Event: Named{reflect.TypeOf(s.Event).Name(), s.Event}, Actions: []Named{}, Same: s.Same}
	for _, a := range s.Actions {
		out.Actions = append(out.Actions, Named{reflect.TypeOf(a).Name(), a})
	}
	return out
}
