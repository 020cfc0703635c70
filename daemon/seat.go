package daemon

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"locum/heartbeat"
)

// engineSeat is the engine's place at the heart: the one that sits there now, and who calls the next.
type engineSeat struct {
	link    *link
	process *os.Process
	starts  uint16
	room    bool // the waiter tells when the socket takes more
	keeper  *keeper
}

// begin has a keeper start the first engine.
func (s *engineSeat) begin(h *heart) {
	s.keeper = &keeper{stop: make(chan struct{}),
		started: func(l *link, p *os.Process) { h.w.post(func() { s.sitDown(h, l, p) }) },
		gone: func(how string) {
			h.w.post(func() {
				s.drop(h)
				h.log("warn", "the engine has ended ("+how+"); services run on untouched, and it is started anew")
			})
		}}
	go s.keeper.run()
}

func (s *engineSeat) sitDown(h *heart, l *link, p *os.Process) {
	s.link, s.process = l, p
	if s.starts++; s.starts == math.MaxUint16 {
		h.beginAnew(adoptAgain) // a new heart counts its engines anew
	}
	if err := h.w.add(l.fd, unix.EPOLLIN); err != nil {
		h.log("alarm", err.Error())
		s.drop(h)
		return
	}
	s.send(h, record{Setup: &setup{Self: h.self.Number, ConfigFile: h.o.ConfigFile, ConfigText: h.cfg.Text, StateDir: h.o.StateDir, Program: h.o.Version}})
	h.step(heartbeat.EngineStarted{Number: s.starts})
}

// drop ends the engine that sits there, if one does; its process's end is told by the keeper.
func (s *engineSeat) drop(h *heart) {
	if s.link == nil {
		return
	}
	h.w.remove(s.link.fd)
	s.link.close()
	_ = s.process.Kill() // it may be gone already
	s.link, s.room = nil, false
	h.control.engineGone()
	h.step(heartbeat.EngineGone{})
}

// send hands the engine a record; false if there is none. An engine that does not read what it is sent is ended.
func (s *engineSeat) send(h *heart, r record) bool {
	if s.link == nil {
		return false
	}
	if err := s.link.send(r); err != nil {
		h.log("alarm", "the engine is ended: "+err.Error())
		s.drop(h)
		return false
	}
	return true
}

// listenForRoom has the waiter tell when a full socket takes more, and writes then.
func (s *engineSeat) listenForRoom(h *heart) {
	if s.link == nil {
		return
	}
	if s.link.waits() {
		if err := s.link.flush(); err != nil {
			s.drop(h)
			return
		}
	}
	if room := s.link.waits(); room != s.room {
		s.room = room
		events := uint32(unix.EPOLLIN)
		if room {
			events |= unix.EPOLLOUT
		}
		if err := h.w.control(unix.EPOLL_CTL_MOD, s.link.fd, events); err != nil {
			h.once("alarm", err.Error())
		}
	}
}

// maxHeard bounds what is taken from the engine before the paths are drained again.
const maxHeard = 64

// hear takes what the engine has said.
func (s *engineSeat) hear(h *heart) {
	if s.link == nil || !h.w.has(s.link.fd) {
		return
	}
	for range maxHeard {
		if s.link == nil || h.ending != nil {
			return
		}
		r, ok, err := s.link.receive()
		if err != nil {
			if !errors.Is(err, errEngineGone) {
				h.log("alarm", "the engine is ended: "+err.Error())
			}
			s.drop(h)
			return
		}
		if !ok {
			return
		}
		s.said(h, r)
	}
}

func (s *engineSeat) said(h *heart, r record) {
	switch {
	case r.ToHeart != nil && r.ToHeart.Title != "":
		h.title(r.ToHeart.Title)
	case r.ToHeart != nil:
		h.step(heartbeat.FromEngine{ToHeart: *r.ToHeart})
	case r.Answer != nil:
		h.control.answered(*r.Answer)
	case r.Reexec != nil:
		h.log("info", r.Reexec.Why)
		h.beginAnew(adoptAgain)
	}
}

// end ends the engine together with the heart: none is started any more, and the last one is seen gone.
func (s *engineSeat) end() {
	if s.keeper != nil {
		s.keeper.end()
	}
}
