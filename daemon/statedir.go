package daemon

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"locum/wire"
)

// DefaultStateDir is where a node keeps what must survive a boot.
const DefaultStateDir = "/var/lib/locum"

// stateDir is a node's state directory, held by one heart at a time.
type stateDir struct {
	path    string
	lock    *os.File
	raising sync.Mutex // while an incarnation is stored
}

// openStateDir makes the directory if there is none and locks it. The lock ends with the process, however it ends.
func openStateDir(path string) (*stateDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(lockError(path, lock, err), lock.Close())
	}
	if err := lock.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(lock, "%d\n", os.Getpid()) // only for the message of the next one
	}
	return &stateDir{path: path, lock: lock}, nil
}

func lockError(path string, lock *os.File, err error) error {
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("state directory %s: lock: %w", path, err)
	}
	holder := make([]byte, 20)
	n, _ := lock.ReadAt(holder, 0)
	return fmt.Errorf("state directory %s: another locum holds it (process %s); a second node on this machine needs its own --state-dir",
		path, strings.TrimSpace(string(holder[:n])))
}

func (d *stateDir) close() { d.lock.Close() }

func (d *stateDir) file(name string) string { return filepath.Join(d.path, name) }

// machine is this node's identity, made at random at its first start: it tells two machines with one number apart.
func (d *stateDir) machine() (wire.ID, error) {
	path := d.file("machine")
	var id wire.ID
	text, err := readBounded(path, 100)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if _, err := rand.Read(id[:]); err != nil {
			return id, err
		}
		if err := replaceFile(path, machineLine(id), 0o600); err != nil {
			return id, fmt.Errorf("machine id: %w", err)
		}
		return id, nil
	case err == nil:
		word, _, _ := strings.Cut(string(text), " ")
		if err = id.UnmarshalText([]byte(word)); err == nil && string(machineLine(id)) != string(text) {
			err = errors.New("its checksum is wrong")
		}
	}
	if err != nil {
		return id, fmt.Errorf("machine id %s: %w; remove it to have the node admitted as a new machine", path, err)
	}
	return id, nil
}

// machineLine is the file's only line: the id, and a checksum, since a bit that turned would make another machine of it.
func machineLine(id wire.ID) []byte {
	return fmt.Appendf(nil, "%s %08x\n", id, crc32.ChecksumIEEE(id[:]))
}

// readBoot reads which life of the kernel this is.
func readBoot() (wire.ID, error) {
	var id wire.ID
	text, err := readBounded("/proc/sys/kernel/random/boot_id", 100)
	if err != nil {
		return id, fmt.Errorf("boot id: %w", err)
	}
	if err := id.UnmarshalText([]byte(strings.TrimSpace(string(text)))); err != nil {
		return id, fmt.Errorf("boot id: %w", err)
	}
	return id, nil
}
