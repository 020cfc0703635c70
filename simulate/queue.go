package simulate

import (
	"container/heap"

	"locum/wire"
)

// queue is what is to happen, in order of time; of two things at one instant the one that was put in first comes first.
type queue struct {
	items []item
	count uint64
}

type item struct {
	at    wire.Instant
	order uint64
	do    func()
}

func (q *queue) Len() int { return len(q.items) }
func (q *queue) Less(i, j int) bool {
	a, b := q.items[i], q.items[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}
func (q *queue) Swap(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] }
func (q *queue) Push(x any)    { q.items = append(q.items, x.(item)) }
func (q *queue) Pop() any {
	last := q.items[len(q.items)-1]
	q.items = q.items[:len(q.items)-1]
	return last
}

func (q *queue) put(at wire.Instant, do func()) {
	q.count++
	heap.Push(q, item{at, q.count, do})
}

func (q *queue) take() item { return heap.Pop(q).(item) }
