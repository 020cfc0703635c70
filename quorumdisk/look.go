package quorumdisk

import (
	"context"
	"time"

	"locum/wire"
)

// Sheet is what stands on a disk, for people and programs. Times are the writers' own.
type Sheet struct {
	Path       string      `json:"path"`
	Error      string      `json:"error,omitempty"` // why nothing else is here
	Cluster    string      `json:"cluster,omitempty"`
	Set        string      `json:"set,omitempty"`
	ID         string      `json:"id,omitempty"`
	Index      int         `json:"index,omitempty"` // from 1
	Disks      int         `json:"disks,omitempty"`
	Generation uint32      `json:"generation,omitempty"`
	Counts     bool        `json:"counts"` // false: it has not joined the set yet
	Room       int         `json:"room,omitempty"`
	MadeAt     *time.Time  `json:"made_at,omitempty"`
	Nodes      []NodeSheet `json:"nodes"`
	Pills      []PillSheet `json:"pills"`
	Unreadable []string    `json:"unreadable"`
}

// NodeSheet is what a node has written.
type NodeSheet struct {
	Node        wire.Node   `json:"node"`
	Unreadable  string      `json:"unreadable,omitempty"` // why its slot cannot be read
	Written     bool        `json:"written"`              // false: it has never written
	Rose        uint64      `json:"rose"`                 // by how much its stamp rose while it was looked at
	Life        uint32      `json:"life,omitempty"`
	Counter     uint64      `json:"counter,omitempty"`
	WroteAt     *time.Time  `json:"wrote_at,omitempty"`
	Boot        string      `json:"boot,omitempty"`
	Epoch       uint64      `json:"epoch,omitempty"`
	Running     bool        `json:"running"`
	LeftClean   bool        `json:"left_clean"`
	ObeysLease  bool        `json:"obeys_lease"`
	Armed       bool        `json:"armed"`
	EngineUp    bool        `json:"engine_up"`
	Quorate     bool        `json:"quorate"`
	Unadmitted  bool        `json:"unadmitted"`
	LeaseMS     uint32      `json:"lease_ms,omitempty"`
	WatchdogMS  uint32      `json:"watchdog_ms,omitempty"`
	IntentEpoch uint64      `json:"intent_epoch,omitempty"`
	IntentCount uint64      `json:"intent_count,omitempty"`
	Hears       []wire.Node `json:"hears"`
	Claim       *ClaimSheet `json:"claim,omitempty"`
}

// ClaimSheet is a node's part in the tie-break.
type ClaimSheet struct {
	Instance   uint64 `json:"instance"`
	Promised   uint64 `json:"promised"`           // the round of its ballot
	Accepted   uint64 `json:"accepted,omitempty"` // the round in which it proposed
	Decided    bool   `json:"decided"`
	Winner     string `json:"winner,omitempty"` // whom it proposed
	WinnerNode int    `json:"winner_node,omitempty"`
	Before     string `json:"before,omitempty"` // who won the instance before
}

// PillSheet is one pill.
type PillSheet struct {
	From    wire.Node  `json:"from"`
	To      wire.Node  `json:"to"`
	Boot    string     `json:"boot"`
	Life    uint32     `json:"life"`
	Epoch   uint64     `json:"epoch"`
	WroteAt *time.Time `json:"wrote_at,omitempty"`
}

// Survey reads a whole disk, and the slots a second time after a while, to see which of them move. What is wrong stands in the sheet.
func Survey(ctx context.Context, path string, seals Seals, timeout, watch time.Duration) Sheet {
	sheet := Sheet{Path: path, Nodes: []NodeSheet{}, Pills: []PillSheet{}, Unreadable: []string{}}
	if err := sheet.fill(ctx, seals, timeout, watch); err != nil {
		sheet.Error = err.Error()
	}
	return sheet
}

func (sh *Sheet) fill(ctx context.Context, seals Seals, timeout, watch time.Duration) error {
	s, err := OpenSession(ctx, sh.Path, true, timeout)
	if err != nil {
		return err
	}
	defer s.Close()
	h, err := s.Header(ctx, seals)
	if err != nil {
		return err
	}
	sh.Cluster, sh.Set, sh.ID, sh.Index, sh.Disks = h.Cluster, h.Set.String(), h.ID.String(), h.Index()+1, len(h.Disks)
	sh.Generation, sh.Counts, sh.Room, sh.MadeAt = h.Generation, h.Counts(), int(h.Nodes), moment(h.MadeAt*1000)
	first, err := s.Do(ctx, h.ReadSlots(0, wire.Node(h.Nodes)))
	if err != nil {
		return err
	}
	claims, err := s.Do(ctx, h.ReadClaims(0))
	if err != nil {
		return err
	}
	for n := wire.Node(1); h.Nodes.Has(n); n++ {
		mail, err := s.Do(ctx, h.ReadMail(0, n))
		if err != nil {
			return err
		}
		sh.mail(seals, h, n, mail)
	}
	select {
	case <-time.After(watch):
	case <-ctx.Done():
		return ctx.Err()
	}
	second, err := s.Do(ctx, h.ReadSlots(0, wire.Node(h.Nodes)))
	if err != nil {
		return err
	}
	before, err := seals.Slots(h, first)
	if err != nil {
		return err
	}
	after, err := seals.Slots(h, second)
	if err != nil {
		return err
	}
	for i := range after {
		sh.node(seals, h, wire.Node(i+1), before[i], after[i], claims)
	}
	return nil
}

func (sh *Sheet) mail(seals Seals, h Header, to wire.Node, data []byte) {
	pills, troubles := seals.Mail(h, to, data)
	for i, p := range pills {
		from := wire.Node(i + 1)
		switch {
		case troubles[i] != nil:
			sh.Unreadable = append(sh.Unreadable, "mailbox of node "+number(to)+" from node "+number(from)+": "+troubles[i].Error())
		case !p.IsZero():
			sh.Pills = append(sh.Pills, PillSheet{from, to, p.Boot.String(), uint32(p.Incarnation), uint64(p.Epoch), moment(p.WroteAt)})
		}
	}
}

func (sh *Sheet) node(seals Seals, h Header, n wire.Node, before, now Sight, claims []byte) {
	v := NodeSheet{Node: n, Hears: []wire.Node{}}
	s := now.Slot
	switch {
	case now.Err != nil:
		v.Unreadable = now.Err.Error()
	case s.Incarnation != 0:
		v.Written, v.Life, v.Counter, v.WroteAt, v.Boot, v.Epoch = true, uint32(s.Incarnation), s.Counter, moment(s.WroteAt), s.Boot.String(), uint64(s.Epoch)
		v.Running, v.LeftClean, v.ObeysLease = s.State.Has(Running), s.State.Has(LeftClean), s.State.Has(ObeysLease)
		v.Armed, v.EngineUp, v.Quorate, v.Unadmitted = s.State.Has(Armed), s.State.Has(EngineUp), s.State.Has(Quorate), s.State.Has(Unadmitted)
		v.LeaseMS, v.WatchdogMS = s.LeaseMS, s.WatchdogMS
		if s.Words != wire.Unknown {
			v.IntentEpoch, v.IntentCount = uint64(s.Words.Epoch), s.Words.Count
		}
		for other := range s.Hears.All {
			v.Hears = append(v.Hears, other)
		}
		if before.Err == nil && s.Incarnation == before.Slot.Incarnation {
			v.Rose = s.Counter - min(s.Counter, before.Slot.Counter)
		} else {
			v.Rose = s.Counter
		}
	}
	at := h.Nodes.Claim(n)
	c, err := seals.OpenClaim(h.ID, at, n, sectorOf(claims, at))
	switch {
	case err != nil:
		sh.Unreadable = append(sh.Unreadable, "claim of node "+number(n)+": "+err.Error())
	case c.Instance != 0:
		v.Claim = &ClaimSheet{Instance: c.Instance, Promised: c.Promised.round(), Accepted: c.Accepted.round(), Decided: c.Decided, WinnerNode: int(c.Value.Node)}
		if !c.Value.IsZero() {
			v.Claim.Winner = c.Value.String()
		}
		if !c.Before.IsZero() {
			v.Claim.Before = c.Before.String()
		}
	}
	if v.Written || v.Unreadable != "" || v.Claim != nil {
		sh.Nodes = append(sh.Nodes, v)
	}
}

// moment is a writer's clock as a time; nil if it wrote none.
func moment(milli uint64) *time.Time {
	if milli == 0 || milli > 1<<52 {
		return nil
	}
	t := time.UnixMilli(int64(milli)).UTC()
	return &t
}
