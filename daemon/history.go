package daemon

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"sync"
	"time"

	"locum/cluster"
	"locum/config"
	"locum/console"
)

// history is what happened on this node: a bounded file of JSON lines, the log, those who follow, and notify programs. It
// has a goroutine of its own, that nothing of this holds up a decision, and the file has another: the log and the programs have to
// tell people that a disk hangs.
type history struct {
	n     *engine
	queue chan func()
	file  *eventFile
	lines chan []byte // for the file

	mu        sync.Mutex
	followers map[uint64]bool // false: the past events are still to come

	// Of the goroutine.
	seq      uint64
	recent   []console.Event
	programs []*program
}

const (
	// maxHistory is the size at which the file is put aside as .old, in bytes.
	maxHistory = 1 << 20
	// shownEvents is how many past events a client gets.
	shownEvents = 200
	// historyQueue is how many events may wait, and how many lines for the disk.
	historyQueue = 1024
)

func newHistory(n *engine) *history {
	return &history{n: n, queue: make(chan func(), historyQueue), lines: make(chan []byte, historyQueue),
		file: &eventFile{path: filepath.Join(n.setup.StateDir, "events"), log: n.log}, followers: map[uint64]bool{}}
}

func openHistory(n *engine, lines []config.Notify) *history {
	h := newHistory(n)
	for _, line := range lines {
		p := newProgram(line.Args, n.log)
		h.programs = append(h.programs, p)
		go p.run(n.ctx)
	}
	go h.run()
	return h
}

func (h *history) run() {
	h.load()
	go h.keep()
	for {
		select {
		case do := <-h.queue:
			do()
		case <-h.n.ctx.Done():
			return
		}
	}
}

// keep writes what is to be kept, for as long as the engine lives.
func (h *history) keep() {
	for {
		select {
		case line := <-h.lines:
			h.file.write(line)
		case <-h.n.ctx.Done():
			return
		}
	}
}

// add takes one thing that happened, now. It never waits: what does not fit in the queue is lost.
func (h *history) add(x cluster.History) {
	now := time.Now().UTC()
	select {
	case h.queue <- func() { h.take(x, now) }:
	default:
	}
}

func (h *history) take(x cluster.History, now time.Time) {
	h.n.log(x.Level, x.Text)
	h.seq++
	e := console.Event{Version: console.ProtocolVersion, Time: now, Seq: h.seq, History: x}
	h.remember(e)
	line, err := json.Marshal(e)
	if err != nil {
		h.n.log("warn", "history: "+err.Error())
		return
	}
	line = append(line, '\n')
	select {
	case h.lines <- line:
	default: // the disk hangs; the log has it
	}
	for _, id := range h.following() {
		h.n.reply(id, console.Reply{Event: &e}, false)
	}
	for _, p := range h.programs {
		p.offer(line)
	}
}

func (h *history) remember(e console.Event) {
	h.recent = append(h.recent, e)
	if len(h.recent) > 2*shownEvents {
		h.recent = append([]console.Event(nil), h.recent[len(h.recent)-shownEvents:]...)
	}
}

// load reads the newest events of former engines; a line that is not one is left out.
func (h *history) load() {
	for _, path := range []string{h.file.path + ".old", h.file.path} {
		text, err := readBounded(path, 2*maxHistory)
		if err != nil {
			continue
		}
		for _, line := range lastLines(text, shownEvents) {
			var e console.Event
			if json.Unmarshal(line, &e) == nil {
				h.seq = max(h.seq, e.Seq)
				h.remember(e)
			}
		}
	}
}

func lastLines(text []byte, most int) [][]byte {
	list := bytes.Split(bytes.TrimRight(text, "\n"), []byte("\n"))
	return list[max(0, len(list)-most):]
}

// replay gives a client the newest events, and each that follows if it wants. It waits for nothing: it is called in the engine's
// turn.
func (h *history) replay(id uint64, follow bool) {
	if follow {
		h.mu.Lock()
		h.followers[id] = false
		h.mu.Unlock()
	}
	select {
	case h.queue <- func() { h.show(id, follow) }:
	default:
		h.unfollow(id)
		h.n.refuse(id, console.ExitFailed, "the events cannot be shown: too many wait; the log has them too")
	}
}

func (h *history) show(id uint64, follow bool) {
	list := h.recent[max(0, len(h.recent)-shownEvents):]
	for i := range list {
		h.n.reply(id, console.Reply{Event: &list[i]}, !follow && i == len(list)-1)
	}
	if !follow && len(list) == 0 {
		h.n.reply(id, console.Reply{}, true)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, waits := h.followers[id]; waits { // it has not gone away meanwhile
		h.followers[id] = true
	}
}

// following gives those to whom each event is sent.
func (h *history) following() (ids []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, now := range h.followers {
		if now {
			ids = append(ids, id)
		}
	}
	return ids
}

func (h *history) unfollow(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.followers, id)
}
