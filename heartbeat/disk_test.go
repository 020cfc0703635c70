package heartbeat

import (
	"testing"

	"locum/quorumdisk"
	"locum/wire"
)

// A view that rests on the disk is limited by what the disk showed: no newer claim, and since when.
func TestALeaseThatRestsOnTheDiskIsLimitedByWhatItShowed(t *testing.T) {
	const echo, read = wire.Instant(900), wire.Instant(700)
	won := wire.Claim{Instance: 3}
	for _, tc := range []struct {
		name  string
		claim uint64
		seen  wire.Disk
		want  wire.Instant
	}{
		{"no claim", 0, wire.Disk{}, echo},
		{"never read", 3, wire.Disk{Decided: won, Begun: 3}, 0},
		{"read before the newest echo", 3, wire.Disk{Decided: won, Begun: 3, From: read}, read},
		{"read after it", 3, wire.Disk{Decided: won, Begun: 3, From: 1000}, echo},
		{"another claim was begun", 3, wire.Disk{Decided: won, Begun: 4, From: read}, 0},
		{"another was decided", 3, wire.Disk{Decided: wire.Claim{Instance: 4}, Begun: 4, From: read}, 0},
	} {
		d := disk{seen: tc.seen}
		if got := d.limit(tc.claim, echo); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestAStampThatSaysThatNothingRunsDoesNotCountAsBusy(t *testing.T) {
	d := disk{desk: quorumdisk.NewDesk(quorumdisk.DeskSettings{Self: 1, Disks: 1}), seen: wire.Disk{Slots: []wire.Slot{{Node: 2, Busy: 40}}}}
	if s := d.slotOf(2, true); s.Busy != 0 || s.Idle {
		t.Fatalf("a slot that was never seen: %+v", s)
	}
}
