package simulate

import "locum/wire"

// queue is what is to happen, in order of time; of two things at one instant the one that was put in first comes first. It
// is a binary heap of its own, because container/heap allocates for each thing twice.
type queue struct {
	items []item
	count uint64
}

type item struct {
	at    wire.Instant
	order uint64
	do    func()
}

func (a item) before(b item) bool { return a.at < b.at || a.at == b.at && a.order < b.order }

func (q *queue) put(at wire.Instant, do func()) {
	q.count++
	q.items = append(q.items, item{at, q.count, do})
	for i := len(q.items) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.items[i].before(q.items[up]) {
			return
		}
		q.items[i], q.items[up] = q.items[up], q.items[i]
		i = up
	}
}

func (q *queue) take() item {
	first, last := q.items[0], len(q.items)-1
	q.items[0], q.items[last] = q.items[last], item{}
	q.items = q.items[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return first
		}
		if down+1 < last && q.items[down+1].before(q.items[down]) {
			down++
		}
		if !q.items[down].before(q.items[i]) {
			return first
		}
		q.items[i], q.items[down] = q.items[down], q.items[i]
		i = down
	}
}
