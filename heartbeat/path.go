package heartbeat

import "locum/wire"

// Path is one way for frames between the nodes of a cluster. It has one socket or port for all peers. No method blocks,
// and all but Close are called from one goroutine. A path recovers by itself when its interface or address comes back;
// until then Send and Drain give errors.
type Path interface {
	// Name is the path's name in the file, Type its kind: udp, ethernet, serial.
	Name() string
	Type() string
	// MTU is the largest frame it takes, in bytes, at most wire.MaxFrame.
	MTU() int
	// Send hands a frame to the path for one node, or where its line is Shared for Everybody, and keeps nothing of it. A full
	// buffer is an error: the frame is lost.
	Send(to wire.Node, frame []byte) error
	// Drain hands out everything that waits, oldest first. Received.Frame is valid until take returns. Its error is
	// one of the path; what was taken before it counts.
	Drain(take func(Received)) error
	// FD is a descriptor that is readable when Drain has something, -1 while there is none. It may change after an
	// error of Send or Drain.
	FD() int
	// Close ends the path.
	Close() error
}

// Received is a frame as it came, and when. It stands in wire so that serialhb satisfies Path without importing this package.
type Received = wire.Received
