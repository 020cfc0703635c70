package replay

import (
	"encoding/json"
	"errors"
	"fmt"

	"locum/cluster"
	"locum/config"
)

// Step is one entry, played again.
type Step struct {
	Entry
	Actions []cluster.Action
	Same    bool // they are the recorded ones
}

// Player is told what a record holds; either function may be nil.
type Player struct {
	Head func(Head)
	Step func(Step)
}

// Play steps engines on what a file holds. Its error says at which byte something could not be played; what came before
// was.
func (p Player) Play(file []byte) error {
	var engine *cluster.Engine
	for at := 0; ; {
		kind, rest, size, err := unframe(file[at:])
		if err == nil && size == 0 {
			return nil
		}
		if err == nil {
			engine, err = p.frame(engine, kind, rest)
		}
		if err != nil {
			return fmt.Errorf("at byte %d: %w", at, err)
		}
		at += size
	}
}

func (p Player) frame(e *cluster.Engine, kind byte, rest []byte) (*cluster.Engine, error) {
	switch {
	case kind == kindHead:
		return p.begin(rest)
	case kind != kindEntry:
		return e, fmt.Errorf("a frame of the unknown kind %q", kind)
	case e == nil:
		return nil, errors.New("a step before any engine: this is not the beginning of a record")
	}
	entry, err := decodeEntry(rest)
	if err != nil {
		return e, err
	}
	s := Step{Entry: entry, Actions: e.Step(entry.At, entry.Event)}
	s.Same = SumOf(s.Actions) == entry.Sum
	if p.Step != nil {
		p.Step(s)
	}
	return e, nil
}

func (p Player) begin(rest []byte) (*cluster.Engine, error) {
	var h Head
	if err := json.Unmarshal(rest, &h); err != nil {
		return nil, fmt.Errorf("the head of the record: %w", err)
	}
	if h.Layout != Layout {
		return nil, fmt.Errorf("recorded by another locum (version %s); play it with that one", h.Program)
	}
	cfg, problems := config.Parse(h.File, h.Text)
	if cfg == nil {
		return nil, problems
	}
	if p.Head != nil {
		p.Head(h)
	}
	return Thaw(h.Engine, cfg)
}
