package cluster

import (
	"fmt"
	"slices"
	"strings"

	"locum/config"
	"locum/wire"
)

// The cluster's key is replaced by three files that are applied one after the other: one that accepts the next key too, one
// that seals with it and still accepts the previous one, one that knows only the new one. Every member reads the keys that a
// new file names before it accepts it, and holds them against those that its heart goes by: of two files that follow each
// other each has to accept what the other seals with, because for a while some nodes go by the one and some by the other.

// keying is a new file whose keys are being read.
type keying struct {
	id     uint64
	text   string
	from   wire.Node
	accept *Replicate // that hands it out; nil: a file that is in force elsewhere
}

// readKeys has the keys of a new file read; KeysRead follows.
func (e *Engine) readKeys(k keying) {
	next, _ := config.Parse("the new file", k.text)
	k.id = e.nextID()
	e.keying = k
	e.do(ReadKeys{ID: k.id, Files: next.KeyFiles()})
}

// keysRead goes on with a new file once it is known whether this node has its keys.
func (e *Engine) keysRead(ev KeysRead) {
	k := e.keying
	if ev.ID != k.id || ev.ID == 0 {
		return
	}
	e.keying = keying{}
	next, _ := config.Parse("the new file", k.text)
	why := e.whyNotKeys(ev, next)
	switch {
	case k.accept == nil:
		e.takeOver(k, why)
	case !e.obeyed() || k.accept.Epoch != e.view.Epoch: // who handed it out begins anew
	case why != "":
		e.noteGivenUp(k.text)
		e.send(k.from, Message{Accept: &Accept{Epoch: k.accept.Epoch, Version: k.accept.Intents.Version, Why: why}})
	default:
		e.storing.accept, e.storing.from, e.storing.due, e.storing.keys = k.accept, k.from, 0, ev.Prints
	}
}

// whyNotKeys says why this node cannot go by the keys of a new file after those that it goes by, "" if it can.
func (e *Engine) whyNotKeys(ev KeysRead, next *config.Config) string {
	held := e.welcome.Keys
	switch {
	case ev.Why != "":
		return ev.Why
	case len(held) == 0 || len(ev.Prints) == 0:
		return "it is not known which keys are in use here"
	case !slices.Contains(held, ev.Prints[0]):
		return fmt.Sprintf("the key in %s (print %s) is not accepted here yet: whoever sealed with it would not be heard. "+
			"First have a file applied that names it beside the present one: key %s next=%s", next.KeyFile, ev.Prints[0], e.cfg.KeyFile, next.KeyFile)
	case !slices.Contains(ev.Prints, held[0]):
		return fmt.Sprintf("it gives up the key that all is sealed with (print %s). First have a file applied that seals with the other and still accepts that one: "+
			"key %s previous=%s", held[0], next.KeyFile, e.cfg.KeyFile)
	case slices.ContainsFunc(held, func(p wire.KeyPrint) bool { return !slices.Contains(ev.Prints, p) }):
		return e.whyKeep()
	}
	return ""
}

// whyKeep says why no key may be given up yet, "" if one may: a sector of a quorum disk that is sealed with it would be lost, and
// only its writer may seal it anew.
func (e *Engine) whyKeep() string {
	away := configured(e.cfg) &^ e.view.Members
	switch {
	case len(e.cfg.Disks) == 0 || e.disk.Sealed:
		return ""
	case away != 0:
		return fmt.Sprintf("%s is away, and what it wrote on the quorum disk is sealed with the key that is given up: start it, or take it out of the file first",
			names(e.cfg, away))
	}
	return "the quorum disk is not sealed anew yet, which goes on by itself: " + e.disk.Unsealed
}

// whyNotAdd: a sector of a number without a node is sealed anew by the leader, and must not get a writer meanwhile.
func (e *Engine) whyNotAdd(next *config.Config) string {
	if more := configured(next) &^ configured(e.cfg); more != 0 && len(e.welcome.Keys) > 1 && len(e.cfg.Disks) > 0 {
		return fmt.Sprintf("the key is being replaced: add %s before or after that", names(next, more))
	}
	return ""
}

// takeOver has a file take effect that is in force elsewhere.
func (e *Engine) takeOver(k keying, why string) {
	v := versionOf(k.text)
	switch {
	case e.adopting || !e.fileVersion().Less(v):
	case why != "":
		e.tell(History{Kind: "config", Level: "alarm", Node: e.name(k.from),
			Text: fmt.Sprintf("the file that is in force on %s cannot be taken over here: %s", e.name(k.from), why)})
	default:
		e.tell(History{Kind: "config", Level: "info", Node: e.name(k.from),
			Text: fmt.Sprintf("%s has a file that was applied after ours (version %d.%d): it takes effect here too", e.name(k.from), v.Epoch, v.Count)})
		e.adopt(k.text)
	}
}

// sameKeys notes which keys a member has read, and says if they are not those of another.
func (c *change) sameKeys(e *Engine, from wire.Node, prints []wire.KeyPrint) {
	if c.text == "" {
		return
	}
	if c.keysOf == 0 {
		c.keysOf, c.keys = from, prints
		return
	}
	next, _ := config.Parse("the new file", c.text)
	for i, file := range next.KeyFiles() {
		if i >= len(prints) || i >= len(c.keys) || prints[i] != c.keys[i] {
			c.refused = fmt.Sprintf("%s holds another key on %s (%s) than on %s (%s): copy it from one to the other", file,
				e.name(from), printAt(prints, i), e.name(c.keysOf), printAt(c.keys, i))
			return
		}
	}
}

func printAt(prints []wire.KeyPrint, i int) string {
	if i >= len(prints) {
		return "none"
	}
	return "print " + prints[i].String()
}

// keyStep tells the operator what a file that was applied means for the keys, and what comes next.
func (e *Engine) keyStep(next *config.Config) string {
	var said []string
	line := next.NextKeyLine()
	switch {
	case next.NextKey != "":
		said = append(said, "both keys are accepted from now on; the next step is to apply the line: "+line)
	case next.PreviousKey != "" && len(next.Disks) > 0:
		said = append(said, "all is sealed with the new key from now on, and the quorum disk is sealed anew; then the last step is to apply the line: "+line)
	case next.PreviousKey != "":
		said = append(said, "all is sealed with the new key from now on; the last step is to apply the line: "+line)
	case len(e.welcome.Keys) > 1:
		said = append(said, "the other key is accepted no more")
	}
	away := configured(next) &^ e.view.Members
	switch {
	case len(said) == 0:
		return ""
	case away != 0 && next.NextKey != "":
		said = append(said, names(next, away)+" is away: better wait with that until it is back, with the new key in "+next.NextKey)
	case away != 0:
		said = append(said, names(next, away)+" is away: before it is started again it needs this file, and the keys that it names")
	}
	return "; " + strings.Join(said, "; ")
}

// resealRest tells the heart whether this node seals anew on the quorum disks what no node of the file writes. It is the leader of
// all nodes, and never while a disk joins: both write headers, and one that was read before the other's write would be put over it.
func (e *Engine) resealRest() {
	rest := len(e.welcome.Keys) > 1 && len(e.cfg.Disks) > 0 && e.mayJoin() && e.view.Members == configured(e.cfg) && !e.disk.Joins && e.joining.id == 0
	if rest != e.reseals {
		e.reseals, e.resealWord = rest, e.resealWord+1
		e.do(ResealDisks{Rest: rest, Number: e.resealWord})
	}
}

// sealsNothing reports whether the heart is known to write nothing of what no node of the file writes: it has taken the newest word of
// that, and was done with what it had begun. What it said before it took that word says nothing.
func (e *Engine) sealsNothing() bool {
	return !e.reseals && !e.disk.Reseals && e.disk.Heeded == e.resealWord
}
