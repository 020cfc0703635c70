package wire

// Claimed is the node that a frame names as its sender, without any proof; 0 if it names none.
func Claimed(frame []byte) Node {
	if len(frame) < headerSize || frame[0] != Version || frame[6] > MaxNodes {
		return 0
	}
	return readHeader(frame).sender
}
