package cluster

import (
	"cmp"

	"locum/wire"
)

// The quorum disk notes which words of operators each node has durable, so that one that starts alone knows whether it lacks any:
// a word is acknowledged only when every node of the file has it, or the disks name it (SAFETY 22).

// noteWords tells the heart what to name in this node's slot. A node whose state directory knows of no quorate view does not know
// what it may have known before that was lost.
func (e *Engine) noteWords() {
	w := e.durable.Intents.Version
	if len(e.cfg.Disks) == 0 || e.fresh() || w == e.words {
		return
	}
	e.words = w
	e.do(NoteWords{w})
}

// fresh: the state directory knows of no quorate view: it is new, or was lost.
func (e *Engine) fresh() bool { return !e.admitted && e.durable.Incarnation == 0 }

// onDisks reports whether nobody can start without knowing of a change: all have it, or it is named on the disks.
func (e *Engine) onDisks(c *change) bool {
	return len(e.cfg.Disks) == 0 || e.view.unsafeTie() || c.accepted == configured(e.cfg) || !e.disk.Noted.Less(c.intents.Version)
}

// noteClean keeps since when each node is known to run nothing, in which life, and by what.
func (e *Engine) noteClean() {
	for i := range e.peers {
		p := &e.peers[i]
		c, clean := e.cleanOf(p.Node)
		switch {
		case !clean:
			p.proven = provenNote{}
		case p.proven.since == 0 || p.proven.life != c.Life.Incarnation || p.proven.by != c.Proof:
			p.proven.since, p.proven.life, p.proven.by = max(e.now, 1), c.Life.Incarnation, c.Proof
		}
	}
}

// caughtUp is the absent nodes of which the disks show that they knew no words that these members do not know: their slots were
// read after they were proven to be off or to have left, and name nothing newer. A node that was booted anew lives, and may
// judge in the same way about us.
func (e *Engine) caughtUp(promises []Promise) (set wire.Nodes) {
	var newest wire.Revision
	for _, p := range promises {
		if p.Fresh {
			return 0
		}
		if newest.Less(p.Intents.Version) {
			newest = p.Intents.Version
		}
	}
	for _, c := range e.clean {
		s := e.disk.Slot(c.Node)
		off := c.Proof == ProofPowerOff && s.Incarnation >= c.Life.Incarnation || c.Proof == ProofLeft && s.Incarnation == c.Life.Incarnation
		if e.disk.Good && off && s.Incarnation != 0 && s.Read >= e.peer(c.Node).proven.since && !newest.Less(s.Words) {
			set = set.With(c.Node)
		}
	}
	return set
}

// noteNamed keeps what the slots of others named last: a node takes back what it had written down of a word that was given up. A life that has just begun does not know yet
// what it has, and takes none of it back.
func (e *Engine) noteNamed() {
	for _, s := range e.disk.Slots {
		if p := e.peer(s.Node); s.Words != wire.Unknown {
			p.words = s.Words
		}
	}
}

// knowsMore finds an absent node that has words of operators which no member has, by what it has written on the quorum disk: it may have told the operator that they
// count, where it could act without these. 0 there is none, or an operator has vouched for it.
func (e *Engine) knowsMore() wire.Node {
	if e.view.unsafeTie() || !e.cfg.Quorum.Dynamic && e.mostVotes(e.view.Members) {
		return 0
	}
	for n := range (configured(e.cfg) &^ e.view.Members).All {
		if c, _ := e.cleanOf(n); c.Proof != ProofOperator && e.intents.Version.Less(e.peer(n).words) {
			return n
		}
	}
	return 0
}

// missedWords says why commands may have been given to an absent node that this one, which starts alone, does not know of.
func (e *Engine) missedWords(n wire.Node) string {
	s := e.disk.Slot(n)
	switch {
	case len(e.cfg.Disks) == 0:
		return ""
	case !e.disk.Good:
		return " (the quorum disk cannot tell: " + cmp.Or(e.disk.Trouble, "it was not read yet") + ")"
	case e.fresh():
		return " (this node's state directory is new, or was lost)"
	case s.Incarnation == 0 || s.Words == wire.Unknown:
		return " (the quorum disk does not name what it knew)"
	case e.intents.Version.Less(s.Words):
		return " (by the quorum disk, there are such)"
	}
	return ""
}
