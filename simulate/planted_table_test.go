package simulate

// planted is a fault that a test puts into the deciding code, by compiling with a line changed, and those that also hold the rule.
type planted struct {
	name   string
	file   string // below the module
	before string // stands in the file exactly once
	after  string
	safety string // the schedule of the safety rules that it opens again, "" none in particular
	caught string // the checkers that should find it, in words of class, separated by blanks
}

// edit changes one place of a file.
type edit struct{ file, before, after string }

// edits are all that a fault changes.
func (p planted) edits() []edit {
	return append([]edit{{p.file, p.before, p.after}}, guardedTwice[p.name]...)
}

// guardedTwice are the second guards of rules that have two, each good for all histories that the other one is: only without both
// something shows.
var guardedTwice = map[string][]edit{
	"new-incarnation-taken-for-new-boot": {{"cluster/peers.go", "\tcase !c.Life.Boot.IsZero() && c.Life.Boot != life.Boot:\n", "\tcase c.Proof == ProofNewBoot || !c.Life.Boot.IsZero() && c.Life.Boot != life.Boot:\n"}},
	"late-shot-hits":                     {{"cluster/fencing.go", " || s.id != 0 && s.epoch != e.view.Epoch || !e.obeyed()\n", "\n"}},
}

var plants = []planted{
	{"promise-given-twice", "cluster/promise.go", "case p.Epoch <= e.promised:", "case false:", "static majority", "views owners proof"},
	{"ceiling-forgotten", "cluster/engine.go", "e.promised = max(ev.Durable.Ceiling, ev.Welcome.Below)", "e.promised = 0", "10", "views owners proof liveness"},
	{"cease-not-awaited", "cluster/promise.go", "!alone && e.ceased < p.epoch", "!alone && false", "2", "owners proof lease"},
	{"older-orders-obeyed", "cluster/promise.go", "\te.forgetOrders()\n", "", "4", "owners proof"},
	{"start-after-the-last-word", "cluster/local.go", " && !e.leaving.done", "", "17", "owners proof"},
	{"unknown-taken-for-done", "cluster/fencing.go", "if ev.Outcome == wire.OutcomeDone {", "if ev.Outcome != wire.OutcomeFailed {", "13", "owners proof"},
	{"failed-shot-taken-for-done", "cluster/fencing.go", "if ev.Outcome == wire.OutcomeDone {", "if true {", "13", "owners proof"},
	{"stale-end-accepted", "cluster/operations.go", "r.op == ev.ID && ev.ID != 0", "r.op != 0", "4", "owners proof liveness"},
	{"failed-stop-ignored", "cluster/operations.go", "r.state, r.verify = wire.StateUnknown, true\n", "r.state, r.probed = wire.StateStopped, true\n", "section 12", "owners proof"},
	{"hanging-stop-ignored", "cluster/operations.go", "\t\tr.verify = true\n\t\te.getStuck(s, i)\n\tcase ev.Outcome == wire.OutcomeDone:", "\t\tr.op, r.state = 0, wire.StateStopped\n\tcase ev.Outcome == wire.OutcomeDone:", "section 12", "owners proof"},
	{"hanging-start-forgotten", "cluster/operations.go", "r.endBy, r.verify = 0, true\n", "r.endBy, r.op, r.state = 0, 0, wire.StateStopped\n\t\t\tcontinue\n", "4", "owners proof"},
	{"new-incarnation-taken-for-new-boot", "cluster/peers.go", "if life.Boot != k.Boot && life.Machine == k.Machine {", "if life.Machine == k.Machine {", "7", "owners proof touched"},
	{"new-boot-trusted-while-it-runs-something", "cluster/blocked.go", "return e.peer(c.Node).Idle", "return true", "7", "owners proof"},
	{"void-proof-kept", "cluster/peers.go", "\te.unproven(n)\n", "", "17", "owners proof needless"},
	{"proof-kept-after-admission", "cluster/install.go", "return c.Epoch < p.memberAt || c.Life.Incarnation < p.memberLife", "return c.Epoch < p.memberAt && false", "17", "owners proof views"},
	{"tie-broken-by-both", "cluster/tie.go", "\t}\n\treturn mine.First() < others.First()\n}", "\t}\n\treturn true\n}", "11", "both"},
	{"second-side-does-not-wait", "cluster/tie.go", "\tcase e.shootsFirst():\n\t\treturn 0\n\t}\n\treturn delay\n}", "\t}\n\treturn 0\n}", "11", "both"},
	{"majority-of-one", "cluster/quorum.go", "v.Quorate = 2*v.Have > v.Total", "v.Quorate = 2*v.Have >= v.Total", "section 9", "views owners proof"},
	{"absent-never-counted", "cluster/quorum.go", "counted &^= absent & freed", "counted &^= absent", "section 9", "views owners proof"},
	{"vote-freed-by-a-lease", "cluster/clean.go", "return p == ProofPowerOff ||", "return p == ProofLease || p == ProofPowerOff ||", "3", "views owners proof"},
	{"new-boot-votes", "cluster/quorum.go", "votes := p.Admitted || cold", "votes := p.Admitted || cold || true", "3", "views owners proof needless lease"},
	{"acknowledged-before-it-is-held", "cluster/change.go", "case c.accepted|c.without != e.view.Members:", "case c.accepted == 0:", "22", "words"},
	{"acknowledged-before-it-is-durable", "cluster/change.go", "r == nil || ok && e.durable.Intents.Version.Less(r.Intents.Version)", "r == nil", "22", "words"},
	{"words-forgotten-at-a-restart", "cluster/engine.go", "\te.intents = ev.Durable.Intents\n", "", "22", "words"},
	{"starting-taken-for-stopped", "cluster/blocked.go", "if r := m.on(s.Name); r.Phase != PhaseStopped ||", "if r := m.on(s.Name); r.Phase == PhaseRunning ||", "4", "owners proof"},
	{"surplus-called-back", "cluster/orders.go", "if m.sent.Serial != 0 && !slices.Contains(m.sent.Hold, service) {", "if false {", "", "touched liveness proof"},
	{"turns-from-the-first-instant-of-a-tie", "cluster/tie.go", "e.tie.Since = max(e.tie.Since, e.lastLost(e.tieTargetsIn(v)))", "", "11", "both"},
	{"challenged-once-only", "heartbeat/greet.go", "|| h.notTakenBy(p)", "", "10", "liveness"},
	{"answer-to-older-orders-taken", "cluster/blocked.go", "m.seen < m.sent.Serial || slices.Contains(m.sent.Run, s.Name) {\n\t\t\t\treturn e.waitForMember", "slices.Contains(m.sent.Run, s.Name) {\n\t\t\t\treturn e.waitForMember", "4", "owners proof"},
	{"absent-taken-for-quiet", "cluster/blocked.go", "case !pathSet(s).Has(n) || e.knownQuiet(n, s.Name):", "case true:", "section 9", "owners proof"},
	{"quiet-remembered-across-leaders", "cluster/proof.go", "\t\te.quiet = nil\n", "", "4", "owners proof"},
	{"lease-proof-without-a-lease", "cluster/proof.go", "if !p.ObeysLease || !p.Armed || !e.trustsWatchdog(n) {", "if false {", "8", "owners proof"},
	{"lease-proof-too-early", "cluster/proof.go", "wire.Instant(total+total/drift)", "wire.Instant(total/3)", "1", "owners proof"},
	{"leave-announced-taken-for-left", "cluster/leave.go", "\tif !w.Stopped {\n\t\treturn\n\t}\n", "", "17", "owners proof"},
	{"leaves-without-looking", "cluster/leave.go", "if s := &e.services[i]; s.wanted(e) || s.phase(e) != PhaseStopped {", "if s := &e.services[i]; s.wanted(e) && false {", "17", "owners proof lease"},
	{"runs-on-past-half-a-lease", "cluster/local.go", "return e.lease.State == wire.LeaseOver || e.lease.State == wire.LeaseHalf", "return false", "section 9", "owners proof lease liveness"},
	{"prepared-permit-outlives-its-view", "cluster/prepare.go", "return g.given && g.epoch == e.view.Epoch && e.now < g.until", "return g.given", "4", "owners proof lease"},
	{"late-shot-hits", "cluster/fencing.go", "case !e.obeyed() || s.epoch != e.view.Epoch:", "case false:", "17", "needless both owners liveness"},
	{"admitted-while-a-shot-flies", "cluster/wanted.go", "|| e.shotInFlight(n) && !member {", "{", "17", "needless liveness touched lease"},
	{"unheard-proposer-forgotten", "cluster/election.go", "epoch := e.epochAbove(max(e.promised, el.highest))", "epoch := e.epochAbove(e.promised)", "12", "liveness touched"},
	{"promises-to-anybody", "cluster/promise.go", "case from != e.self && e.wholeView() && from != e.view.Leader && !e.better(p):", "case false:", "20", "touched liveness needless"},
	{"proof-of-an-older-life-kept", "cluster/install.go", "|| c.Life.Incarnation < p.memberLife", "", "17", "owners proof"},
	{"membership-forgotten-with-the-engine", "cluster/engine.go", "\te.noteMembers(v)\n", "", "17", "owners proof"},
	{"quiet-remembered-across-views", "cluster/proof.go", "q.epoch >= e.peer(n).memberAt && ", "", "4", "owners proof"},
	{"cold-start-by-a-majority-with-dynamic-votes", "cluster/quorum.go", "most := !cfg.Quorum.Dynamic && ", "most := ", "22", "words"},
	{"first-by-the-view-of-one-side", "cluster/tie.go", "if mine == 0 || others == 0 {", "if true {", "11", "both"},
	{"retries-in-step", "cluster/fencing.go", "s.due = e.nextTurn(s.due)", "_ = e.nextTurn", "11", "both"},
	{"votes-moved-at-once", "cluster/change.go", "if votesMoved(e.cfg, next) > 1 {", "if false {", "8", "owners proof"},
	{"proof-preferred-to-a-members-word", "cluster/blocked.go", " && (m == nil || e.provenMember(n))", "", "17", "owners proof"},
	{"doubt-of-both-alike", "cluster/tie.go", "return 3 * delay", "return 2 * delay", "11", "both"},
	{"holder-taken-away-by-a-file", "cluster/change.go", " || e.losesHolder(s, next)", "", "8", "owners proof"},
	{"lease-proof-in-a-stale-view", "cluster/proof.go", "case e.now >= due && e.lead.since < due:", "case false:", "2", "owners proof"},
	{"shoots-without-a-lease", "cluster/fencing.go", "\t\tif e.mustStop() {\n\t\t\treturn 0 // the", "\t\tif false {\n\t\t\treturn 0 // the", "17", "needless"},
	{"quick-retries-counted", "cluster/election.go", "\tel.attempts-- //", "\t//", "21", "touched"},
	{"file-not-kept", "cluster/store.go", "\t\t\td.Prepared = a.Text\n", "", "8", "words"},
	{"begun-file-left-lying", "cluster/ask.go", "\te.finishFile()\n", "", "8", "words"},
	{"restarted-side-does-not-wait-a-round", "cluster/tie.go", "return tieTurns * delay // by", "return 0 // by", "11", "both"},
	{"turn-of-a-restarted-engine", "cluster/tie.go", "return e.tieTurn(e.now)", "return e.now", "11", "both"},
	{"leader-shoots-its-deputy", "cluster/fencing.go", ".Without(e.self).Without(e.deputized())", ".Without(e.self)", "17", "both"},
	{"deputy-shoots-on", "cluster/obey.go", "if s := &e.shots[i]; s.deputy && s.node != leader {", "if s := &e.shots[i]; false {", "17", "needless"},
	{"proof-kept-to-itself", "cluster/obey.go", "\t\tr.Proven = e.provenHere()\n", "", "section 12", "liveness"},
	{"leaver-resumes-its-vote", "heartbeat/grants.go", "\tif r.Left {", "\tif false {", "3", "views owners both"},
	{"counters-of-lives-meet", "wire/seal.go", "uint64(in%livesApart) * (MaxCounter + 1) / 2 / livesApart", "0 * uint64(in)", "10", "lease"},
	{"older-file-kept", "cluster/file.go", "\te.send(n, Message{File: &File{Text: e.cfg.Text}})\n", "", "8", "liveness"},
	{"hearing-need-not-be-mutual", "cluster/clique.go", "\t\t\tif !s.near[m].Has(n) {\n", "\t\t\tif false {\n", "20", "liveness touched"},
	{"lease-outlives-the-next-claim", "heartbeat/disk.go", "	case max(d.seen.Begun, d.seen.Decided.Instance) > claim:\n", "	case false:\n", "1", "lease owners proof"},
	{"lease-without-the-disk", "heartbeat/disk.go", "	return min(from, d.seen.From)\n", "	return from\n", "1", "lease owners proof"},
	{"disk-lease-from-the-end-of-the-round", "quorumdisk/desk.go", "			k.done = k.began\n", "			k.done = now\n", "1", "lease owners proof"},
	{"disk-lease-without-the-tie-break", "quorumdisk/desk.go", "From: min(d.from(), d.tie.asOf()),", "From: d.from(),", "1", "lease owners proof"},
	{"disk-lease-without-a-stamp", "quorumdisk/desk.go", "From: min(d.from(), d.tie.asOf()),", "From: d.tie.asOf(),", "1", "lease owners proof"},
	{"lease-proof-despite-a-moving-slot", "cluster/proof.go", "	last = max(last, e.busyOnDisk(n))\n", "", "1", "lease owners proof"},
	{"lease-proof-before-the-claim", "cluster/proof.go", "		last = max(last, e.disk.DecidedAt)\n", "", "1", "lease owners proof"},
	{"lease-proof-without-a-reading", "cluster/claim.go", "	return c == 0 || e.disk.From >= at && e.disk.Begun <= c\n", "	return c == c\n", "1", "lease owners proof"},
	{"claims-against-a-living-winner", "cluster/claim.go", "last.By != e.self && e.winnerIsGone(e.disk.Slot(last.By))", "last.By != e.self", "12", "lease owners proof touched liveness both"},
	{"claim-outlives-a-joint-view", "cluster/claim.go", "if p.Joint > d.Epoch {", "if p.Joint > d.Epoch && false {", "12", "lease owners proof both"},
	{"claim-of-a-superseded-instance-holds", "cluster/claim.go", " || disk.Begun > d.Instance {", " {", "12", "lease owners proof liveness"},
	{"lapsed-victory-speaks-for-the-next", "quorumdisk/tieproof.go", "t.last.Instance <= t.want.Lapsed", "t.want.Lapsed != 0", "12", "both owners proof"},
	{"winner-shoots-in-any-turn", "cluster/tie.go", "		return e.winnersTurn(at)\n", "		return at\n", "11", "both"},
	{"asker-that-gave-up-is-served", "cluster/install.go", "\te.dropStaleAsks(own.promises)\n", "", "22", "words"},
	{"winner-forgets-whose-turn-it-is", "cluster/tie.go", "Since: cmp.Or(e.tie.Since, e.lastLost(e.tieTargetsIn(v))), Unphased: e.tie.Unphased}", "}", "11", "both"},
	{"pill-for-a-former-boot-obeyed", "quorumdisk/pill.go", "p.Boot == boot && p.Incarnation <= incarnation && ", "", "17", "needless liveness"},
	{"pill-obeyed-after-admission", "quorumdisk/pill.go", " && p.Epoch > admitted", "", "17", "needless liveness"},
	{"pill-taken-for-a-proof", "cluster/pills.go", "p.Epoch, p.Lives = e.view.Epoch, append(p.Lives, life)\n", "p.Epoch, p.Lives = e.view.Epoch, append(p.Lives, life)\n\t\t\te.proven(Clean{Node: n, Life: life, Proof: ProofPowerOff, Epoch: e.view.Epoch})\n", "section 9", "proof owners"},
	{"winner-still-before-it-won", "cluster/claim.go", "s.Still && s.Read >= e.disk.DecidedAt+wire.Instant(e.cfg.Disks[0].Dead)", "s.Still", "12", "both"},
	{"left-mark-trusted-at-a-start", "cluster/claim.go", "case s.Left && e.admitted && ", "case s.Left && ", "17", "proof owners"},
	{"stuck-member-shot-out-of-turn", "cluster/fencing.go", "if e.peer(n).lost == 0 {", "if true {", "11", "both"},
	{"word-not-noted-on-the-disk", "cluster/change.go", "\tcase !e.onDisks(c):\n", "\tcase false:\n", "22", "words"},
	{"words-ahead-on-the-disk-ignored", "cluster/noted.go", " && !newest.Less(s.Words)", "", "22", "words"},
	{"words-read-before-the-proof", "cluster/noted.go", "s.Read >= e.peer(c.Node).cleanSince", "s.Read != 0", "22", "words"},
	{"forgetful-node-has-caught-up", "cluster/noted.go", "\t\tif p.Fresh {\n", "\t\tif false {\n", "15", "words"},
	{"living-node-has-caught-up", "cluster/noted.go", "c.Proof == ProofLeft && s.Incarnation == c.Life.Incarnation", "c.Proof == ProofLeft || c.Proof == ProofNewBoot", "3", "owners proof views"},
	{"noted-by-half-of-the-disks", "quorumdisk/desk.go", "return named[len(named)-Majority(len(named))]", "return named[len(named)-1]", "22", "words"},
	{"disk-joins-for-half", "cluster/join.go", " && e.view.Verdict.Claim == 0 && ", " && ", "12", "owners"},
	{"old-stamp-counts", "quorumdisk/stamps.go", "	if slot.Newer(s.known[i]) {\n", "	if slot != s.known[i] {\n", "7", "lease owners proof touched liveness"},
	{"still-while-the-disk-is-lost", "heartbeat/disk.go", "Still: still && good", "Still: still || !good", "12", "lease owners proof touched liveness both"},
	{"decided-before-it-is-read", "quorumdisk/tieio.go", "		case !k.done:\n			return read\n		}\n	case resting:", "		case !k.done && t.phase == preparing:\n			return read\n		}\n	case resting:", "9", "lease owners proof liveness both"},
	{"majority-of-one-disk", "quorumdisk/header.go", "return disks/2 + 1", "return 1", "9", "lease owners proof liveness both"},
	{"echo-counts-outside-its-view", "heartbeat/grants.go", "if inside != 0 && inside == h.granted() && sent > p.echoed {", "if sent > p.echoed {", "2", "owners proof lease"},
	{"lease-counts-from-the-receipt", "heartbeat/grants.go", "p.echoed = sent", "p.echoed = h.now", "section 9", "owners proof lease"},
	{"lease-renewed-by-one", "heartbeat/lease.go", "if votes += e.votes; votes >= v.Needed {", "if votes += e.votes; true {", "section 9", "owners proof lease"},
	{"permitted-without-a-lease", "heartbeat/grants.go", "p.Epoch == h.granted() && lease &&", "p.Epoch == h.granted() && (lease || true) &&", "4", "owners proof lease"},
	{"no-reset-at-the-lease-end", "heartbeat/lease.go", "if h.grants.mayRun {", "if false {", "5", "lease owners proof"},
	{"petted-whatever-is-so", "heartbeat/pet.go", "return !h.dog.resetting && (h.grants.idle || h.lease.State != wire.LeaseOver)", "return true", "5", "lease owners proof"},
	{"permitted-without-a-watchdog", "heartbeat/grants.go", " && (h.hasDog() || !h.wantsDog())", "", "4", "lease owners proof"},
	{"no-reset-after-a-late-return", "heartbeat/grants.go", "if !exempt && r.MayRun && h.now >= h.lease.Until {", "if false {", "5", "lease owners proof"},
	{"lease-not-kept-over-a-restart", "heartbeat/grants.go", "h.lease.Until = min(r.LeaseUntil, h.now+h.leaseTime)", "h.lease.Until = h.now + h.leaseTime", "5", "lease owners proof"},
	{"judged-before-drained", "heartbeat/step.go", "drained && rested {", "drained || rested || true {", "section 7", "touched needless both liveness"},
	{"own-sleep-held-against-others", "heartbeat/detector.go", "from := heard + d.Slept(heard) + d.excused[n]", "from := heard", "section 7", "touched needless both"},
	{"recordings-believed", "wire/replay.go", "if counter <= s.on[path] {", "if false {", "section 7", "ghost owners proof liveness touched views"},
	{"hello-believed-without-a-challenge", "heartbeat/greet.go", "\tif g.Fresh {", "\tif true {", "section 7", "ghost owners proof liveness touched"},
}
