package agents

import (
	"github.com/godbus/dbus/v5"

	"locum/wire"
)

// unitStatus is what systemd says of one unit at one moment.
type unitStatus struct {
	ID, Load, Active, Sub string
	Enabled               string // UnitFileState
	Job                   uint32 // 0: none is queued or under way
	Result                string // of the last run: success, exit-code, signal, timeout, …
	Group, Slice          string // ControlGroup and Slice, "" if there is none
	Unmet                 bool   // a condition of the unit did not hold when it was last started
	TriggeredBy, WantedBy []string
	Triggers              []string // what a timer, a socket or a path starts
}

// parseStatus reads the properties of a unit's general interface and of the one of its kind.
func parseStatus(general, kind map[string]dbus.Variant) unitStatus {
	s := unitStatus{
		ID: text(general["Id"]), Load: text(general["LoadState"]), Active: text(general["ActiveState"]),
		Sub: text(general["SubState"]), Enabled: text(general["UnitFileState"]), Job: jobID(general["Job"]),
		Result: text(kind["Result"]), Group: text(kind["ControlGroup"]), Slice: text(kind["Slice"]),
		TriggeredBy: texts(general["TriggeredBy"]), Triggers: texts(general["Triggers"]),
	}
	met, known := general["ConditionResult"].Value().(bool)
	when, _ := general["ConditionTimestamp"].Value().(uint64)
	s.Unmet = known && !met && when != 0
	for _, p := range []string{"WantedBy", "RequiredBy", "BoundBy", "UpheldBy"} {
		s.WantedBy = append(s.WantedBy, texts(general[p])...)
	}
	return s
}

// state says what a unit's states mean for its service. left: processes of it were found though it is not active.
//
// A job that is queued or under way counts as running: unknown, except that a unit which serves does so until its stop
// has begun, and of one that died, which systemd restarts by itself. "failed" covers what died and what systemd means to restart by itself: it does not serve, and whether it is
// started again, and where, is locum's to decide. What is going down though nobody asked has died.
func (s unitStatus) state(left bool) wire.State {
	pending := s.Job != 0
	switch s.Active {
	case "active", "reloading", "refreshing":
		return wire.StateRunning
	case "activating":
		if s.Sub == "auto-restart" || s.Sub == "auto-restart-queued" {
			return wire.StateFailed // also when systemd's own job is pending: with RestartSec=0 it always is
		}
		return wire.StateUnknown
	case "deactivating", "maintenance", "failed":
		return unless(pending, wire.StateFailed)
	case "inactive":
		if left || s.Sub == "dead-before-auto-restart" {
			return unless(pending, wire.StateFailed)
		}
		return unless(pending, wire.StateStopped)
	}
	return wire.StateUnknown
}

func unless(pending bool, s wire.State) wire.State {
	if pending {
		return wire.StateUnknown
	}
	return s
}

// ended reports whether the unit is at rest, with nothing under way.
func (s unitStatus) ended() bool {
	return s.Job == 0 && (s.Active == "failed" || s.Active == "inactive" && s.Sub != "dead-before-auto-restart")
}

// text is a property of type s, "" if it is missing or of another type.
func text(v dbus.Variant) string {
	s, _ := v.Value().(string)
	return s
}

func texts(v dbus.Variant) []string {
	s, _ := v.Value().([]string)
	return s
}

// jobID reads the property Job, (uo).
func jobID(v dbus.Variant) uint32 {
	pair, _ := v.Value().([]any)
	if len(pair) != 2 {
		return 0
	}
	id, _ := pair[0].(uint32)
	return id
}
