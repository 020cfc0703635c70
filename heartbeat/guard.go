package heartbeat

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"locum/wire"
)

const (
	// foreignMost is how many foreign frames a second are read; with more, the kernel drops all but one in guardShare.
	foreignMost = 2000
	// guardShare is a power of two. What still comes is counted, and shows when the flood is over.
	guardShare = 64
	// tagAt is where the cluster's tag stands in a frame (wire/frame.go).
	tagAt = 2
)

// guard spares the heart a flood: it has the kernel drop frames without the cluster's tag. A frame with it always passes, and
// as long as there is no flood every frame is read and counted.
type guard struct {
	tags    []uint32 // none: there is no guard
	attach  func(sampling bool) error
	since   wire.Instant
	foreign int
	on      bool
}

// saw counts a frame if it is foreign.
func (g *guard) saw(frame []byte) {
	if len(frame) >= tagAt+4 {
		tag := binary.BigEndian.Uint32(frame[tagAt:])
		for _, t := range g.tags {
			if t == tag {
				return
			}
		}
	}
	g.foreign++
}

// judge begins to drop at once, and ends a whole second after the flood.
func (g *guard) judge(now wire.Instant) {
	over := now-g.since >= wire.Instant(time.Second)
	switch {
	case len(g.tags) == 0:
	case !g.on && g.foreign > foreignMost:
		g.on = g.attach(true) == nil // refused: all is read, as before
		over = true
	case g.on && over && g.foreign*guardShare < foreignMost/2:
		g.on = g.attach(false) != nil
	}
	if over {
		g.since, g.foreign = now, 0
	}
}

// Guard has the path keep floods of frames without these tags away from the heart. Without tags it reads all.
func (d *datagrams) Guard(tags ...wire.Tag) {
	d.guard.tags = d.guard.tags[:0]
	for _, t := range tags {
		d.guard.tags = append(d.guard.tags, binary.BigEndian.Uint32(t[:]))
	}
}

const wholeFrame = 1 << 16

// sampling is the end of a filter on a socket for which frames begin at an offset.
func sampling(offset uint32, tags []uint32) []bpf.Instruction {
	n := uint8(len(tags))
	program := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtLen},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: offset + tagAt + 4, SkipTrue: n + 1},
		bpf.LoadAbsolute{Off: offset + tagAt, Size: 4},
	}
	for i, t := range tags {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: t, SkipTrue: n + 1 - uint8(i)})
	}
	return append(program, bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: guardShare - 1, SkipTrue: 1},
		bpf.RetConstant{Val: wholeFrame}, bpf.RetConstant{Val: 0})
}

func attachFilter(fd int, instructions []bpf.Instruction) error {
	raw, err := bpf.Assemble(instructions)
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	program := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		program[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	if err != nil {
		return fmt.Errorf("attach a filter: %w", err)
	}
	return nil
}
