package wire

// The records about the quorum disks. The heart does all that touches them; the engine learns what they show and says what it
// wants of their tie-break.

// Claim is an instance of the disks' tie-break that is decided: for which half of the votes.
type Claim struct {
	Instance    uint64      `json:"instance"` // counts up from 1; 0 is none
	Epoch       Epoch       `json:"epoch"`    // of the tied view that claimed it
	Members     Nodes       `json:"members"`  // whose votes are half of all
	By          Node        `json:"by"`       // the leader that claimed it
	Incarnation Incarnation `json:"incarnation"`
}

// Want is what a half wants of the tie-break, and what it can prove. The zero one wants nothing.
type Want struct {
	Epoch Epoch `json:"epoch"` // of the half's view
	Side  Nodes `json:"side"`  // whose votes are half of all
	// Common and Members are the newest view of more than half: a winner that was in it has taken the others back.
	Common  Epoch `json:"common"`
	Members Nodes `json:"members"`
	// Winner is who won last, and Gone the life in which it has stood still on the disks for their dead; 0 if it has not.
	Winner Node        `json:"winner"`
	Gone   Incarnation `json:"gone"`
	// Judged is the instance that it won then: against the winner of a later one Gone is no proof.
	Judged uint64 `json:"judged,omitempty"`
	// Lapsed is the newest instance whose winner is in this half and which counts no more, as that one knows itself; 0 none.
	Lapsed uint64 `json:"lapsed,omitempty"`
	Rank   int    `json:"rank"` // 0 for the more important half
}

// Pills are the nodes that a quorate view wants gone, for the mailboxes of the disks: each in the life that is known of it. A pill is
// no proof of anything; who obeys it is gone sooner.
type Pills struct {
	Epoch Epoch  `json:"epoch"` // of that view
	Lives []Life `json:"lives,omitempty"`
}

// Disk is what the quorum disks show to this node. It is sent when it changes, and after each round of writing and reading
// while a node is missing.
type Disk struct {
	// Good: in the newest round this node could write its slot and then read all slots, on a majority of the disks.
	Good bool `json:"good"`
	// From is when the newest round began that went so and also showed the tie-break, 0 if there was none: nobody had opened
	// a newer instance than Begun then.
	From Instant `json:"from"`
	// Begun is the newest instance that anybody has opened; Decided the newest one known to be decided, and DecidedAt when
	// this node learned that.
	Begun     uint64  `json:"begun"`
	Decided   Claim   `json:"decided"`
	DecidedAt Instant `json:"decided_at"`
	Slots     []Slot  `json:"slots,omitempty"` // of the others, in order of number
	Former    Epoch   `json:"former"`          // the highest epoch that former lives of this node had written into its slot
	Trouble   string  `json:"trouble,omitempty"`
	// Noted is the newest of the operators' words that this node's slot names on a majority of the disks.
	Noted Revision `json:"noted"`
	// Joins: one of the disks replaces another and does not count yet; the leader has to have it join.
	Joins bool `json:"joins,omitempty"`
	// Sealed: while two keys are accepted, every sector was seen to be sealed with the first, on a majority of the disks. Unsealed
	// is where that is not so, for people.
	Sealed   bool   `json:"sealed,omitempty"`
	Unsealed string `json:"unsealed,omitempty"`
	// Reseals: the heart may be sealing anew what no living node writes (Reseal).
	Reseals bool `json:"reseals,omitempty"`
	// Heeded is the number of the newest Reseal that the heart has taken; what it says of Reseals is from after that.
	Heeded uint64 `json:"heeded,omitempty"`
}

// Reseal has the heart seal the disks' sectors anew with the first key that no node of the file writes: the headers, and what is
// left of other nodes. Only a leader says so.
type Reseal struct {
	Rest   bool   `json:"rest"`
	Number uint64 `json:"number"` // counts up from 1 in one life of an engine
}

// Slot is what the disks show of another node.
type Slot struct {
	Node        Node        `json:"node"`
	Incarnation Incarnation `json:"incarnation"` // the newest life that has written it
	Boot        ID          `json:"boot"`        // its boot
	Machine     ID          `json:"machine"`
	Epoch       Epoch       `json:"epoch"`                // of the view that was in force there
	Idle        bool        `json:"idle"`                 // it says: nothing runs here
	Left        bool        `json:"left,omitempty"`       // its life has ended in order: nothing runs
	Unadmitted  bool        `json:"unadmitted,omitempty"` // it was in no quorum since its machine was booted
	// Words is the newest of the operators' words that it has durable, Unknown if it does not know.
	Words Revision `json:"words"`
	// Read is when the newest reads were issued that showed it, readable, on a majority of the disks; 0 never.
	Read Instant `json:"read"`
	// Busy is when it was last seen to move without saying that nothing runs, nor can before its view is another, on this node's clock; 0 never.
	Busy Instant `json:"busy"`
	// Moved is when it was last seen to move, whatever it said, on this node's clock; 0 never.
	Moved Instant `json:"moved"`
	// Wrote is since when at the earliest it can have been composed, on this node's clock; 0 if that is not known.
	Wrote Instant `json:"wrote,omitempty"`
	// Shared: it was seen to rise on a majority of the disks while this heart looked, so the node does use the same disks.
	Shared bool `json:"shared"`
	Still  bool `json:"still"` // it has not moved for the disks' dead
}

// Slot finds what the disks show of a node.
func (d Disk) Slot(n Node) Slot {
	for _, s := range d.Slots {
		if s.Node == n {
			return s
		}
	}
	return Slot{Node: n}
}
