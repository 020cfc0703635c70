package main

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Numbers of RFC 5531 (RPC) and RFC 1813 (NFS version 3 and its mount protocol).
const (
	programNFS   = 100003
	programMount = 100005

	nfsPerm     = 1
	nfsNoEntry  = 2
	nfsIO       = 5
	nfsExist    = 17
	nfsNotEmpty = 66
	nfsStale    = 70
	nfsNoSuch   = 10004 // operation
)

// server exports a directory over NFS version 3, on TCP: as much of it as a Linux client needs for the files of locum. The kernel's own
// server wants programs that a small machine has not got; what counts here is the client, and a server that can be stopped.
type server struct {
	mu    sync.Mutex
	paths map[uint64]string // by handle, which is the inode's number
}

// serveNFS is a program of its own, so that it can be stopped: nfs DIRECTORY ADDRESS.
func serveNFS(args []string) error {
	l, err := net.Listen("tcp", args[1])
	if err != nil {
		return err
	}
	s := &server{paths: map[uint64]string{}}
	if _, err := s.handle(args[0]); err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() { _ = s.serve(c, args[0]) }()
	}
}

// serve answers the calls of one connection, each a record of one piece.
func (s *server) serve(c net.Conn, root string) error {
	defer c.Close()
	for {
		var head [4]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return err
		}
		call := make([]byte, binary.BigEndian.Uint32(head[:])&^(1<<31))
		if _, err := io.ReadFull(c, call); err != nil {
			return err
		}
		answer := s.answer(&xdr{call}, root)
		if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))|1<<31), answer...)); err != nil {
			return err
		}
	}
}

func (s *server) answer(in *xdr, root string) []byte {
	out := &xdr{}
	id := in.u32()
	in.u32() // a call
	in.u32() // of version 2
	program := in.u32()
	in.u32() // version 3
	procedure := in.u32()
	for range 2 { // who asks, and a verifier
		in.u32()
		in.bytes()
	}
	out.put(id, 1, 0, 0, 0) // a reply, accepted, no verifier
	if program != programNFS && program != programMount {
		out.put(1) // there is no such program: Linux asks for access control lists
		return out.b
	}
	out.put(0) // done
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case procedure == 0:
	case program == programMount && procedure == 1:
		h, err := s.handle(root)
		if out.put(status(err)); err == nil {
			out.putBytes(h)
			out.put(1, 1) // AUTH_SYS
		}
	case program == programMount:
	default:
		s.nfs(procedure, in, out)
	}
	return out.b
}

// handle names a file and remembers where it is.
func (s *server) handle(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	ino := info.Sys().(*syscall.Stat_t).Ino
	s.paths[ino] = path
	return binary.BigEndian.AppendUint64(nil, ino), nil
}

// file reads a handle. One that is not known is stale.
func (s *server) file(in *xdr) (string, error) {
	h := in.bytes()
	if len(h) != 8 {
		return "", syscall.ESTALE
	}
	path, ok := s.paths[binary.BigEndian.Uint64(h)]
	if !ok {
		return "", syscall.ESTALE
	}
	return path, nil
}

// entry reads a directory and a name in it.
func (s *server) entry(in *xdr) (dir, path string, err error) {
	dir, err = s.file(in)
	return dir, filepath.Join(dir, filepath.Base(string(in.bytes()))), err
}

func status(err error) uint32 {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, syscall.ESTALE):
		return nfsStale
	case errors.Is(err, fs.ErrNotExist):
		return nfsNoEntry
	case errors.Is(err, fs.ErrExist):
		return nfsExist
	case errors.Is(err, syscall.ENOTEMPTY):
		return nfsNotEmpty
	case errors.Is(err, fs.ErrPermission):
		return nfsPerm
	}
	return nfsIO
}

func look(path string) fs.FileInfo {
	info, err := os.Lstat(path)
	if err != nil {
		return nil
	}
	return info
}
