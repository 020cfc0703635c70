package cluster

import (
	"fmt"

	"locum/wire"
)

// EventOf turns a record from the heart into the event that it means. ok is false for a record that is none for the
// engine's Step: Ping, Paths and Welcome, which the process answers, shows or completes itself. An error is a message that
// cannot be read; it has to be acknowledged all the same, or its sender would repeat it for ever.
func EventOf(r wire.ToEngine) (ev Event, ok bool, err error) {
	switch {
	case r.Peer != nil:
		return PeerChanged{*r.Peer}, true, nil
	case r.Arrived != nil:
		m, err := Decode(r.Arrived.Payload)
		if err != nil {
			return nil, false, fmt.Errorf("from node %d: %w", r.Arrived.From, err)
		}
		return MessageArrived{From: r.Arrived.From, Life: r.Arrived.Life, Body: m}, true, nil
	case r.Fate != nil:
		return MessageEnded{ID: r.Fate.ID, To: r.Fate.To, Outcome: r.Fate.Outcome}, true, nil
	case r.Lease != nil:
		return LeaseChanged{*r.Lease}, true, nil
	case r.Disk != nil:
		return DiskChanged{*r.Disk}, true, nil
	case r.Watchdog != nil:
		return WatchdogChanged{*r.Watchdog}, true, nil
	case r.Permit != nil:
		return Permitted{ID: r.Permit.ID, OK: r.Permit.OK, Until: r.Permit.Until}, true, nil
	case r.Ceased != nil:
		return Ceased{Below: r.Ceased.Below}, true, nil
	case r.Leave != nil:
		return Leaving{}, true, nil
	}
	return nil, false, nil
}

// RecordOf turns an action into the record that carries it to the heart. ok is false for an action that is none for the
// heart. An error is a message that is too large to be sent.
func RecordOf(a Action) (r wire.ToHeart, ok bool, err error) {
	switch a := a.(type) {
	case Send:
		body, err := Encode(a.Body)
		if err != nil {
			return r, false, err
		}
		r.Send = &wire.Send{ID: a.ID, To: a.To, Payload: body}
	case SetView:
		r.View = &a.View
	case Cease:
		r.Cease = &wire.Ceased{Below: a.Below}
	case Permit:
		r.Permit = &wire.Permit{ID: a.ID, Epoch: a.Epoch}
	case Contend:
		r.Want = &a.Want
	case NoteWords:
		r.Words = &a.Words
	case SendPills:
		r.Pills = &a.Pills
	case ResealDisks:
		r.Reseal = &wire.Reseal{Rest: a.Rest, Number: a.Number}
	case SetIdle:
		r.Idle = &wire.Idle{Idle: a.Idle, Left: a.Left}
	case Left:
		r.Left = &wire.Leave{Clean: a.Clean}
	default:
		return r, false, nil
	}
	return r, true, nil
}
