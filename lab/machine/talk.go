package machine

import (
	"encoding/json"
	"errors"
	"net"
	"sync"
	"time"
)

// askPatience is how long a machine may take to do what it is asked for.
const askPatience = 60 * time.Second

// talk is the line to a machine's first process: questions and answers as JSON, guest/talk.go is its other end.
type talk struct {
	conn net.Conn
	mu   sync.Mutex
	last int
	asks map[int]chan reply
	born int             // how often it has booted
	wait []chan struct{} // each is closed at that boot
}

type reply struct {
	ID     int    `json:"id"`
	Text   string `json:"text"`
	Failed string `json:"failed"`
}

// errReset is the answer of a machine that has booted anew meanwhile.
var errReset = errors.New("the machine was reset")

func newTalk(c net.Conn) *talk {
	t := &talk{conn: c, asks: map[int]chan reply{}}
	go t.listen()
	return t
}

func (t *talk) listen() {
	for d := json.NewDecoder(t.conn); ; {
		var r reply
		if err := d.Decode(&r); err != nil {
			return
		}
		t.mu.Lock()
		if r.ID == 0 {
			t.hasBooted()
		} else if asked := t.asks[r.ID]; asked != nil {
			asked <- r
			delete(t.asks, r.ID)
		}
		t.mu.Unlock()
	}
}

// hasBooted ends all that a former boot was asked; the lock is held.
func (t *talk) hasBooted() {
	t.born++
	for id, asked := range t.asks {
		asked <- reply{Failed: errReset.Error()}
		delete(t.asks, id)
	}
	if t.born <= len(t.wait) {
		close(t.wait[t.born-1])
	}
}

// booted gives a channel that is closed once the machine has booted so often.
func (t *talk) booted(count int) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.wait) < count {
		c := make(chan struct{})
		if t.wait = append(t.wait, c); len(t.wait) <= t.born {
			close(c)
		}
	}
	return t.wait[count-1]
}

func (t *talk) boots() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.born
}

func (t *talk) ask(do string, args []string) (string, error) {
	t.mu.Lock()
	t.last++
	id, asked := t.last, make(chan reply, 1)
	t.asks[id] = asked
	t.mu.Unlock()
	text, err := json.Marshal(map[string]any{"id": id, "do": do, "args": args})
	if err != nil {
		return "", err
	}
	if _, err := t.conn.Write(append(text, '\n')); err != nil {
		return "", err
	}
	select {
	case r := <-asked:
		if r.Failed != "" {
			return r.Text, errors.New(r.Failed)
		}
		return r.Text, nil
	case <-time.After(askPatience):
		return "", errors.New("no answer")
	}
}

// Close ends the line.
func (t *talk) Close() error {
	if t == nil {
		return nil
	}
	return t.conn.Close()
}
