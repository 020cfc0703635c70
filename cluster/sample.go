package cluster

import (
	"slices"
	"time"

	"locum/config"
	"locum/wire"
)

// Reading is one sample of one thing: what the kernel or a gateway said of it, or that nothing came in time. What is not known
// neither passes a limit nor clears one.
type Reading struct {
	Known bool   `json:"known"`
	Value int64  `json:"value"`         // in the unit of the limit's Bound
	Why   string `json:"why,omitempty"` // it is not known
}

// Sampled is what this node has sampled of itself: its load and the memory that is available, and a reading for each of the file's limits, in
// file order; those about other nodes are not known. It comes at least four times in the time of each limit.
type Sampled struct {
	Load   Reading   `json:"load"`   // hundredths
	Memory Reading   `json:"memory"` // bytes
	Limits []Reading `json:"limits,omitempty"`
}

// limit is the reading for a limit of the file.
func (s Sampled) limit(i int) Reading {
	if i < len(s.Limits) {
		return s.Limits[i]
	}
	return Reading{}
}

// Sides are where each limit's reading is. A sample whose sides are those of the one before tells only that it is still so.
func (s Sampled) Sides(limits []config.Limit) []Side {
	var list []Side
	for i := range limits {
		list = append(list, sideOf(&limits[i], s.limit(i)))
	}
	return list
}

// Side is where a reading is, seen from its limit.
type Side uint8

// The sides. Between the two, what was past its limit stays past it, and what was not stays well: else one that moves about its
// limit would be judged anew with every sample.
const (
	SideUnknown Side = iota
	SideOver         // on the wrong side of the limit
	SideBetween
	SideWell // away from it by a tenth
)

// String is the side's name.
func (s Side) String() string { return [...]string{"unknown", "over", "between", "well"}[s] }

// tooLittle lists the kinds of which a node may have too little; of the others it may have too much.
var tooLittle = []config.LimitKind{config.LimitMemory, config.LimitDisk, config.LimitGateway, config.LimitLink}

// sideOf judges one reading. A tenth of a gateway's or a link's bound is nothing: they are up or down.
func sideOf(l *config.Limit, r Reading) Side {
	beyond := r.Value - l.Bound
	if slices.Contains(tooLittle, l.Kind) {
		beyond = -beyond
	}
	switch {
	case !r.Known:
		return SideUnknown
	case beyond > 0:
		return SideOver
	case beyond < -(l.Bound/10) || l.Bound == 1:
		return SideWell
	}
	return SideBetween
}

// Of how often a node samples itself.
const (
	sampleSeldom = 10 * time.Second // where no limit is about it
	sampleOften  = time.Second
	samplesIn    = 5 // in the time of each limit, at least
)

// SampleEvery is how often a node samples itself: often enough for the shortest of its limits.
func SampleEvery(limits []config.Limit, n wire.Node) time.Duration {
	every := sampleSeldom
	for _, l := range limits {
		if l.About(n) {
			every = min(every, sampleOften, l.For/samplesIn)
		}
	}
	return every
}

// RenewEvery is how often a sample has to come that tells nothing new of any limit: a reading counts for half of its limit's time.
func RenewEvery(limits []config.Limit, n wire.Node) time.Duration {
	renew := sampleSeldom
	for _, l := range limits {
		if l.About(n) {
			renew = min(renew, l.For/samplesIn)
		}
	}
	return renew
}
