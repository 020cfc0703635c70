package quorumdisk

import (
	"context"
	"os"
	"strings"
	"testing"

	"locum/wire"
)

func TestAJoinedDiskKnowsWhatTheOthersKnew(t *testing.T) {
	paths := threeFiles(t)
	p := planFor(t, nil, paths...)
	var ports [3]*Port
	var headers [3]Header
	reopen := func() {
		for i, path := range paths {
			if ports[i] != nil {
				ports[i].Close()
			}
			ports[i] = open(t, path)
			headers[i] = mustHeader(t, p.Seals, ports[i])
		}
	}
	reopen()
	// Decided on the first two; the slot of node 3 is newer on the third, and unreadable on the first.
	for i := range 2 {
		do(t, ports[i], p.Seals.WriteClaim(2, headers[i], 2, someClaim))
	}
	do(t, ports[2], p.Seals.WriteSlot(3, headers[2], 3, slot(5, 9)))
	do(t, ports[0], Request{Op: 4, Place: headers[0].Nodes.Slot(3), Write: make([]byte, blockSize)})
	do(t, ports[0], p.Seals.WritePill(5, headers[0], 4, 2, somePill))
	before := headers[1]
	for _, port := range ports {
		port.Close()
	}
	if err := os.Remove(paths[1]); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := Repair(ctx, p, 1); err != nil {
		t.Fatal(err)
	}
	reopen()
	joined := headers[1].ID
	if err := Join(ctx, p); err != nil {
		t.Fatal(err)
	}
	reopen()
	h := headers[1]
	if _, counts, err := Together(headers[:]); err != nil || !counts[0] || !counts[1] || !counts[2] || h.ID == joined || h.ID == before.ID {
		t.Fatalf("%v, %v: %+v", counts, err, headers)
	}
	claims, err := p.Seals.Claims(h, do(t, ports[1], h.ReadClaims(1)).Data)
	if err != nil || claims[1] != someClaim {
		t.Errorf("claims %+v, %v", claims, err)
	}
	slots, err := p.Seals.Slots(h, do(t, ports[1], h.ReadSlots(2, 8)).Data)
	if err != nil || slots[2] != (Sight{Slot: slot(5, 9)}) || slots[0] != (Sight{}) {
		t.Errorf("slots %+v, %v", slots, err)
	}
	if pills, _ := p.Seals.Mail(h, 4, do(t, ports[1], h.ReadMail(3, 4)).Data); pills[1] != somePill {
		t.Errorf("pills %+v", pills)
	}
	// Who starts with the joined disk and the third alone finds what was decided on the first and the replaced one.
	tie := NewTie(TieSettings{1, 9, 3, 1, 1})
	todo := tie.Step(1, Tick{})
	for _, i := range []int{1, 2} {
		claims, err := p.Seals.Claims(headers[i], do(t, ports[i], headers[i].ReadClaims(9)).Data)
		if err != nil {
			t.Fatal(err)
		}
		tie.Step(2, ReadDone{i, todo[i].Op, claims, 1})
	}
	if o := tie.Outcome(); o.Last != (Decision{someClaim.Instance, someClaim.Value}) {
		t.Errorf("%+v", o)
	}
	if err := Join(ctx, p); err == nil || !strings.Contains(err.Error(), "none is joining") {
		t.Errorf("once more: %v", err)
	}
}

func TestADiskDoesNotJoinIfAClaimOfTheOthersIsUnreadable(t *testing.T) {
	paths := threeFiles(t)
	p := planFor(t, nil, paths...)
	p.Force = true
	ctx := context.Background()
	if err := Repair(ctx, p, 1); err != nil {
		t.Fatal(err)
	}
	port := open(t, paths[0])
	h := mustHeader(t, p.Seals, port)
	do(t, port, Request{Op: 2, Place: h.Nodes.Claim(3), Write: make([]byte, blockSize)})
	if err := Join(ctx, p); err == nil || !strings.Contains(err.Error(), "claim at byte 45056: nothing but zeros") {
		t.Errorf("%v", err)
	}
	var headers []Header
	for _, path := range paths {
		headers = append(headers, mustHeader(t, p.Seals, open(t, path)))
	}
	if _, counts, _ := Together(headers); counts[1] {
		t.Error("it counts")
	}
	// The claim is written anew by its node, and the next attempt succeeds.
	h = mustHeader(t, p.Seals, port)
	do(t, port, p.Seals.WriteClaim(3, h, 3, Claim{}))
	if err := Join(ctx, p); err != nil {
		t.Error(err)
	}
}

func TestWhatAFormerAttemptStillWritesIsUnreadable(t *testing.T) {
	paths := threeFiles(t)
	p := planFor(t, nil, paths...)
	p.Force = true
	ctx := context.Background()
	if err := Repair(ctx, p, 1); err != nil {
		t.Fatal(err)
	}
	port := open(t, paths[1])
	former := mustHeader(t, p.Seals, port)
	if err := Join(ctx, p); err != nil {
		t.Fatal(err)
	}
	do(t, port, p.Seals.WriteClaim(2, former, 2, Claim{}))
	now := mustHeader(t, p.Seals, port)
	if claims, err := p.Seals.Claims(now, do(t, port, now.ReadClaims(3)).Data); claims != nil || err == nil {
		t.Errorf("%+v", claims)
	}
	if _, err := p.Seals.OpenClaim(now.ID, now.Nodes.Claim(1), wire.Node(1), do(t, port, Request{Op: 4, Place: now.Nodes.Claim(1), Count: 1}).Data); err != nil {
		t.Errorf("the others: %v", err)
	}
}

func TestAJoinThatDidNotComeToItsEndIsFinished(t *testing.T) {
	paths := threeFiles(t)
	p := planFor(t, nil, paths...)
	p.Force = true
	ctx := context.Background()
	if err := Repair(ctx, p, 1); err != nil {
		t.Fatal(err)
	}
	port := open(t, paths[2])
	before := mustHeader(t, p.Seals, port)
	if err := Join(ctx, p); err != nil {
		t.Fatal(err)
	}
	want := mustHeader(t, p.Seals, port)
	older := want
	older.Generation, older.Joining = want.Generation-1, want.Disks[1]
	do(t, port, Request{Op: 2, Place: HeaderPlace, Write: p.Seals.SealHeader(older)})
	if err := Join(ctx, p); err != nil {
		t.Fatal(err)
	}
	if now := mustHeader(t, p.Seals, port); now.Generation != want.Generation || !now.Joining.IsZero() || now.ID != before.ID {
		t.Errorf("%+v, want %+v", now, want)
	}
}
