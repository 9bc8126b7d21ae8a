package batch

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// held is a request that stays under way until it is let go.
type held struct {
	name string
	free chan struct{}
	t    *Ticket
}

// line submits requests and records the order in which they are admitted.
type line struct {
	t     *testing.T
	q     *Queue
	mu    sync.Mutex
	order []string
}

// add submits a request that waits for its first token until it is let go.
func (l *line) add(name string, background bool, most int) *held {
	h := &held{name: name, free: make(chan struct{})}
	first := true
	h.t = l.q.Submit(l.t.Context(), Request{
		Tokens: numbers(1, 3), From: 2, Fresh: true, Background: background, Most: most,
		Started: func(int) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.order = append(l.order, name)
		},
		Each: func(int, []float32) (int32, bool, error) {
			if first {
				first = false
				return 1, true, nil
			}
			select {
			case <-h.free:
				return 0, false, nil
			default:
				time.Sleep(5 * time.Millisecond) // other requests of the step go on
				return 1, true, nil
			}
		},
	})
	return h
}

// admitted returns the names in the order of their admission, when there are n or after some time.
func (l *line) admitted(n int) []string {
	for range 40 {
		l.mu.Lock()
		order := slices.Clone(l.order)
		l.mu.Unlock()
		if len(order) >= n {
			return order
		}
		time.Sleep(25 * time.Millisecond)
	}
	return l.order
}

func (l *line) end(requests ...*held) {
	for _, h := range requests {
		close(h.free)
		<-h.t.Done()
		if err := h.t.Err(); err != nil {
			l.t.Errorf("%s: %v", h.name, err)
		}
	}
}

// TestAdmission checks that requests are admitted while their states fit into the room, those of a person first and two of them in any case.
func TestAdmission(t *testing.T) {
	q := open(t, "llama", 4096)
	within(t, q, func() { q.room = 2 * q.size })
	l := &line{t: t, q: q}
	a, b := l.add("a", true, 0), l.add("b", true, 0)
	if got := l.admitted(2); !slices.Equal(got, []string{"a", "b"}) {
		t.Fatalf("admitted %v", got)
	}
	c, p1, p2 := l.add("c", true, 0), l.add("p1", false, 0), l.add("p2", false, 0)
	if got := l.admitted(4); !slices.Equal(got, []string{"a", "b", "p1", "p2"}) {
		t.Fatalf("admitted %v, the two of the person come first", got)
	}
	p3 := l.add("p3", false, 0)
	if waiting, running := q.Requests(); waiting != 2 || running != 4 {
		t.Errorf("%d requests wait and %d are under way, not 2 and 4", waiting, running)
	}
	l.end(a, b)
	time.Sleep(100 * time.Millisecond) // some steps later
	if got := l.admitted(4); len(got) != 4 {
		t.Fatalf("admitted %v, two full states are under way", got)
	}
	l.end(p1)
	if got := l.admitted(5); !slices.Equal(got[4:], []string{"p3"}) {
		t.Fatalf("admitted %v, the person's comes before the older one of the background", got)
	}
	l.end(p2)
	if got := l.admitted(6); !slices.Equal(got[5:], []string{"c"}) {
		t.Fatalf("admitted %v", got)
	}
	l.end(p3, c)
}

// TestShortFirst checks that of the requests of the background that wait, short ones go first, but not before long ones that have waited for long enough.
func TestShortFirst(t *testing.T) {
	q := open(t, "llama", 4096)
	within(t, q, func() { q.room = q.size })
	l := &line{t: t, q: q}
	all := []*held{l.add("running", true, 0)}
	l.admitted(1)
	all = append(all, l.add("unlimited", true, 0), l.add("long", true, 1000), l.add("short", true, 64), l.add("shorter", true, 32))
	within(t, q, func() { q.rows += patience * (longest - 64) })
	all = append(all, l.add("late", true, 128))
	for _, i := range []int{0, 4, 3, 1, 2, 5} {
		l.end(all[i])
	}
	if got := l.admitted(6); !slices.Equal(got, []string{"running", "shorter", "short", "unlimited", "long", "late"}) {
		t.Errorf("admitted %v", got)
	}
}

// TestShortRequestsSideBySide checks that requests which say how long they will be are admitted by that, and that some slots stay free for a person.
func TestShortRequestsSideBySide(t *testing.T) {
	q := open(t, "llama", 4096)
	within(t, q, func() { q.room = 2 * q.size })
	l := &line{t: t, q: q}
	var all []*held
	for range mostSlots {
		all = append(all, l.add("b", true, 400))
	}
	if got := l.admitted(mostSlots); len(got) != mostSlots-reserved {
		t.Errorf("%d of %d short requests are side by side", len(got), mostSlots)
	}
	all = append(all, l.add("p", false, 0))
	if got := l.admitted(mostSlots - reserved + 1); got[len(got)-1] != "p" {
		t.Errorf("admitted %v, no slot was free for the person", got)
	}
	l.end(all...)
}
