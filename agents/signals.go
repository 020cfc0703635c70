package agents

import "github.com/godbus/dbus/v5"

// DeliverSignal is called by godbus for each signal, in order, while it reads: it must never wait. A signal is only a
// reason to look; the one thing taken from its content is how a job ended.
func (l *link) DeliverSignal(iface, name string, signal *dbus.Signal) {
	switch iface + "." + name {
	case managerIface + ".JobRemoved":
		if job, unit, result, ok := parseJobRemoved(signal.Body); ok {
			l.jobRemoved(job, unit, result)
		}
	case busName + ".Properties.PropertiesChanged":
		l.changed(signal.Path)
	case busName + ".NameOwnerChanged":
		// Another systemd answers from now on, the same one that executed itself again: it may not know of our
		// subscription. Closing waits for this very goroutine's locks, hence not from here.
		if len(signal.Body) == 3 && signal.Body[0] == systemdName {
			go l.conn.Close()
		}
	}
}

// parseJobRemoved reads the body of JobRemoved: id, job, unit, result (org.freedesktop.systemd1(5)).
func parseJobRemoved(body []any) (job dbus.ObjectPath, unit, result string, ok bool) {
	if len(body) != 4 {
		return "", "", "", false
	}
	job, ok1 := body[1].(dbus.ObjectPath)
	unit, ok2 := body[2].(string)
	result, ok3 := body[3].(string)
	return job, unit, result, ok1 && ok2 && ok3
}

func (l *link) jobRemoved(job dbus.ObjectPath, unit, result string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := range l.watchers {
		w.jobRemoved(job, unit, result)
	}
}

func (w *watcher) jobRemoved(job dbus.ObjectPath, unit, result string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unit != unit {
		return
	}
	if len(w.removed) >= maxRemoved {
		clear(w.removed) // of jobs that were not ours; ours is asked for as soon as it is known
	}
	w.removed[job] = result
	w.poke()
}

func (l *link) changed(path dbus.ObjectPath) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := range l.watchers {
		if w.path == path {
			w.poke()
		}
	}
}
