package token

// queue is a priority queue: a binary heap in a slice. Unlike container/heap, it does not allocate
// memory for each item.
type queue[T any] struct {
	items  []T
	before func(a, b T) bool
}

func (q *queue[T]) len() int { return len(q.items) }

func (q *queue[T]) push(x T) {
	q.items = append(q.items, x)
	i := len(q.items) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !q.before(q.items[i], q.items[up]) {
			return
		}
		q.items[i], q.items[up] = q.items[up], q.items[i]
		i = up
	}
}

// pop removes the first item and returns it. The queue must not be empty.
func (q *queue[T]) pop() T {
	top, n := q.items[0], len(q.items)-1
	q.items[0] = q.items[n]
	q.items = q.items[:n]
	for i := 0; ; {
		down := 2*i + 1
		if down >= n {
			return top
		}
		if down+1 < n && q.before(q.items[down+1], q.items[down]) {
			down++
		}
		if !q.before(q.items[down], q.items[i]) {
			return top
		}
		q.items[i], q.items[down] = q.items[down], q.items[i]
		i = down
	}
}
