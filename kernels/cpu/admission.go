package cpu

import (
	"sync"
	"sync/atomic"

	"soberano/kernels"
)

// admission grants the workers of a pool to one goroutine at a time, by priority. After each operation, the waiting
// goroutine with the highest priority is next, and of several with that priority the one that has waited
// longest. A pool without contention is acquired and released with one compare-and-swap each.
//
//	state  free ◀──▶ taken            one user
//	         └─▶ managed ◀─┘          some user waits, or a priority is held: the fields below mu are valid
type admission struct {
	state atomic.Int32

	mu      sync.Mutex
	busy    bool // valid while state is managed
	waiting [kernels.Priorities][]*turn
	came    int64                   // number of turns that have waited so far
	held    [kernels.Priorities]int // see Hold
	lent    [kernels.Priorities]int // see Lend
}

const (
	free = iota
	taken
	managed
)

// turn is a user of a pool: a device, or a call of Each.
type turn struct {
	priority kernels.Priority
	ready    chan struct{} // receives one value when it is this user's turn
	came     int64         // order in which it began to wait
}

func newTurn(p kernels.Priority) turn { return turn{priority: p, ready: make(chan struct{}, 1)} }

// enter blocks until t may use the workers.
func (a *admission) enter(t *turn) {
	if a.state.CompareAndSwap(free, taken) {
		return
	}
	a.mu.Lock()
	a.manage()
	if !a.busy && a.admits(t.priority) {
		a.busy = true
		a.mu.Unlock()
		return
	}
	a.came++
	t.came = a.came
	a.waiting[t.priority] = append(a.waiting[t.priority], t)
	a.mu.Unlock()
	<-t.ready
}

// leave passes the workers to the next user.
func (a *admission) leave() {
	if a.state.CompareAndSwap(taken, free) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy = false
	a.next()
}

// manage switches state to managed. mu must be held.
func (a *admission) manage() {
	if was := a.state.Swap(managed); was != managed {
		a.busy = was == taken
	}
}

// effective returns the current priority of users of priority p: their own, or a higher one that is lent
// to them.
func (a *admission) effective(p kernels.Priority) kernels.Priority {
	for q := kernels.Priorities - 1; q > p; q-- {
		if a.lent[q] > 0 {
			return q
		}
	}
	return p
}

// admits reports whether a user of priority p may run, that is, whether no higher priority is held.
func (a *admission) admits(p kernels.Priority) bool {
	for _, n := range a.held[a.effective(p)+1:] {
		if n > 0 {
			return false
		}
	}
	return true
}

// next admits the user who is next, if the workers are free.
func (a *admission) next() {
	if a.busy {
		return
	}
	best := kernels.Priority(-1)
	idle := true // nobody waits and nothing is held
	for p := kernels.Priorities - 1; p >= 0; p-- {
		line := a.waiting[p]
		idle = idle && len(line) == 0 && a.held[p] == 0
		switch {
		case len(line) == 0 || !a.admits(p):
		case best < 0, a.effective(p) == a.effective(best) && line[0].came < a.waiting[best][0].came:
			best = p
		}
	}
	if best >= 0 {
		a.admit(best)
	} else if idle {
		a.state.Store(free)
	}
}

// admit admits the user of priority p who has waited longest.
func (a *admission) admit(p kernels.Priority) {
	line := a.waiting[p]
	t := line[0]
	copy(line, line[1:])
	line[len(line)-1] = nil
	a.waiting[p] = line[:len(line)-1]
	a.busy = true
	t.ready <- struct{}{}
}

// Hold makes users of lower priorities wait, from the end of the current operation until release is called. It is
// for a user who is about to use the workers repeatedly, with pauses. release may be called more than once.
func (p *Pool) Hold(priority kernels.Priority) (release func()) {
	p.hold(priority)
	var once sync.Once
	return func() { once.Do(func() { p.unhold(priority) }) }
}

// hold increments the hold count of a priority; unhold decrements it.
func (a *admission) hold(priority kernels.Priority) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.manage()
	a.held[priority]++
}

func (a *admission) unhold(priority kernels.Priority) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held[priority]--
	a.next()
}

// Lend gives users of lower priorities this priority until release is called. It is for a user of this priority who
// waits for something that one of them has and returns when its work is done (priority inheritance).
// Without it, users of a priority between the two would delay both. release may be called
// more than once.
func (p *Pool) Lend(priority kernels.Priority) (release func()) {
	p.lend(priority)
	var once sync.Once
	return func() { once.Do(func() { p.takeBack(priority) }) }
}

func (a *admission) lend(priority kernels.Priority) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.manage()
	a.lent[priority]++
	a.next()
}

func (a *admission) takeBack(priority kernels.Priority) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lent[priority]--
}
