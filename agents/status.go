package agents

import (
	"context"

	"github.com/godbus/dbus/v5"

	"locum/wire"
)

// status reads the unit's properties, both interfaces.
func (w *watcher) status(ctx context.Context) (unitStatus, error) {
	general, err := w.link.properties(ctx, w.path, unitIface)
	if err != nil {
		return unitStatus{}, err
	}
	kind := map[string]dbus.Variant{}
	if iface := kindIface(text(general["Id"])); iface != "" {
		if kind, err = w.link.properties(ctx, w.path, iface); err != nil {
			return unitStatus{}, err
		}
	}
	return parseStatus(general, kind), nil
}

// left lists the processes of a unit that is not active. systemd forgets the control group of a unit that it calls
// inactive, though KillMode=process may have left somebody in it: so it is looked for where it was.
func (w *watcher) left(ctx context.Context, s unitStatus) ([]process, error) {
	if !s.ended() {
		return nil, nil
	}
	group := s.Group
	if group == "" && s.Slice != "" {
		var slice dbus.ObjectPath
		if err := w.link.reply(ctx, &slice, "LoadUnit", s.Slice); err != nil {
			return nil, err
		}
		props, err := w.link.properties(ctx, slice, systemdName+".Slice")
		if err != nil {
			return nil, err
		}
		if parent := text(props["ControlGroup"]); parent != "" {
			group = parent + "/" + s.ID
		}
	}
	if group == "" {
		return nil, nil
	}
	return inGroups(systemGroups(group))
}

// stirs reports whether anything goes on of what the unit has started as a timer, a socket or a path does.
func (w *watcher) stirs(ctx context.Context, s unitStatus) (bool, error) {
	for _, name := range s.Triggers {
		t, err := w.other(ctx, name)
		if err != nil {
			return false, err
		}
		if t.state(false) != wire.StateStopped && t.Active != "failed" {
			return true, nil
		}
	}
	return false, nil
}

// finish waits until a job is over and gives its result, "" if that was not heard.
func (w *watcher) finish(ctx context.Context, job dbus.ObjectPath) (string, error) {
	for {
		if result, ended := w.jobEnded(job); ended {
			return result, nil
		}
		// The job may have ended before it was known by its path, and what was heard of it been dropped.
		var path dbus.ObjectPath
		err := w.link.reply(ctx, &path, "GetJob", jobNumber(job))
		if isError(err, systemdName+".NoSuchJob") {
			result, _ := w.jobEnded(job)
			return result, nil
		}
		if err != nil {
			return "", err
		}
		if err := w.wait(ctx); err != nil {
			return "", err
		}
	}
}

// settle waits until no job is pending and the unit is neither coming nor going.
func (w *watcher) settle(ctx context.Context) (unitStatus, error) {
	for {
		s, err := w.status(ctx)
		if err != nil {
			return s, err
		}
		if s.Job == 0 && s.state(false) != wire.StateUnknown && s.Active != "deactivating" {
			return s, nil
		}
		if err := w.wait(ctx); err != nil {
			return s, err
		}
	}
}
