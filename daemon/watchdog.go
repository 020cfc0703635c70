package daemon

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"locum/heartbeat"
	"locum/wire"
)

// watchdogSeat is the watchdog's place at the heart.
type watchdogSeat struct {
	device *heartbeat.Watchdog   // the one that the file names, in use
	asked  bool                  // for the time that the file gives
	why    string                // there is none in use
	left   *heartbeat.Watchdog   // the one that the file names, as the heart before has left it: not touched yet
	former []*heartbeat.Watchdog // which the file in force names no more
}

// takeUp sees what the heart before has left. It touches no device: first this node has to know whether it may go on.
func (h *heart) takeUp(fds []int) {
	s := &h.dog
	for _, fd := range fds {
		name := nameOf(fd)
		w, err := heartbeat.TakeUpWatchdog(fd)
		switch {
		case err != nil:
			h.log("alarm", "the watchdog that the heart before has left cannot be taken up: "+err.Error())
			forget(name)
		case !h.namesDog() || heartbeat.OtherDevice(fd, h.cfg.Watchdog.Device):
			s.former = append(s.former, w)
		case s.left != nil:
			unix.Close(fd) // another descriptor of the same
		default:
			w.Path, s.left = h.cfg.Watchdog.Device, w
		}
	}
}

// namesDog reports whether the file in force names a watchdog device.
func (h *heart) namesDog() bool {
	return h.cfg.Watchdog.Device != "" && h.cfg.Watchdog.Device != wire.WatchdogReboot
}

// arm carries heartbeat.Arm out: only now is a device touched. One that counts already gets a shorter time at once, and a longer one
// only when the others know of it: they reckon with the former one.
func (h *heart) arm() {
	s := &h.dog
	line := h.cfg.Watchdog
	var err error
	if s.left != nil {
		s.device, s.left = s.left, nil
		if s.asked = s.device.Timeout >= line.Timeout; s.device.Timeout > line.Timeout {
			err = s.device.Set(line.Timeout)
		}
	} else {
		s.device, err = heartbeat.OpenWatchdog(line.Device, line.Timeout)
		s.asked = true
	}
	if err != nil {
		s.lose(err)
		h.judgeDog(0)
		return
	}
	s.sayNoWayOut(h.log, "to stop locum resets this machine")
	h.log("info", "the watchdog counts: "+line.Device+" ("+s.device.Identity+"), "+s.device.Timeout.String())
	if s.device.HeldBy(os.Getppid()) {
		h.judgeDog(0)
		return
	}
	keep(s.device.FD())
	h.judgeDog(storePatience)
}

// lose notes that no device is in use, and stops one that is not to be relied on.
func (s *watchdogSeat) lose(err error) {
	if s.device != nil {
		err = errors.Join(err, s.stop(s.device))
	}
	s.device, s.why = nil, err.Error()
}

// stop stops a device, and has systemd forget it.
func (s *watchdogSeat) stop(w *heartbeat.Watchdog) error {
	forget(nameOf(w.FD()))
	return w.Disarm()
}

// settle carries heartbeat.Settle out. A device that cannot be stopped is petted for as long as this heart lives.
func (h *heart) settle() {
	s := &h.dog
	kept := s.former[:0]
	for _, w := range s.former {
		if w.NoWayOut != "" {
			h.log("warn", "the watchdog that the file names no more counts on: "+w.NoWayOut)
			kept = append(kept, w)
			continue
		}
		if err := s.stop(w); err != nil {
			h.log("alarm", "the watchdog that the file names no more cannot be stopped, and may reset this machine: "+err.Error())
			continue
		}
		h.log("info", "the watchdog that the file names no more is given up")
	}
	s.former = kept
	if s.device != nil && !s.asked {
		s.asked = true
		if err := s.device.Set(h.cfg.Watchdog.Timeout); err != nil {
			s.lose(err)
		}
	}
	h.judgeDog(storePatience)
}

// storePatience is how often, a tenth of a second apart, the heart looks whether its descriptor was taken into the store.
const storePatience = 30

// judgeDog says what the devices in hand are worth. Read back rather than believed: the descriptor outlives this process only
// if the one that started it has it too. Until it has been looked for often enough, that is open.
func (h *heart) judgeDog(looks int) {
	s := &h.dog
	d := s.device
	var w heartbeat.WatchdogChanged
	for _, f := range s.former {
		w.Bites = shortest(w.Bites, f.Timeout)
		w.Outdated = w.Outdated || f.NoWayOut == ""
	}
	if d == nil {
		w.Why = s.why
		h.step(w)
		return
	}
	stored := d.HeldBy(os.Getppid())
	if !stored && looks > 0 {
		time.AfterFunc(100*time.Millisecond, func() { h.w.post(func() { h.judgeDog(looks - 1) }) })
	}
	w.Held, w.Name, w.Timeout, w.NoWayOut = true, "watchdog "+d.Path+" ("+d.Identity+")", d.Timeout, d.NoWayOut
	w.Bites = shortest(w.Bites, d.Timeout)
	if !s.asked {
		w.Timeout, w.Outdated = h.cfg.Watchdog.Timeout, true
	}
	switch {
	case !stored && looks > 0:
	case !stored:
		w.Why = "its descriptor is in no file-descriptor store, so that the heart's death would feed it: run locum by locum.service, with systemd 219 or newer"
	case d.Software() && !h.self.LeaseProof:
		w.Why = "softdog is only a timer of the kernel, which stops when the kernel does (lease-proof=yes in the node's line counts it all the same)"
	default:
		w.Armed = true
	}
	h.step(w)
}

// shortest is the lesser of two times, of which the first may be none.
func shortest(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// pet carries heartbeat.Pet out, for every device that counts.
func (h *heart) pet(o heartbeat.Pet) {
	for _, d := range h.dog.inUse() {
		err := d.Pet(o.Until)
		switch {
		case errors.Is(err, heartbeat.ErrPetLate):
			h.reset("the heart did not run from before the end of its lease until after it")
		case err != nil:
			h.once("alarm", "the watchdog cannot be petted, so that it resets this machine: "+err.Error())
		}
	}
}

func (s *watchdogSeat) inUse() []*heartbeat.Watchdog {
	if s.device == nil {
		return s.former
	}
	return append([]*heartbeat.Watchdog{s.device}, s.former...)
}

// all are the devices in use, and the one that is to be.
func (s *watchdogSeat) all() []*heartbeat.Watchdog {
	if s.left == nil {
		return s.inUse()
	}
	return append(s.inUse(), s.left)
}

// sayNoWayOut says what follows from devices that cannot be stopped, if there are any.
func (s *watchdogSeat) sayNoWayOut(log logFunc, follows string) {
	for _, d := range s.inUse() {
		if d.NoWayOut != "" {
			log("warn", fmt.Sprintf("%s %s later, unless it is started again before that: %s", follows, d.Timeout, d.NoWayOut))
		}
	}
}

// release stops what counts: only after an orderly leave, with nothing running. One that the heart before has left counts although
// this one did not come to take it up.
func (s *watchdogSeat) release() (err error) {
	for _, d := range s.all() {
		err = errors.Join(err, s.stop(d))
	}
	*s = watchdogSeat{}
	return err
}

// handOn keeps the descriptors open for the process that this one becomes.
func (s *watchdogSeat) handOn() {
	var fds []string
	for _, d := range s.all() {
		if _, err := unix.FcntlInt(uintptr(d.FD()), unix.F_SETFD, 0); err == nil {
			fds = append(fds, strconv.Itoa(d.FD()))
		}
	}
	os.Setenv(handedOn, strings.Join(fds, ","))
}
