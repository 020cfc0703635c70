package cluster

import (
	"cmp"
	"slices"
	"time"

	"locum/wire"
)

// drift is what two clocks may differ by over a lease: a tenth.
const drift = 10

// proveByLease takes proof 2 where it holds: the absent node obeys a lease, its watchdog is known to be armed, and both
// times, and a tenth, have passed since the last moment at which anyone could have granted it a lease. The view must have been
// made after that: its members say by their promises that they have not granted anything meanwhile.
func (e *Engine) proveByLease() {
	if !e.leads() || !e.view.Verdict.Quorate || !e.admitted {
		return
	}
	for n := range e.lead.needs.All {
		due := e.leaseDue(n)
		switch {
		case due == 0 || e.alive(n):
		case e.now >= due && e.lead.since < due:
			if !e.lead.stale {
				e.lead.stale, e.again = true, true // members may have promised another view since, and grant under it
			}
		case e.now >= due && !e.claimSeenSince(due):
			// the next reading of the disk comes by itself
		case e.now >= due:
			e.proven(Clean{Node: n, Life: e.knownLife(n), Proof: ProofLease, Epoch: e.view.Epoch})
		default:
			e.lead.due = soonest(e.lead.due, due)
		}
	}
}

// leaseDue is when a node's lease and watchdog time are certainly over, 0 if that can never be known of it. The greater of
// its own lease and ours counts: the files may have differed. What the members have heard of it counts beside what this node has:
// it may have begun a new life, with another file, that only one of them heard and granted a lease.
func (e *Engine) leaseDue(n wire.Node) wire.Instant {
	p := e.peer(n)
	told := e.silencesOf(n)
	if p.Incarnation != 0 && (!p.ObeysLease || !p.Armed) || p.Incarnation == 0 && told == nil || !e.trustsWatchdog(n) {
		return 0
	}
	leaseMS, watchdogMS := p.LeaseMS, p.WatchdogMS
	for _, s := range told {
		if s.Loose && s.age()-told[0].age() <= e.cfg.Beat.Dead.Milliseconds() {
			return 0
		}
		leaseMS, watchdogMS = max(leaseMS, s.LeaseMS), max(watchdogMS, s.WatchdogMS)
	}
	total := max(e.cfg.Lease, time.Duration(leaseMS)*time.Millisecond) + time.Duration(watchdogMS)*time.Millisecond
	return e.lastGrant(n) + wire.Instant(total+total/drift)
}

// silencesOf is what the members have told of an absent node that they have heard, the newest first.
func (e *Engine) silencesOf(n wire.Node) (list []Silence) {
	for _, p := range e.lead.promises {
		for _, s := range p.Silent {
			if s.Node == n && s.LeaseMS != 0 {
				list = append(list, s)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Silence) int { return cmp.Compare(a.age(), b.age()) })
	return list
}

// trustsWatchdog reports whether the file lets proof 2 count against the node: a guest's watchdog stops with the guest.
func (e *Engine) trustsWatchdog(n wire.Node) bool {
	for _, c := range e.cfg.Nodes {
		if c.Number == n {
			return !c.Guest || c.LeaseProof
		}
	}
	return false
}

// lastGrant is the last moment at which anyone can have granted the node a lease. Each member stopped granting before it
// promised, and its promise says how old the node's last beat was; counting from the promise's arrival here can only make it
// later. The node may also have lived on the quorum disk, as long as its slot moved there and until this half has won it
// (SAFETY 1).
func (e *Engine) lastGrant(n wire.Node) wire.Instant {
	var last wire.Instant
	for _, p := range e.lead.promises {
		age := int64(0)
		for _, s := range p.Silent {
			if s.Node == n {
				age = s.age()
			}
		}
		last = max(last, e.lead.since-wire.Instant(age)*1e6)
	}
	if !e.mostVotes(e.view.Verdict.Voters) {
		last = max(last, e.freedSince(n))
	}
	last = max(last, e.busyOnDisk(n))
	if e.view.Verdict.Claim != 0 || e.disk.Decided.Members.Has(n) { // what was granted by a decision for its own side, it had not written yet
		last = max(last, e.disk.DecidedAt)
	}
	return last
}

// freedSince is when the newest proof came that frees the vote of another than a node, 0 if there is none. Where such votes are not counted, no member need have been in
// the quorum that they were in with that node behind a cut, and that may have granted it a lease, and had it start anything, until then.
func (e *Engine) freedSince(n wire.Node) (last wire.Instant) {
	for _, c := range e.clean {
		if c.Node != n && c.Proof.freesVote() {
			last = max(last, e.provenAt(c))
		}
	}
	return last
}

// forgetOld drops what was known of the absent nodes before votes were freed without which the members would be no quorum, unless they have been one all the time.
func (e *Engine) forgetOld(own *proposal, v Verdict) {
	if e.mostVotes(v.Voters) || e.goesOn(own) {
		return
	}
	e.quiet = slices.DeleteFunc(slices.Clone(e.quiet), func(q quiet) bool { return q.at < e.freedSince(q.node) })
	for _, c := range slices.Clone(e.clean) {
		if c.Proof == ProofLease && e.peer(c.Node).proven.since < e.freedSince(c.Node) {
			e.unproven(c.Node)
		}
	}
}

// goesOn reports whether those whose votes made the last view of this node a quorum were in no other one since: by the votes of that view, and of the file that has taken
// effect meanwhile.
func (e *Engine) goesOn(own *proposal) bool {
	last, votes := e.view.Verdict, 0
	for _, p := range own.promises {
		if last.Voters.Has(p.Life.Node) && p.View == e.view.Epoch {
			votes += votesOf(e.cfg, p.Life.Node)
		}
	}
	return last.Quorate && votes >= last.needed() && 2*votes > sum(e.cfg, last.Voters) && !e.superseded() && (last.Claim == 0 || e.readLately())
}

// quiet is what a leader knows of a node from the view that it led itself just before.
type quiet struct {
	node     wire.Node
	epoch    wire.Epoch // of that view
	at       wire.Instant
	services []string // known not to run there, and not ordered there
}

// rememberQuiet keeps what this leader knows of its members when it proposes the next view itself. Another's view in
// between ends the knowledge: its leader may have ordered anything.
func (e *Engine) rememberQuiet(from wire.Node) {
	e.rememberStrays()
	if from != e.self {
		e.quiet = nil
		return
	}
	if !e.leads() {
		return
	}
	for _, m := range e.lead.members {
		q := quiet{node: m.node, epoch: e.view.Epoch, at: e.now}
		for _, r := range m.services {
			if r.Phase == PhaseStopped && m.seen >= m.sent.Serial && !slices.Contains(m.sent.Run, r.Service) {
				q.services = append(q.services, r.Service)
			}
		}
		e.quiet = slices.DeleteFunc(slices.Clone(e.quiet), func(old quiet) bool { return old.node == m.node })
		e.quiet = append(e.quiet, q)
	}
}

// knownQuiet reports whether an absent node is known not to run a service: by this leader's own orders and the node's own
// report, in the views that this node led without a break. A view that the node was in since then, under another leader,
// ends the knowledge also if this one was not in it, as does a decision of the quorum disk for others.
func (e *Engine) knownQuiet(n wire.Node, service string) bool {
	return slices.ContainsFunc(e.quiet, func(q quiet) bool {
		return q.node == n && q.epoch >= e.peer(n).memberAt && slices.Contains(q.services, service)
	})
}
