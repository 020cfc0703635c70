package cluster

import (
	"locum/cluster/plan"
	"locum/config"
	"locum/wire"
)

// Engine is one node's deciding state. It is a plain value: no clock, lock or channel in it.
type Engine struct {
	cfg   *config.Config
	print string     // the file's fingerprint
	file  plan.Input // what it says of where services shall run
	self  wire.Node

	// Given by the heart and the state directory.
	now      wire.Instant
	started  bool
	welcome  wire.Welcome
	durable  Durable // as it is on disk, or on its way there
	storing  storing
	lease    wire.Lease
	watchdog wire.Watchdog
	peers    []peer // by node number; the place of this node is unused

	// What is agreed.
	view      View         // the newest installed view, zero if none
	viewSince wire.Instant // when it came into force here
	inView    bool         // this engine was in a view, not only one before it
	promised  wire.Epoch   // the highest epoch promised; the view is obeyed only while it is the newest promise
	admitted  bool         // this boot has been in a quorate view, or resumed one
	intents   Intents
	prepared  string // a file that is being applied and not in force yet, "" if there is none
	coming    comingFile
	gaveUp    *wire.Revision // of the newest file of which this node knows that it is in force nowhere
	clean     []Clean        // in order of node number
	strays    []Stray
	known     []wire.Life
	former    []wire.Life // what was known when this engine began
	doubted   wire.Nodes  // whose power switches said off while they lived, and were not tried since

	// What is under way.
	election election
	shots    []shot
	readings []reading
	ceased   wire.Epoch // the heart confirmed that it grants nothing below
	lead     leadership
	pace     pace
	services []local // this node's part of each service, in file order
	serial   uint64  // of the newest orders obeyed
	// instructed: orders came, or the lease is over. Until then what a predecessor left running is not touched.
	instructed bool
	leaving    leaving
	asks       []ask
	told       Report // the last report given
	idle       bool   // what the heart was last told
	lastID     uint64
	issued     uint64 // the highest count of a version of the intents made here
	board      Board  // the newest word of the leader
	wake       wire.Instant
	clock      int // minutes after midnight, negative while unknown
	held       []hold
	tie        tieState
	disk       wire.Disk
	words      wire.Revision // of the operators: what the heart was last told to note on it
	pills      wire.Pills    // on it, likewise
	wants      wire.Want     // of the disk: what the heart was last told
	joining    joining
	keying     keying
	reseals    bool   // what the heart was last told
	resealWord uint64 // the number of that word
	quiet      []quiet
	apart      apart
	voteless   wire.Nodes // of the view that this node leads: votelessIn
	health     health

	adopting bool // a new file is about to take effect
	again    bool // a fact changed without an action: derive once more
	out      []Action
}

// peer is what this node knows of another.
type peer struct {
	wire.Peer
	since      wire.Instant     // when State last changed
	lost       wire.Instant     // since when not both of us hear the other, 0 if both do or never did
	lostBefore wire.Instant     // lost since before this engine was started, nobody knows since when: by then at the latest; 0 if it is not so
	engineDown wire.Instant     // since when the heart is up without its engine; 0 if it is not so
	leaves     bool             // it said that it is leaving
	gone       bool             // it said that it has left
	misfit     wire.Life        // the life whose file differs from ours
	mute       mute             // that it has left a proposal of this node unanswered
	memberAt   wire.Epoch       // the newest view known to have had it as a member
	memberLife wire.Incarnation // the newest life in which it is known to have been one
	lostBy     []lostBy         // who else has lost it
	compared   wire.Life        // the life that has said which moves it has counted
	denied     Clean            // the newest proof that it contradicted by being heard
	proven     provenNote
	voted      voted
	endSeen    wire.Instant     // when it was seen there first that its former boot, or the life that has written it, had ended
	spent      wire.Incarnation // whose mark on the quorum disk, that it has left, proves nothing any more: it may be back since, without the disk
	counts     countsAgain
	off        offWord
	words      wire.Revision // of the operators: what its slot on the quorum disk named last
	copied     copied
}

// New makes the engine of one node. Its first event must be Started.
func New(cfg *config.Config, self wire.Node) *Engine {
	e := &Engine{cfg: cfg, print: fingerprint(cfg), file: plan.Of(cfg), self: self, peers: make([]peer, wire.MaxNodes+1), words: wire.Unknown, clock: -1}
	for _, c := range cfg.Nodes {
		e.peer(c.Number).Node = c.Number
	}
	for i := range cfg.Services {
		e.services = append(e.services, newLocal(&cfg.Services[i], i))
	}
	e.health.gauges = make([]gauge, len(cfg.Limits))
	return e
}

// Step takes one event at one instant and returns what has to be done about it. Instants must not run backwards.
func (e *Engine) Step(now wire.Instant, ev Event) []Action {
	e.now, e.out = now, nil
	e.take(ev)
	if e.started {
		e.advance()
		e.setWake()
	}
	return e.out
}

// take turns one event into facts.
func (e *Engine) take(ev Event) {
	switch ev := ev.(type) {
	case Started:
		e.start(ev)
	case PeerChanged:
		e.peerChanged(ev.Peer)
	case MessageArrived:
		e.messageArrived(ev)
	case MessageEnded:
		e.messageEnded(ev)
	case LeaseChanged:
		e.leaseChanged(ev.Lease)
	case DiskChanged:
		e.diskChanged(ev.Disk)
	case WatchdogChanged:
		e.watchdog = ev.Watchdog
	case Ceased:
		e.ceased = max(e.ceased, ev.Below)
	case Permitted:
		e.permitted(ev)
	case OpEnded:
		e.opEnded(ev)
	case Watched:
		e.watched(ev)
	case Contested:
		e.contested(ev)
	case ShotEnded:
		e.shotEnded(ev)
	case DiskJoined:
		e.diskJoined(ev)
	case PowerRead:
		e.powerRead(ev)
	case KeysRead:
		e.keysRead(ev)
	case Stored:
		e.stored(ev)
	case Asked:
		e.asked(ev)
	case Sampled:
		e.sampled(ev)
	case Leaving:
		e.startLeaving()
	case Clock:
		e.clock = ev.Minute
	case Tick:
		e.wake = 0
	}
}

// maxRounds bounds the derivation: each round derives at least one new fact, and their number is finite.
const maxRounds = 16

// advance derives what has to be done until nothing new follows.
func (e *Engine) advance() {
	for range maxRounds {
		before := len(e.out)
		e.again = false
		e.doubtSwitches()
		e.noteClean()
		e.noteTogether()
		e.judgeHealth()
		e.elect()
		e.givePromise()
		e.installIfPromised()
		e.contend()
		e.joinDisk()
		e.resealRest()
		e.direct()
		e.proveByLease()
		e.fencing()
		e.sendPills()
		e.listen()
		e.driveServices()
		e.report()
		e.relayHealth()
		e.compareDisks()
		e.serveAsks()
		e.proceedLeaving()
		e.save()
		e.noteWords()
		if len(e.out) == before && !e.again {
			break
		}
	}
	e.tellIdle() // after what others wait for
	e.showBoard()
}

// obeyed reports whether the installed view is in force here: no newer epoch has been promised.
func (e *Engine) obeyed() bool { return e.view.Epoch != 0 && e.view.Epoch == e.promised }

// leads reports whether this node leads the view in force.
func (e *Engine) leads() bool { return e.obeyed() && e.view.Leader == e.self }

func (e *Engine) do(a Action) { e.out = append(e.out, a) }

func (e *Engine) tell(h History) { e.do(Tell{h}) }

func (e *Engine) nextID() uint64 {
	e.lastID++
	return e.lastID
}

func (e *Engine) name(n wire.Node) string { return nodeName(e.cfg, n) }

// myLife names this node as promises and sessions do.
func (e *Engine) myLife() wire.Life {
	w := e.welcome
	return wire.Life{Node: e.self, Boot: w.Boot, Machine: w.Machine, Incarnation: w.Incarnation, EngineStart: w.EngineStart}
}

// lifeOf names another node as its beats do.
func (e *Engine) lifeOf(n wire.Node) wire.Life {
	if n == e.self {
		return e.myLife()
	}
	p := e.peer(n)
	return wire.Life{Node: n, Boot: p.Boot, Machine: p.Machine, Incarnation: p.Incarnation, EngineStart: p.EngineStart}
}

// peer finds what is known of a node; of a number that no file can have nothing is.
func (e *Engine) peer(n wire.Node) *peer {
	if int(n) >= len(e.peers) {
		return &peer{}
	}
	return &e.peers[n]
}

// alive reports whether the heart hears the node.
func (e *Engine) alive(n wire.Node) bool {
	return n == e.self || e.peer(n).State == wire.PeerUp || e.peer(n).State == wire.PeerLate
}

// send sends a message to another node, or hands it straight to this one.
func (e *Engine) send(to wire.Node, m Message) uint64 {
	id := e.nextID()
	if to == e.self {
		e.messageArrived(MessageArrived{From: e.self, Life: e.myLife(), Body: m})
		return id
	}
	e.do(Send{ID: id, To: to, Body: m})
	return id
}

func (e *Engine) messageArrived(ev MessageArrived) {
	m := ev.Body
	switch {
	case m.Propose != nil:
		e.proposed(ev.From, *m.Propose)
	case m.Promise != nil:
		e.promisedBy(ev.From, *m.Promise)
	case m.Refuse != nil:
		e.refusedBy(ev.From, *m.Refuse)
	case m.Install != nil:
		e.installed(ev.From, *m.Install)
	case m.Orders != nil:
		e.ordered(ev.From, *m.Orders)
	case m.Report != nil:
		if e.leads() && m.Report.Epoch == e.view.Epoch && e.view.Members.Has(ev.From) {
			e.noteHealth(ev.From, e.view.Epoch, m.Report.Health)
		}
		e.reportedBy(ev.From, *m.Report)
	case m.Replicate != nil:
		e.replicated(ev.From, *m.Replicate)
	case m.Accept != nil:
		e.acceptedBy(ev.From, *m.Accept)
	case m.Request != nil:
		e.requestedBy(ev.From, *m.Request)
	case m.Reply != nil:
		e.repliedBy(*m.Reply)
	case m.Leave != nil:
		e.leaveSaidBy(ev.From, *m.Leave)
	case m.Health != nil:
		e.healthSaidBy(ev.From, *m.Health)
	case m.File != nil:
		e.fileArrived(ev.From, *m.File)
	case m.Moved != nil:
		e.movedBy(ev.From, *m.Moved)
	case m.Moves != nil:
		e.movesSaid(ev.From, *m.Moves)
	case m.Disk != nil:
		e.diskSaidBy(ev.Life, *m.Disk)
	case m.Board != nil:
		e.boardArrived(ev.From, *m.Board)
	}
}
