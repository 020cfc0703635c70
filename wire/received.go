package wire

// Received is a frame as it came, and when.
type Received struct {
	Frame []byte
	// At is when the kernel received it, on this node's clock. Without a stamp, or when the wall clock jumped, it is the
	// instant of the drain before: a frame may look older than it is, never newer.
	At      Instant
	Stamped bool // At is the kernel's
}
