package agents

import (
	"context"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"locum/config"
	"locum/wire"
)

// transientProperty is one (sv) of StartTransientUnit, transientCommand one (sasb) of ExecStart, transientAux one
// (sa(sv)) of the units that are made together with it: there are none. See org.freedesktop.systemd1(5).
type (
	transientProperty struct {
		Name  string
		Value dbus.Variant
	}
	transientCommand struct {
		Path    string
		Args    []string
		Unclean bool // an exit status other than 0 is a success
	}
	transientAux struct {
		Name       string
		Properties []transientProperty
	}
)

// newTransient makes the agent of a process that systemd keeps: a unit that exists from start to stop.
func newTransient(r config.Resource, sys *Systemd) *unit {
	u := &unit{resource: r, name: "locum-" + processName(r) + ".service", sys: sys}
	u.allow = func(context.Context, *watcher, unitStatus) error { return nil }
	u.begin = u.beginTransient
	return u
}

func (u *unit) beginTransient(ctx context.Context, w *watcher) (job dbus.ObjectPath, err error) {
	// What is left of an earlier run that failed is in the way of the new unit.
	s, err := w.status(ctx)
	if err != nil {
		return "", err
	}
	if s.state(false) != wire.StateStopped {
		if err := u.stop(ctx); err != nil {
			return "", err
		}
	}
	err = w.link.reply(ctx, &job, "StartTransientUnit", u.name, "replace", u.properties(), []transientAux{})
	return job, err
}

// properties describe the unit: systemd.exec(5), systemd.kill(5). The start is done when the command was executed.
func (u *unit) properties() []transientProperty {
	r := u.resource
	list := []transientProperty{
		property("Description", "locum: "+r.ID()),
		property("Type", "exec"),
		property("ExecStart", []transientCommand{{Path: r.Args[0], Args: unexpanded(r.Args)}}),
		property("KillMode", "control-group"),
		property("Restart", "no"),
	}
	if r.Stop > 0 {
		list = append(list, property("TimeoutStopUSec", uint64(r.Stop*3/4/time.Microsecond)))
	}
	if user := r.Keys["user"]; user != "" {
		list = append(list, property("User", user))
	}
	if dir := r.Keys["dir"]; dir != "" {
		list = append(list, property("WorkingDirectory", dir))
	}
	return list
}

// unexpanded keeps systemd from putting its variables into the words: "$$" is a plain "$" to it (systemd.service(5)).
func unexpanded(args []string) []string {
	plain := make([]string, len(args))
	for i, arg := range args {
		plain[i] = strings.ReplaceAll(arg, "$", "$$")
	}
	return plain
}

func property(name string, value any) transientProperty {
	return transientProperty{Name: name, Value: dbus.MakeVariant(value)}
}
