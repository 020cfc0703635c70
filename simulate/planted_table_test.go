package simulate

// planted is a fault that a test puts into the deciding code, by compiling with one file changed.
type planted struct {
	name   string
	file   string // below the module
	before string // stands in the file exactly once
	after  string
	safety string // the schedule of the safety rules that it opens again, "" none in particular
	caught string // the checkers that should find it, in words of class, separated by blanks
}

var plants = []planted{
	{"promise-given-twice", "cluster/promise.go", "case p.Epoch <= e.promised:", "case p.Epoch < e.promised:", "static majority", "views owners proof"},
	{"ceiling-forgotten", "cluster/engine.go", "e.promised = ev.Durable.Ceiling", "e.promised = 0", "10", "views owners proof liveness"},
	{"cease-not-awaited", "cluster/promise.go", "!alone && e.ceased < p.epoch", "!alone && false", "2", "owners proof lease"},
	{"older-orders-obeyed", "cluster/promise.go", "\te.forgetOrders()\n", "", "4", "owners proof"},
	{"start-after-the-last-word", "cluster/local.go", " && !e.leaving.done", "", "17", "owners proof"},
	{"unknown-taken-for-done", "cluster/fencing.go", "if ev.Outcome == wire.OutcomeDone {", "if ev.Outcome != wire.OutcomeFailed {", "13", "owners proof"},
	{"failed-shot-taken-for-done", "cluster/fencing.go", "if ev.Outcome == wire.OutcomeDone {", "if true {", "13", "owners proof"},
	{"stale-end-accepted", "cluster/local.go", "r.op == ev.ID && ev.ID != 0", "r.op != 0", "4", "owners proof liveness"},
	{"failed-stop-ignored", "cluster/local.go", "r.state, r.verify = wire.StateUnknown, true\n", "r.state, r.probed = wire.StateStopped, true\n", "section 12", "owners proof"},
	{"hanging-stop-ignored", "cluster/local.go", "\t\tr.verify = true\n\t\te.getStuck(s, i)\n\tcase ev.Outcome == wire.OutcomeDone:", "\t\tr.op, r.state = 0, wire.StateStopped\n\tcase ev.Outcome == wire.OutcomeDone:", "section 12", "owners proof"},
	{"hanging-start-forgotten", "cluster/local.go", "r.endBy, r.verify = 0, true\n", "r.endBy, r.op, r.state = 0, 0, wire.StateStopped\n\t\t\tcontinue\n", "4", "owners proof"},
	{"new-incarnation-taken-for-new-boot", "cluster/membership.go", "if life.Boot != k.Boot && life.Machine == k.Machine {", "if life.Machine == k.Machine {", "7", "owners proof touched"},
	{"new-boot-trusted-while-it-runs-something", "cluster/orders.go", "return e.peer(c.Node).Idle", "return true", "7", "owners proof"},
	{"void-proof-kept", "cluster/membership.go", "\te.unproven(n)\n", "", "17", "owners proof needless"},
	{"proof-kept-after-admission", "cluster/promise.go", "return c.Epoch < p.memberAt || c.Life.Incarnation < p.memberLife", "return false", "17", "owners proof views"},
	{"tie-broken-by-both", "cluster/tie.go", "return mine.First() < others.First()", "return true", "11", "both"},
	{"second-side-does-not-wait", "cluster/tie.go", "\tcase e.shootsFirst():\n\t\treturn 0\n\t}\n\treturn delay\n}", "\t}\n\treturn 0\n}", "11", "both"},
	{"majority-of-one", "cluster/quorum.go", "v.Quorate = 2*v.Have > v.Total", "v.Quorate = 2*v.Have >= v.Total", "section 9", "views owners proof"},
	{"absent-never-counted", "cluster/quorum.go", "counted &^= absent & freed", "counted &^= absent", "section 9", "views owners proof"},
	{"vote-freed-by-a-lease", "cluster/clean.go", "return p == ProofPowerOff ||", "return p == ProofLease || p == ProofPowerOff ||", "3", "views owners proof"},
	{"new-boot-votes", "cluster/quorum.go", "votes := p.Admitted || cold", "votes := p.Admitted || cold || true", "3", "views owners proof needless"},
	{"acknowledged-before-it-is-held", "cluster/change.go", "case c.accepted != e.view.Members:", "case c.accepted == 0:", "22", "words"},
	{"acknowledged-before-it-is-durable", "cluster/change.go", "r == nil || ok && e.durable.Intents.Version.Less(r.Intents.Version)", "r == nil", "22", "words"},
	{"words-forgotten-at-a-restart", "cluster/engine.go", "\te.intents = ev.Durable.Intents\n", "", "22", "words"},
	{"starting-taken-for-stopped", "cluster/orders.go", "if r := m.on(s.Name); r.Phase != PhaseStopped ||", "if r := m.on(s.Name); r.Phase == PhaseRunning ||", "4", "owners proof"},
	{"answer-to-older-orders-taken", "cluster/orders.go", "m.seen < m.sent.Serial || slices.Contains(m.sent.Run, s.Name) {\n\t\t\t\tif r.Phase", "slices.Contains(m.sent.Run, s.Name) {\n\t\t\t\tif r.Phase", "4", "owners proof"},
	{"absent-taken-for-quiet", "cluster/orders.go", "case !pathSet(s).Has(n) || e.knownQuiet(n, s.Name):", "case true:", "section 9", "owners proof"},
	{"quiet-remembered-across-leaders", "cluster/proof.go", "\t\te.quiet = nil\n", "", "4", "owners proof"},
	{"lease-proof-without-a-lease", "cluster/proof.go", "if !p.ObeysLease || !p.Armed || !e.trustsWatchdog(n) {", "if false {", "8", "owners proof"},
	{"lease-proof-too-early", "cluster/proof.go", "wire.Instant(total+total/drift)", "wire.Instant(total/3)", "1", "owners proof"},
	{"leave-announced-taken-for-left", "cluster/leave.go", "\tif !w.Stopped {\n\t\treturn\n\t}\n", "", "17", "owners proof"},
	{"leaves-without-looking", "cluster/leave.go", "if s := &e.services[i]; s.ordered || s.phase(e) != PhaseStopped {", "if s := &e.services[i]; s.ordered && false {", "17", "owners proof"},
	{"runs-on-past-half-a-lease", "cluster/local.go", "return e.lease.State == wire.LeaseOver || e.lease.State == wire.LeaseHalf", "return false", "section 9", "owners proof lease liveness"},
	{"prepared-permit-outlives-its-view", "cluster/prepare.go", "return g.given && g.epoch == e.view.Epoch && e.now < g.until", "return g.given", "4", "owners proof lease"},
	{"late-shot-hits", "cluster/fencing.go", "case !e.obeyed() || s.epoch != e.view.Epoch:", "case false:", "17", "needless both owners liveness"},
	{"admitted-while-a-shot-flies", "cluster/membership.go", "|| e.shotInFlight(n) && !member {", "{", "17", "needless liveness touched"},
	{"unheard-proposer-forgotten", "cluster/membership.go", "epoch := max(e.promised, el.highest) + 1", "epoch := e.promised + 1", "12", "liveness touched"},
	{"promises-to-anybody", "cluster/promise.go", "case from != e.self && e.wholeView() && from != e.view.Leader && !e.better(p):", "case false:", "20", "touched liveness needless"},
	{"proof-of-an-older-life-kept", "cluster/promise.go", "|| c.Life.Incarnation < p.memberLife", "", "17", "owners proof"},
	{"membership-forgotten-with-the-engine", "cluster/engine.go", "\te.noteMembers(v)\n", "", "17", "owners proof"},
	{"quiet-remembered-across-views", "cluster/proof.go", "q.epoch >= e.peer(n).memberAt && ", "", "4", "owners proof"},
	{"cold-start-by-a-majority-with-dynamic-votes", "cluster/quorum.go", "most := !cfg.Quorum.Dynamic && ", "most := ", "22", "words"},
	{"first-by-the-view-of-one-side", "cluster/tie.go", "if mine == 0 || others == 0 {", "if true {", "11", "both"},
	{"retries-in-step", "cluster/fencing.go", "if e.tied() && !s.byHand {", "if false {", "11", "both"},
	{"votes-moved-at-once", "cluster/change.go", "if votesMoved(e.cfg, next) > 1 {", "if false {", "8", "owners proof"},
	{"quick-retries-counted", "cluster/membership.go", "\tel.attempts-- //", "\t//", "21", "touched"},
	{"older-file-kept", "cluster/file.go", "\te.send(n, Message{File: &File{Text: e.cfg.Text}})\n", "", "8", "liveness"},
	{"hearing-need-not-be-mutual", "cluster/membership.go", "return half(a, b) && half(b, a)", "return half(a, b)", "20", "liveness touched"},
	{"echo-counts-outside-its-view", "heartbeat/grants.go", "if inside != 0 && inside == h.granted() && sent > p.echoed {", "if sent > p.echoed {", "2", "owners proof lease"},
	{"lease-counts-from-the-receipt", "heartbeat/grants.go", "p.echoed = sent", "p.echoed = h.now", "section 9", "owners proof lease"},
	{"lease-renewed-by-one", "heartbeat/lease.go", "if votes >= v.Needed {", "if true {", "section 9", "owners proof lease"},
	{"permitted-without-a-lease", "heartbeat/grants.go", "p.Epoch == h.granted() && lease &&", "p.Epoch == h.granted() && (lease || true) &&", "4", "owners proof lease"},
	{"no-reset-at-the-lease-end", "heartbeat/lease.go", "if h.grants.mayRun {", "if false {", "5", "lease owners proof"},
	{"no-reset-after-a-late-return", "heartbeat/grants.go", "if !exempt && r.MayRun && h.now >= h.lease.Until {", "if false {", "5", "lease owners proof"},
	{"lease-not-kept-over-a-restart", "heartbeat/grants.go", "h.lease.Until = min(r.LeaseUntil, h.now+h.leaseTime)", "h.lease.Until = h.now + h.leaseTime", "5", "lease owners proof"},
	{"judged-before-drained", "heartbeat/step.go", "drained && rested {", "drained || rested || true {", "section 7", "touched needless both liveness"},
	{"own-sleep-held-against-others", "heartbeat/detector.go", "from := heard + d.Slept(heard) + d.excused[n]", "from := heard", "section 7", "touched needless both"},
	{"recordings-believed", "wire/replay.go", "if counter <= s.on[path] {", "if false {", "section 7", "ghost owners proof liveness touched views"},
	{"hello-believed-without-a-challenge", "heartbeat/greet.go", "\tif g.Fresh {", "\tif true {", "section 7", "ghost owners proof liveness touched"},
}
