package quorumdisk

// Trial is what "locum disk test" writes, to be found again by itself and by the other nodes.
type Trial struct {
	Run     uint64 // of the test, at random; 0: never written
	Counter uint64
}

// SealTrial makes the sector of a node's trial.
func (s Seals) SealTrial(id DiskID, at Place, v Trial) []byte {
	var b body
	b.u64(v.Run)
	b.u64(v.Counter)
	return s.Seal(KindTrial, id, at, b)
}

// OpenTrial reads the sector of a node's trial.
func (s Seals) OpenTrial(id DiskID, at Place, sector []byte) (Trial, error) {
	raw, err := s.Open(KindTrial, id, at, sector)
	if err != nil {
		return Trial{}, err
	}
	f := fields{b: raw}
	v := Trial{Run: f.u64(), Counter: f.u64()}
	if !f.whole() || v.Run == 0 && v != (Trial{}) {
		return Trial{}, Nonsense
	}
	return v, nil
}
