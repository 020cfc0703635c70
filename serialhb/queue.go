package serialhb

import "locum/wire"

// queueMost is how many frames of one kind wait for a line; it bounds memory, and what inm has under way is less.
const queueMost = 64

// item is one frame with its envelope.
type item struct {
	envelope
	frame []byte
}

// queue is what waits for one line. Of each node only the newest beat is kept: an older one says nothing any more.
type queue struct {
	self   wire.Node
	beats  [wire.MaxNodes + 1][]byte // by sender, empty none
	hops   [wire.MaxNodes + 1]uint8
	turn   int // the sender that was served last
	hellos []item
	rest   []item
}

// put keeps a copy. It reports false if there is no room.
func (q *queue) put(e envelope, frame []byte) bool {
	kind, sender := wire.Kind(frame[1]), frame[6]
	switch {
	case kind == wire.KindBeat && sender <= wire.MaxNodes:
		q.beats[sender] = append(q.beats[sender][:0], frame...)
		q.hops[sender] = e.hops
		return true
	case kind == wire.KindHello:
		return putInto(&q.hellos, e, frame)
	}
	return putInto(&q.rest, e, frame)
}

func putInto(list *[]item, e envelope, frame []byte) bool {
	if len(*list) >= queueMost {
		return false
	}
	*list = append(*list, item{e, append([]byte(nil), frame...)})
	return true
}

// next takes what is to be sent: this node's beat, the others' by turns, greetings, messages.
func (q *queue) next() (item, bool) {
	if it, ok := q.takeBeat(int(q.self)); ok {
		return it, true
	}
	for range len(q.beats) {
		q.turn = (q.turn + 1) % len(q.beats)
		if it, ok := q.takeBeat(q.turn); ok {
			return it, true
		}
	}
	if it, ok := takeFirst(&q.hellos); ok {
		return it, true
	}
	return takeFirst(&q.rest)
}

func (q *queue) takeBeat(sender int) (item, bool) {
	b := q.beats[sender]
	if len(b) == 0 {
		return item{}, false
	}
	q.beats[sender] = b[:0]
	return item{envelope{0, q.hops[sender]}, b}, true
}

func takeFirst(list *[]item) (item, bool) {
	if len(*list) == 0 {
		return item{}, false
	}
	it := (*list)[0]
	*list = (*list)[1:]
	return it, true
}

func (q *queue) empty() bool {
	for i := range q.beats {
		if len(q.beats[i]) > 0 {
			return false
		}
	}
	return len(q.hellos)+len(q.rest) == 0
}

func (q *queue) clear() { *q = queue{self: q.self} }
