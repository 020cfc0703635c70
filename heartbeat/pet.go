package heartbeat

import (
	"fmt"
	"time"

	"locum/wire"
)

// petShare: the watchdog is petted at this share of its time, so that it bites soon after the last pet could have come.
const petShare = 4

// armAgain is the pause before a watchdog that could not be armed is tried again.
const armAgain = wire.Instant(5 * time.Second)

// dog is what the heart does with the watchdog.
type dog struct {
	armDue    wire.Instant // the next try to arm it
	petDue    wire.Instant // the next pet of all that counts
	resetting bool         // a reset was asked for: it is not petted any more, whatever comes
}

// wantsDog reports whether the file names a watchdog device; "reboot" is none.
func (h *Heart) wantsDog() bool {
	return h.cfg.Watchdog.Device != "" && h.cfg.Watchdog.Device != wire.WatchdogReboot
}

// hasDog reports whether a device counts for this node, as a proof for others or not.
func (h *Heart) hasDog() bool { return h.watchdog.Armed || h.watchdog.Held }

// mayPet reports whether all is well: nothing runs here, or the lease is not over, and no reset was asked for. Before the
// engine's first word nobody knows what runs here, so that a watchdog is not even armed without a lease: a node that boots
// takes its time, and is no danger, because nobody counts on its watchdog yet.
func (h *Heart) mayPet() bool {
	return !h.dog.resetting && (h.grants.idle || h.lease.State != wire.LeaseOver)
}

// dogIsDue gives when the watchdog has to be armed or petted next, 0 if it has not.
func (h *Heart) dogIsDue() (at wire.Instant) {
	if !h.mayPet() {
		return 0
	}
	if h.watchdog.Bites > 0 {
		at = max(h.dog.petDue, 1)
	}
	if due := max(h.dog.armDue, 1); h.toBeArmed() && (at == 0 || due < at) {
		at = due
	}
	return at
}

func (h *Heart) toBeArmed() bool { return h.wantsDog() && !h.hasDog() }

// petIfDue arms the watchdog or pets it. A pet goes together with a beat where it can, so that the idle heart wakes once.
func (h *Heart) petIfDue() {
	if !h.mayPet() {
		return
	}
	if h.toBeArmed() && h.now >= h.dog.armDue {
		h.dog.armDue = h.now + armAgain
		h.do(Arm{})
	}
	if bites := wire.Instant(h.watchdog.Bites); bites > 0 && h.now >= h.dog.petDue {
		h.dog.petDue = h.now + bites/petShare
		h.do(Pet{Until: h.petUntil()})
	}
}

// settleIfKnown ends what was kept of a former file's watchdog, once a quorum has echoed a beat of this life: it says what to reckon with
// from now on, that nothing is armed here or for how long that goes on. Until then others that have lost this node reckon with the former
// one (proof 2), which resets this machine in time. Where the view holds by the quorum disk, an absent node may go by an old slot.
func (h *Heart) settleIfKnown() {
	if v := h.grants.view; h.watchdog.Outdated && v.Quorate && v.Claim == 0 && h.granted() != 0 && h.quorumEcho() != 0 {
		h.watchdog.Outdated = false
		h.do(Settle{})
	}
}

// petUntil is the instant from which on a pet that was decided now would be one too many, 0 if there is none.
func (h *Heart) petUntil() wire.Instant {
	if h.grants.idle || h.lease.State == wire.LeaseExempt {
		return 0
	}
	return h.lease.Until
}

// watchdogChanged takes what the device says. One that has just been armed is petted at once: it may have counted for long.
func (h *Heart) watchdogChanged(w WatchdogChanged) {
	was := h.watchdog
	if w == was {
		return
	}
	h.watchdog = w
	h.beats.urgent = true
	h.dog.petDue = h.now
	if w.Why != was.Why {
		h.alarmWatchdog(w)
	}
	h.tellWatchdog()
}

func (h *Heart) alarmWatchdog(w WatchdogChanged) {
	if w.Why == "" {
		h.do(Alarm{Over: true, Text: "the watchdog is armed: " + w.Name})
		return
	}
	h.do(Alarm{Text: "the watchdog is not what the file wants: " + w.Why})
}

// tellWatchdog tells the engine what self-fencing is worth here.
func (h *Heart) tellWatchdog() {
	w := wire.Watchdog{Armed: h.watchdog.Armed, Refuses: h.wantsDog() && !h.hasDog(), Text: h.SelfFencing()}
	if w.Refuses {
		w.Unarmed = h.watchdog.Why
	}
	if h.watchdog.NoWayOut != "" {
		w.Stays = fmt.Sprintf("to stop locum resets this machine %s later: %s", h.watchdog.Timeout, h.watchdog.NoWayOut)
	}
	h.toEngine(wire.ToEngine{Watchdog: &w})
}

// SelfFencing says in one line how this node ends what it must not run any more.
func (h *Heart) SelfFencing() string {
	w := h.watchdog
	switch {
	case h.cfg.Watchdog.Device == "" && w.Bites > 0:
		return "best effort: the file has no watchdog line; the one that it names no more counts on, and is petted"
	case h.cfg.Watchdog.Device == "":
		return "best effort: the file has no watchdog line"
	case !h.wantsDog():
		return "best effort: reboot, without a watchdog"
	case !h.hasDog() && w.Why == "":
		return "best effort until the watchdog is armed"
	case !h.hasDog():
		return "best effort: " + w.Why
	case !w.Armed && w.Why == "":
		return fmt.Sprintf("%s, %s, no proof for others until systemd has its descriptor", w.Name, w.Timeout)
	case !w.Armed:
		return fmt.Sprintf("%s, %s, but no proof for others: %s", w.Name, w.Timeout, w.Why)
	}
	return fmt.Sprintf("%s, %s", w.Name, w.Timeout)
}
