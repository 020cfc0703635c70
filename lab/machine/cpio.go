package machine

import (
	"bytes"
	"fmt"
	"path"
	"slices"
)

// File is one file of a machine's image, by its path without the first slash.
type File struct {
	Path string
	Mode uint32 // permissions
	Data []byte
}

// archive writes files in the "newc" format of cpio (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst),
// with the directories above them.
func archive(files []File) []byte {
	a := archiver{made: map[string]bool{".": true}}
	for _, dir := range []string{"dev", "proc", "sys", "run", "tmp"} {
		a.directory(dir)
	}
	for _, f := range files {
		a.directory(path.Dir(f.Path))
		a.entry(f.Path, 0o100000|f.Mode, f.Data)
	}
	a.entry("TRAILER!!!", 0, nil)
	return a.out.Bytes()
}

type archiver struct {
	out   bytes.Buffer
	made  map[string]bool
	inode int
}

func (a *archiver) directory(dir string) {
	if a.made[dir] {
		return
	}
	a.directory(path.Dir(dir))
	a.made[dir] = true
	a.entry(dir, 0o040755, nil)
}

// entry writes a header of 110 bytes, the name with a zero byte, and the content, each padded to four bytes.
func (a *archiver) entry(name string, mode uint32, data []byte) {
	a.inode++
	fmt.Fprintf(&a.out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	a.out.WriteString(name)
	a.out.WriteByte(0)
	a.pad()
	a.out.Write(data)
	a.pad()
}

func (a *archiver) pad() {
	if over := a.out.Len() % 4; over != 0 {
		a.out.Write(slices.Repeat([]byte{0}, 4-over))
	}
}
