package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// replaceFile makes path hold data, all of it or what it held before: a new file beside it, fsynced, renamed over it, and
// the directory fsynced. mode is the new file's, whatever the umask.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	tmp := path + ".new"
	if err := writeSynced(tmp, data, mode); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(tmp)))
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(filepath.Dir(path))
}

// keepOld makes old a second name of what path holds now, so that the generation before the next is kept. Where the file system knows no second
// names (link(2): EPERM on vfat and exfat) it is a copy.
func keepOld(path, old string) error {
	if err := ignoreMissing(os.Remove(old)); err != nil {
		return err
	}
	err := os.Link(path, old)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EMLINK) {
		err = copyFile(path, old)
	}
	return ignoreMissing(err)
}

func copyFile(path, to string) error {
	data, err := readBounded(path, max(maxDurable, maxConfig))
	if err != nil {
		return err
	}
	return replaceFile(to, data, modeOf(path, 0o600))
}

// modeOf is a file's mode, so that who may read it stays as it is; usual where there is none.
func modeOf(path string, usual os.FileMode) os.FileMode {
	if info, err := os.Stat(path); err == nil {
		return info.Mode().Perm()
	}
	return usual
}

func writeSynced(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(ownMode(f, mode), f.Sync()); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// ownMode gives a file its mode. A file system that knows none (vfat, exfat) has one for all its files, by how it is mounted: that will do if it
// lets nobody else do more.
func ownMode(f *os.File, mode os.FileMode) error {
	err := f.Chmod(mode)
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	info, statErr := f.Stat()
	switch {
	case statErr != nil:
		return errors.Join(err, statErr)
	case info.Mode().Perm()&^mode&0o077 != 0:
		return fmt.Errorf("%w: its file system knows no modes, and others may read or write there (%s). Mount it with umask=077, or have this on ext4, xfs or btrfs",
			err, info.Mode().Perm())
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// readBounded reads a small file; one of more than most bytes is an error, not a surprise.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > most:
		return nil, &os.PathError{Op: "read", Path: path, Err: errTooLarge}
	}
	return data, nil
}

var errTooLarge = errors.New("larger than it can be; this is not a file of locum's")
