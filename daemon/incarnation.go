package daemon

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"

	"locum/wire"
)

// The incarnation's file has two slots that are written in turn, in place: a write that is torn by a power cut leaves the
// other slot, and a full disk does not matter because nothing grows.
const (
	slotSize  = 512 // one logical block: written whole or not at all on most disks
	slotCount = 2
)

// incarnationVariable, in its environment, gives a heart the incarnation that the one before has stored for it.
const incarnationVariable = "LOCUM_INCARNATION"

// incarnation gives that of the life that begins: what the heart before, which executed itself anew, has stored for it, or else the next. So no
// disk is waited for while no beat leaves.
func (d *stateDir) incarnation() (wire.Incarnation, error) {
	handed, err := strconv.ParseUint(os.Getenv(incarnationVariable), 10, 32)
	os.Unsetenv(incarnationVariable)
	if err == nil && handed != 0 && d.newestIs(wire.Incarnation(handed)) {
		return wire.Incarnation(handed), nil
	}
	return d.nextIncarnation(0)
}

func (d *stateDir) newestIs(v wire.Incarnation) bool {
	f, err := os.Open(d.file("incarnation"))
	if err != nil {
		return false
	}
	defer f.Close()
	newest, _, err := storedIncarnation(f)
	return err == nil && newest == v
}

// nextIncarnation stores, and gives, one above the stored incarnation; it is at least least. It is durable when it returns,
// because no frame may leave before that.
func (d *stateDir) nextIncarnation(least wire.Incarnation) (wire.Incarnation, error) {
	d.raising.Lock()
	defer d.raising.Unlock()
	path := d.file("incarnation")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_SYNC, 0o600)
	if err != nil {
		return 0, fmt.Errorf("incarnation: %w", err)
	}
	next, err := raiseIncarnation(f, least)
	if err := errors.Join(err, f.Close(), syncDir(d.path)); err != nil {
		return 0, fmt.Errorf("incarnation: %s: %w", path, err)
	}
	return next, nil
}

func raiseIncarnation(f *os.File, least wire.Incarnation) (wire.Incarnation, error) {
	stored, slot, err := storedIncarnation(f)
	if err != nil {
		return 0, err
	}
	next := max(stored+1, least)
	if next <= stored {
		return 0, errors.New("the last incarnation is used up; remove the file and give the cluster a new key (locum keygen)")
	}
	_, err = f.WriteAt(incarnationSlot(next), int64((slot+1)%slotCount)*slotSize)
	return next, err
}

// storedIncarnation gives the newest readable slot. A file with bytes and no readable slot is an error: to begin again at 1
// would be to hide that something is wrong with the disk.
func storedIncarnation(f *os.File) (newest wire.Incarnation, slot int, err error) {
	buf := make([]byte, slotCount*slotSize)
	n, readErr := f.ReadAt(buf, 0)
	if n == 0 && errors.Is(readErr, io.EOF) {
		return 0, 0, nil // a new node, or one that lost power before its first write
	}
	for i := range slotCount {
		if v, ok := parseIncarnation(buf[min(n, i*slotSize):min(n, (i+1)*slotSize)]); ok && v > newest {
			newest, slot = v, i
		}
	}
	if newest == 0 {
		if readErr == nil || errors.Is(readErr, io.EOF) {
			readErr = errors.New("neither of its two slots is whole")
		}
		return 0, 0, fmt.Errorf("not readable (%w); remove it: the node then learns from the others which numbers are used", readErr)
	}
	return newest, slot, nil
}

func incarnationSlot(v wire.Incarnation) []byte {
	text := fmt.Sprintf("incarnation %d", v)
	slot := make([]byte, slotSize)
	copy(slot, fmt.Sprintf("%s %08x\n", text, crc32.ChecksumIEEE([]byte(text))))
	return slot
}

func parseIncarnation(slot []byte) (wire.Incarnation, bool) {
	var v, sum uint32
	if _, err := fmt.Sscanf(string(slot), "incarnation %d %08x\n", &v, &sum); err != nil {
		return 0, false
	}
	return wire.Incarnation(v), string(incarnationSlot(wire.Incarnation(v))) == string(slot)
}
