package agents

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"locum/config"
)

// Refused says why a resource must not be started here: the system starts it by itself, at boot or on a connection, and
// would not ask the cluster (SAFETY 7).
type Refused struct{ Reason string }

// Error is the reason and what to do.
func (r *Refused) Error() string { return r.Reason }

// Refusal looks, changing nothing, for a reason why Start would refuse the resource on this node: nil if there is none,
// a *Refused if there is one (errors.As), another error if it could not be found out. Only units can be refused.
func Refusal(ctx context.Context, r config.Resource, sys *Systemd) error {
	if r.Type != "unit" || len(r.Args) != 1 {
		return nil
	}
	l, err := sys.connect(ctx)
	if err != nil {
		return named(r, "check", err)
	}
	w, err := l.watch(ctx, r.Args[0])
	if err != nil {
		return named(r, "check", err)
	}
	defer w.close()
	s, err := w.status(ctx)
	if err == nil {
		err = refuse(ctx, w, s)
	}
	return named(r, "check", err)
}

// refuse is the check itself.
func refuse(ctx context.Context, w *watcher, s unitStatus) error {
	if err := refusal(s); err != nil {
		return err
	}
	for _, trigger := range s.TriggeredBy {
		t, err := w.other(ctx, trigger)
		if err != nil {
			return err
		}
		if strings.HasPrefix(t.Enabled, "enabled") || t.Active == "active" {
			return refused("%s starts it by itself: systemctl disable --now %s", trigger, trigger)
		}
	}
	return refuseDrawn(ctx, w, s)
}

// refuseDrawn refuses a unit that another one draws along which the system starts by itself.
func refuseDrawn(ctx context.Context, w *watcher, s unitStatus) error {
	for _, by := range s.WantedBy {
		o, err := w.other(ctx, by)
		if err != nil {
			return err
		}
		var own *Refused
		if errors.As(refusal(o), &own) {
			return refused("%s wants it, and the system starts that by itself: systemctl disable %s", by, by)
		}
	}
	return nil
}

// refusal judges what systemd says of the unit alone.
func refusal(s unitStatus) error {
	switch {
	case s.Load == "not-found":
		return failed("there is no unit of that name on this node: install it, or correct the name")
	case s.Load == "masked":
		return failed("the unit is masked: systemctl unmask %s", s.ID)
	case s.Load != "loaded" && s.Load != "merged":
		return failed("systemd cannot load the unit (%s): see systemctl status %s", s.Load, s.ID)
	case s.Enabled == "enabled" || s.Enabled == "enabled-runtime":
		return refused("the unit is enabled, so the system starts it at boot without asking the cluster: systemctl disable %s", s.ID)
	}
	for _, by := range s.WantedBy {
		if strings.HasSuffix(by, ".target") {
			return refused("%s starts it by itself, without asking the cluster: systemctl disable %s, or remove it from %s",
				by, s.ID, by)
		}
	}
	return nil
}

func refused(format string, args ...any) error {
	return &failure{&Refused{Reason: fmt.Sprintf(format, args...)}}
}

// other reads the status of another unit.
func (w *watcher) other(ctx context.Context, name string) (unitStatus, error) {
	o := &watcher{link: w.link}
	if err := w.link.reply(ctx, &o.path, "LoadUnit", name); err != nil {
		return unitStatus{}, err
	}
	return o.status(ctx)
}
