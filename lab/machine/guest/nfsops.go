package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Procedures of NFS version 3 (RFC 1813, section 3.3).
const (
	getattr  = 1
	setattr  = 2
	lookup   = 3
	access   = 4
	read     = 6
	write    = 7
	create   = 8
	mkdir    = 9
	remove   = 12
	rmdir    = 13
	rename   = 14
	link     = 15
	readdir  = 16
	fsstat   = 18
	fsinfo   = 19
	pathconf = 20
	commit   = 21
)

// nfs carries one procedure out. Every write is on the disk before it is answered.
func (s *server) nfs(procedure uint32, in, out *xdr) {
	switch procedure {
	case lookup:
		dir, path, err := s.entry(in)
		s.putFound(out, dir, path, err)
	case create, mkdir:
		s.create(procedure, in, out)
	case remove, rmdir:
		dir, path, err := s.entry(in)
		if err == nil {
			err = os.Remove(path)
		}
		out.put(status(err))
		putChange(out, dir)
	case rename:
		s.rename(in, out)
	default:
		path, err := s.file(in)
		if err == nil && look(path) == nil {
			err = syscall.ESTALE
		}
		s.ofFile(procedure, path, err, in, out)
	}
}

// ofFile is what begins with the handle of what it is done to.
func (s *server) ofFile(procedure uint32, path string, err error, in, out *xdr) {
	switch procedure {
	case getattr:
		if out.put(status(err)); err == nil {
			out.attributes(look(path))
		}
	case setattr:
		if err == nil {
			err = change(path, in)
		}
		out.put(status(err))
		putChange(out, path)
	case link:
		dir, to, wrong := s.entry(in)
		if err = errors.Join(err, wrong); err == nil {
			err = os.Link(path, to)
		}
		out.put(status(err))
		out.putAttributes(look(path))
		putChange(out, dir)
	case access:
		out.put(status(err))
		out.putAttributes(look(path))
		out.put(in.u32()) // all that was asked for
	case read:
		s.read(path, err, in, out)
	case write:
		s.write(path, err, in, out)
	case readdir:
		s.readdir(path, err, in, out)
	case fsstat:
		out.put(status(err))
		out.putAttributes(look(path))
		for range 6 {
			out.put64(1 << 30)
		}
		out.put(0)
	case fsinfo:
		out.put(status(err))
		out.putAttributes(look(path))
		const most = 64 << 10
		out.put(most, most, 4096, most, most, 4096, most)
		out.put64(1 << 40)       // the longest file
		out.put(0, 1, 1<<3|1<<4) // times to the nanosecond; all alike, times can be set
	case pathconf:
		out.put(status(err))
		out.putAttributes(look(path))
		out.put(32000, 255, 1, 1, 0, 1)
	case commit:
		out.put(status(err))
		putChange(out, path)
		out.put64(1) // the same server as before
	default:
		out.put(nfsNoSuch)
		out.put(0, 0)
	}
}

// putChange is a wcc_data: nothing from before, and how it is now.
func putChange(out *xdr, path string) {
	out.put(0)
	out.putAttributes(look(path))
}

func (s *server) putFound(out *xdr, dir, path string, err error) {
	var h []byte
	if err == nil {
		h, err = s.handle(path)
	}
	if out.put(status(err)); err == nil {
		out.putBytes(h)
		out.putAttributes(look(path))
	}
	out.putAttributes(look(dir))
}

func (s *server) create(procedure uint32, in, out *xdr) {
	dir, path, err := s.entry(in)
	var h []byte
	if err == nil {
		if procedure == mkdir {
			err = os.Mkdir(path, 0o700)
		} else {
			how := os.O_EXCL
			if in.u32() == 0 { // unchecked
				how = 0
			}
			var f *os.File
			if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|how, 0o600); err == nil {
				f.Close()
			}
		}
	}
	if err == nil {
		h, err = s.handle(path)
	}
	if out.put(status(err)); err == nil {
		out.put(1)
		out.putBytes(h)
		out.putAttributes(look(path))
	}
	putChange(out, dir)
}

func (s *server) rename(in, out *xdr) {
	fromDir, from, err := s.entry(in)
	toDir, to, wrong := s.entry(in)
	if err = errors.Join(err, wrong); err == nil {
		err = os.Rename(from, to)
	}
	if err == nil {
		_, err = s.handle(to)
	}
	out.put(status(err))
	putChange(out, fromDir)
	putChange(out, toDir)
}

// change sets what a sattr3 names of mode and size; owners and times stay.
func change(path string, in *xdr) error {
	var errs []error
	if in.u32() == 1 {
		errs = append(errs, os.Chmod(path, os.FileMode(in.u32()&0o777)))
	}
	for range 2 {
		if in.u32() == 1 {
			in.u32()
		}
	}
	if in.u32() == 1 {
		errs = append(errs, os.Truncate(path, int64(in.u64())))
	}
	return errors.Join(errs...)
}

func (s *server) read(path string, err error, in, out *xdr) {
	offset, count := in.u64(), in.u32()
	b := make([]byte, min(count, 64<<10))
	n := 0
	if err == nil {
		var f *os.File
		if f, err = os.Open(path); err == nil {
			n, err = f.ReadAt(b, int64(offset))
			f.Close()
		}
	}
	end := uint32(0)
	if errors.Is(err, io.EOF) {
		end, err = 1, nil
	}
	out.put(status(err))
	out.putAttributes(look(path))
	if err == nil {
		out.put(uint32(n), end)
		out.putBytes(b[:n])
	}
}

func (s *server) write(path string, err error, in, out *xdr) {
	offset := in.u64()
	in.u32() // as many as come
	in.u32() // however stable
	b := in.bytes()
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY|syscall.O_DSYNC, 0); err == nil {
			_, err = f.WriteAt(b, int64(offset))
			err = errors.Join(err, f.Close())
		}
	}
	out.put(status(err))
	putChange(out, path)
	if err == nil {
		out.put(uint32(len(b)), 2) // on the disk
		out.put64(1)
	}
}

// readdir gives all of a directory at once: it is small.
func (s *server) readdir(path string, err error, in, out *xdr) {
	from := in.u64()
	var list []os.DirEntry
	if err == nil {
		list, err = os.ReadDir(path)
	}
	out.put(status(err))
	out.putAttributes(look(path))
	if err != nil {
		return
	}
	out.put64(1)
	for i, e := range list {
		info := look(filepath.Join(path, e.Name()))
		if uint64(i) < from || info == nil {
			continue
		}
		out.put(1)
		out.put64(info.Sys().(*syscall.Stat_t).Ino)
		out.putBytes([]byte(e.Name()))
		out.put64(uint64(i) + 1)
	}
	out.put(0, 1)
}
