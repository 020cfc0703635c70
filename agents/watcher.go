package agents

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// watcher is told of what happens to one unit.
type watcher struct {
	link *link
	path dbus.ObjectPath
	unit string
	wake chan struct{} // capacity 1: something changed since it was last read

	mu      sync.Mutex
	removed map[dbus.ObjectPath]string // jobs of this unit that ended, and how
}

// watch resolves a unit's name and has its changes told from now on; close ends that.
func (l *link) watch(ctx context.Context, unit string) (*watcher, error) {
	w := &watcher{link: l, wake: make(chan struct{}, 1), removed: make(map[dbus.ObjectPath]string)}
	if err := l.reply(ctx, &w.path, "LoadUnit", unit); err != nil {
		return nil, err
	}
	if !w.path.IsValid() || !strings.HasPrefix(string(w.path), systemdObject+"/unit/") {
		return nil, fmt.Errorf("systemd named the path %q for the unit %s", w.path, unit)
	}
	// On the private socket there is no bus that could filter, and systemd sends everything.
	if err := l.match(ctx, "AddMatch", w.path); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.watchers[w] = struct{}{}
	l.mu.Unlock()
	props, err := l.properties(ctx, w.path, unitIface)
	if err != nil {
		w.close()
		return nil, err
	}
	w.setName(text(props["Id"]))
	return w, nil
}

// match adds or removes the rule for one unit's changes; each rule counts as often as it was added.
func (l *link) match(ctx context.Context, method string, path dbus.ObjectPath) error {
	if !l.bus {
		return nil
	}
	rule := "type='signal',sender='" + systemdName + "',interface='" + busName + ".Properties',member='PropertiesChanged',path='" +
		string(path) + "'"
	return l.answered(ctx, l.conn.BusObject().CallWithContext(ctx, busName+"."+method, 0, rule), nil)
}

func (w *watcher) setName(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unit = id
}

// close ends the watching. The bus forgets a rule together with the connection, so that an error changes nothing.
func (w *watcher) close() {
	w.link.mu.Lock()
	delete(w.link.watchers, w)
	w.link.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	_ = w.link.match(ctx, "RemoveMatch", w.path)
}

// jobEnded says how a job of this unit ended, and whether it did.
func (w *watcher) jobEnded(job dbus.ObjectPath) (result string, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	result, ended = w.removed[job]
	return result, ended
}

func (w *watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// wait returns when something may have changed, with errLost when nothing more will be heard.
func (w *watcher) wait(ctx context.Context) error { return w.waitFor(ctx, nil) }

// waitFor is wait; it returns also when news is closed.
func (w *watcher) waitFor(ctx context.Context, news <-chan struct{}) error {
	select {
	case <-w.wake:
		return nil
	case <-news:
		return nil
	case <-w.link.conn.Context().Done():
		return errLost
	case <-ctx.Done():
		return ctx.Err()
	}
}
