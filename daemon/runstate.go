package daemon

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"locum/heartbeat"
)

// DefaultRunDir holds what must outlive a heart but not a boot, a directory a node.
const DefaultRunDir = "/run/locum"

const maxRunState = 1 << 20

// runFile is where the heart keeps its heartbeat.RunState: two files, written in turn, each with a number and a checksum.
// A heart that is killed while it writes one leaves the other, and a write costs a hundredth of a file made anew and
// renamed: it stands on the way of every takeover.
type runFile struct {
	slots [2]runSlot
	count uint64 // of the newest state
}

// runSlot is one of the two files, opened at the first write.
type runSlot struct {
	path string
	file *os.File
}

// runHeader is what a slot begins with; the state follows.
const runHeader = "locum run 1 %016x %08x %08x\n" // count, length of the state, checksum of both

// openRunDir makes the directory for a node's run state.
func openRunDir(dir, node string) (*runFile, error) {
	dir = filepath.Join(dir, node)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	return &runFile{slots: [2]runSlot{{path: filepath.Join(dir, "heart.0")}, {path: filepath.Join(dir, "heart.1")}}}, nil
}

func (f *runFile) close() {
	for _, s := range f.slots {
		if s.file != nil {
			s.file.Close()
		}
	}
}

// load gives what the heart before has left, nil if nothing. Of two states the newer counts. A slot that is not whole was
// being written when that heart died; if neither is, that is an error and counts as nothing.
func (f *runFile) load() (*heartbeat.RunState, error) {
	var newest []byte
	var errs []error
	missing := 0
	for _, s := range f.slots {
		count, body, err := s.read()
		switch {
		case errors.Is(err, os.ErrNotExist):
			missing++
		case err != nil:
			errs = append(errs, err)
		case newest == nil || count > f.count:
			newest, f.count = body, count
		}
	}
	switch {
	case newest == nil && missing == len(f.slots):
		return nil, nil
	case newest == nil:
		return nil, fmt.Errorf("run state: %w", errors.Join(errs...))
	}
	var s heartbeat.RunState
	if err := json.Unmarshal(newest, &s); err != nil {
		return nil, fmt.Errorf("run state %s: %w", f.slots[f.count%2].path, err)
	}
	return &s, nil
}

// save writes the state over the older of the two. It is not fsynced: it does not outlive the boot.
func (f *runFile) save(s heartbeat.RunState) error {
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("run state: %w", err)
	}
	next := f.count + 1
	if err := f.slots[next%2].write(next, body); err != nil {
		return fmt.Errorf("run state: %w", err)
	}
	f.count = next
	return nil
}

func (s *runSlot) read() (count uint64, body []byte, err error) {
	text, err := readBounded(s.path, maxRunState)
	if err != nil {
		return 0, nil, err
	}
	count, body, whole := readRunSlot(text)
	if !whole {
		return 0, nil, fmt.Errorf("%s is not whole", s.path)
	}
	return count, body, nil
}

// readRunSlot takes a slot's text apart. What follows the state is left of a longer one.
func readRunSlot(text []byte) (count uint64, body []byte, whole bool) {
	head, rest, _ := bytes.Cut(text, []byte("\n"))
	var size, sum uint32
	if _, err := fmt.Sscanf(string(head)+"\n", runHeader, &count, &size, &sum); err != nil || int64(size) > int64(len(rest)) ||
		runSum(count, rest[:size]) != sum {
		return 0, nil, false
	}
	return count, rest[:size], true
}

func runSum(count uint64, body []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(binary.BigEndian.AppendUint64(nil, count)), crc32.IEEETable, body)
}

func (s *runSlot) write(count uint64, body []byte) error {
	if err := s.open(); err != nil {
		return err
	}
	_, err := s.file.WriteAt(runSlotText(count, body), 0)
	return err
}

func runSlotText(count uint64, body []byte) []byte {
	return append(fmt.Appendf(nil, runHeader, count, len(body), runSum(count, body)), body...)
}

// open makes sure that the file is open and still in its place: a state in a file that somebody has removed would be lost.
func (s *runSlot) open() error {
	if s.file != nil {
		var is unix.Stat_t
		if err := unix.Fstat(int(s.file.Fd()), &is); err == nil && is.Nlink > 0 {
			return nil
		}
		s.file.Close()
		s.file = nil
	}
	var err error
	s.file, err = os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE, 0o600)
	return err
}
