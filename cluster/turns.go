package cluster

import (
	"time"

	"locum/wire"
)

// tieDelayOf is the delay that the file gives.
func (e *Engine) tieDelayOf() (delay time.Duration) {
	for _, t := range e.cfg.Tiebreaks {
		if t.Type == "fence" {
			delay = t.Delay
		}
	}
	return delay
}

// tieDelay is how long after the beginning of a tie this side's first turn comes: by its rank, and for one that cannot know when the tie began a round later, by when another that can
// shoot has done so.
func (e *Engine) tieDelay() time.Duration {
	rank := time.Duration(0)
	switch away := e.tiedWithoutDisk(); {
	case away && e.unsure(): // the other may be without the disk too, and go by the weights
		rank = 4
	case away || e.unsure():
		rank = 2
	}
	if !e.shootsFirst() {
		rank++
	}
	if e.tie.Unphased {
		rank += e.tieTurns()
	}
	return rank * e.tieDelayOf()
}

// unsure reports whether the other side may go by other weights than this one knows, or be shooting already.
func (e *Engine) unsure() bool { return e.tie.Doubt || e.tie.Aimed || e.tie.Unphased }

// tieTurns is how many turns there are in a round: the first side's, the second's, and those of sides that are unsure. Where a disk
// breaks ties too, a side without it comes in their place, and one that is both comes last: sides in different orders share no turn.
func (e *Engine) tieTurns() time.Duration {
	if e.breaksTiesBy("disk") {
		return 6
	}
	return 4
}

// firstTurn is when this side may fire its first shot: when it is due, or soon after, else in its next turn. An engine that was
// started anew in a tie finds it due long since.
func (e *Engine) firstTurn() wire.Instant {
	if e.now < e.tieDue()+wire.Instant(e.patience()) {
		return e.tieDue()
	}
	return e.tieTurn(e.now)
}

// missedTurn reports whether a shot comes too late for its turn: this node was paused meanwhile.
func (e *Engine) missedTurn(s *shot) bool {
	inTurns := e.tied() || e.view.Verdict.Claim != 0
	return inTurns && !s.byHand && s.due != 0 && e.now > s.due+wire.Instant(e.patience())
}

// nextTurn is when this side may shoot at or after an instant: where sides take turns, in its own.
func (e *Engine) nextTurn(at wire.Instant) wire.Instant {
	switch {
	case e.tied():
		return e.tieTurn(at)
	case e.view.Verdict.Claim != 0 && e.breaksTiesBy("fence"):
		return e.winnersTurn(at)
	case e.view.Verdict.Claim != 0 && e.tie.Aimed: // who was told to shoot this one has done so by then
		return max(at, e.tieBegin()+wire.Instant(e.cfg.FenceTime(e.self)))
	}
	return at
}

// winnersTurn is that of a side which has won the disk. A side that cannot use the disk comes after two delays or more; who has won
// only then waits for the next round, as does one that cannot know how far the first one is, or at which the other side may be shooting already.
func (e *Engine) winnersTurn(at wire.Instant) wire.Instant {
	begin, delay := e.tieBegin(), wire.Instant(e.tieDelayOf())
	if begin == 0 || delay == 0 {
		return at
	}
	round := wire.Instant(e.tieTurns()) * delay
	at = max(at, begin)
	switch into := (at - begin) % round; {
	case (e.tie.Unphased || e.tie.Aimed) && at < begin+round:
		return begin + round
	case at > begin && into >= delay:
		return at - into + round
	}
	return at
}

// tieTurn is this side's first turn to shoot at or after an instant. The sides take turns of one delay each, so that
// switches which answer again after a failure are not told by both at once.
func (e *Engine) tieTurn(at wire.Instant) wire.Instant {
	due, round := e.tieDue(), wire.Instant(e.tieTurns()*e.tieDelayOf())
	if round == 0 || at <= due {
		return max(at, due)
	}
	return due + (at-due+round-1)/round*round
}
