package cluster

// Command is what an operator asks for, from the control socket of any node. Commands that change something are taken
// to the leader, made durable at the members, and only then answered; Result.Watch tells the console what to wait for.
type Command struct {
	// Verb: move, start, stop, restart, standby, online, maintenance, clear, fence, confirm, apply, why.
	Verb    string `json:"verb"`
	Service string `json:"service,omitempty"` // move, start, stop, restart, clear, maintenance, why
	Node    string `json:"node,omitempty"`    // move (optional), standby, online, clear, fence, confirm
	On      bool   `json:"on,omitempty"`      // maintenance
	Text    string `json:"text,omitempty"`    // apply: the new file
	By      string `json:"by,omitempty"`      // who asked, for the history
}

// Result is the answer to a command. Code is the exit status of section 6 of the design: 0 done, 1 failed, 2 wrong
// usage, 3 not quorate.
type Result struct {
	Code  int    `json:"code"`
	Text  string `json:"text"`            // what was done, or what was wrong and what to do
	Epoch uint64 `json:"epoch,omitempty"` // version of the intents that hold it
	Count uint64 `json:"count,omitempty"`
	// Why answers why: for each service that the name means.
	Why []ServiceWhy `json:"why,omitempty"`
}
