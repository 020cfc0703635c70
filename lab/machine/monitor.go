package machine

import (
	"encoding/json"
	"errors"
	"net"
	"sync"
	"time"
)

// Event is something that QEMU says of a machine, and when the test heard it: WATCHDOG (it has bitten), RESET, SHUTDOWN.
type Event struct {
	Name string
	At   time.Time
}

// Events collects the events of a machine's monitor (QEMU's QMP).
type Events struct {
	conn net.Conn
	mu   sync.Mutex
	all  []Event
}

// dial connects to a socket that QEMU is about to make.
func (m *Machine) dial(file string) (net.Conn, error) {
	var err error
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		var c net.Conn
		if c, err = net.Dial("unix", m.path(file)); err == nil {
			return c, nil
		}
		select {
		case <-m.ended:
			return nil, errors.New("QEMU has ended")
		default:
		}
	}
	return nil, err
}

func watch(m *Machine) (*Events, error) {
	c, err := m.dial("monitor")
	if err != nil {
		return nil, err
	}
	e := &Events{conn: c}
	if _, err := c.Write([]byte(`{"execute":"qmp_capabilities"}`)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	go e.listen()
	return e, nil
}

// Tell has QEMU do something; what it answers is not waited for.
func (e *Events) Tell(execute string, arguments map[string]any) error {
	command := map[string]any{"execute": execute}
	if arguments != nil {
		command["arguments"] = arguments
	}
	return json.NewEncoder(e.conn).Encode(command)
}

func (e *Events) listen() {
	for d := json.NewDecoder(e.conn); ; {
		var said struct {
			Event string `json:"event"`
		}
		if err := d.Decode(&said); err != nil {
			return
		}
		if said.Event != "" {
			e.mu.Lock()
			e.all = append(e.all, Event{said.Event, time.Now()})
			e.mu.Unlock()
		}
	}
}

// Of gives the events of a name since an instant, in their order.
func (e *Events) Of(name string, since time.Time) (list []Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.all {
		if x.Name == name && !x.At.Before(since) {
			list = append(list, x)
		}
	}
	return list
}

// Close ends the collection.
func (e *Events) Close() error { return e.conn.Close() }
