package quorumdisk

// empty is a sector as "init" writes it: it says that nothing was written yet, and can be verified.
func (s Seals) empty(h Header, at Place) []byte {
	switch kind, _, _ := h.Nodes.What(at); kind {
	case KindHeader:
		return s.SealHeader(h)
	case KindSlot:
		return s.SealSlot(h.ID, at, Slot{})
	case KindClaim:
		return s.SealClaim(h.ID, at, Claim{})
	case KindMailbox:
		return s.SealPill(h.ID, at, Pill{})
	default:
		return s.SealTrial(h.ID, at, Trial{})
	}
}
