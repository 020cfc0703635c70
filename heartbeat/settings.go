package heartbeat

import (
	"errors"
	"fmt"
	"time"

	"locum/config"
	"locum/quorumdisk"
	"locum/wire"
)

// Settings are what a heart starts with. All randomness is handed in.
type Settings struct {
	Config *config.Config
	Self   wire.Node // a node of the file
	// Incarnation was stored durably before, and is above every one before it (SAFETY 10).
	Incarnation wire.Incarnation
	Boot        wire.ID
	Machine     wire.ID
	Salt        wire.Salt // new random bytes, as Seed
	Seed        [32]byte
	Keys        []wire.Key // 1 or 2; the first one seals, all open
	Watchdog    WatchdogChanged
	// Resume is what the heart before left in /run, nil if there is nothing. It counts only if it is of this boot.
	Resume *RunState
}

// RunState is what must outlive a heart within one boot; the daemon keeps it in /run. Instants are of CLOCK_BOOTTIME.
type RunState struct {
	Boot        wire.ID            `json:"boot"`
	Incarnation wire.Incarnation   `json:"incarnation"`
	View        *wire.ViewForHeart `json:"view,omitempty"`
	// Below: nothing is granted under views below it (SAFETY 2).
	Below wire.Epoch `json:"below"`
	// Joined is the newest view of a quorum that this node was in: no order to reset that is older binds it (SAFETY 17).
	Joined wire.Epoch `json:"joined,omitempty"`
	// LeaseUntil is the lease's end as it was known when this was written, 0 if there never was one.
	LeaseUntil wire.Instant `json:"lease_until"`
	// Granted is since when it counts. A file that takes effect may have made leases longer or shorter since.
	Granted wire.Instant `json:"granted,omitempty"`
	// MayRun: a start was permitted here, or the engine found something running, and it has not said since that
	// nothing runs.
	MayRun bool `json:"may_run"`
	// Idle is the engine's word that nothing runs here.
	Idle bool `json:"idle"`
	// Left: the others know that this node has left; there is no view to come back to.
	Left bool `json:"left,omitempty"`
	// Heard is, of each node that was heard, its newest life and what that said of its lease and its watchdog; Met whom the quorum disks were seen to be shared with.
	Heard []wire.Peer      `json:"heard,omitempty"`
	Met   []quorumdisk.Met `json:"met,omitempty"`
}

// New makes the heart of one life. It fails on settings that cannot be; the file has been checked before.
func New(s Settings) (*Heart, error) {
	switch {
	case s.Config == nil:
		return nil, errors.New("heart: no configuration")
	case len(s.Keys) == 0:
		return nil, errors.New("heart: no key; make one with: locum keygen " + s.Config.KeyFile)
	case len(s.Config.Paths) > wire.MaxPaths:
		return nil, fmt.Errorf("heart: %d paths, at most %d are possible", len(s.Config.Paths), wire.MaxPaths)
	}
	beat := s.Config.Beat
	if beat.Every <= 0 || beat.Dead < 3*beat.Every || s.Config.Lease <= 0 {
		return nil, fmt.Errorf("heart: beat every=%s dead=%s, lease %s: dead must be at least 3 x every, lease above 0",
			beat.Every, beat.Dead, s.Config.Lease)
	}
	h := &Heart{
		cfg: s.Config, self: s.Self, incarnation: s.Incarnation, boot: s.Boot, machine: s.Machine,
		every: wire.Instant(beat.Every), dead: wire.Instant(beat.Dead), leaseTime: wire.Instant(s.Config.Lease),
		watchdog: s.Watchdog, detector: NewDetector(beat.Every, beat.Dead), resume: s.Resume,
		shake: wire.NewHandshake(s.Seed, s.Boot, s.Machine), grants: grants{view: &wire.ViewForHeart{}},
	}
	if err := h.makePeers(); err != nil {
		return nil, err
	}
	h.disk = newDisk(s)
	var err error
	if h.keys, err = wire.PrintsOf(s.Keys); err != nil {
		return nil, fmt.Errorf("heart: %w", err)
	}
	if h.sealer, err = wire.NewSealer(s.Config.Cluster, s.Keys[0], s.Self, s.Incarnation, s.Salt); err != nil {
		return nil, fmt.Errorf("heart: %w", err)
	}
	h.opener, err = wire.NewOpener(s.Config.Cluster, s.Keys, h.nodes, s.Self, s.Incarnation, s.Salt, s.Machine)
	if err != nil {
		return nil, fmt.Errorf("heart: %w", err)
	}
	return h, nil
}

// milliseconds gives a duration as beats carry it.
func milliseconds(d time.Duration) uint32 {
	return uint32(min(max(d.Milliseconds(), 0), 1<<32-1))
}
