package lab

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ShareDisk gives all nodes one empty file, under one name of their own directories, to be a disk that they share. It is gone with
// the world. It fails where a tmpfs knows no O_DIRECT, which is before Linux 6.6.
func (w *World) ShareDisk(name string) error {
	return w.keeper.do(func() error {
		first := filepath.Join(w.Nodes[0].dir(), name)
		fd, err := unix.Open(first, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC|unix.O_DIRECT, 0o600)
		if err != nil {
			return &os.PathError{Op: "open", Path: first, Err: err}
		}
		unix.Close(fd)
		for _, n := range w.Nodes[1:] {
			if err := os.Link(first, filepath.Join(n.dir(), name)); err != nil {
				return err
			}
		}
		return nil
	})
}
