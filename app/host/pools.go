package host

import (
	"errors"
	"sync"

	"soberano/kernels/cpu"
)

// pools are the workers that the models of a Host share: one pool for each requested number of threads. In the window no number is
// requested, so all models share one pool. If several models compute at the same time, their priorities (kernels.Priority) decide
// which goes first.
type pools struct {
	mu sync.Mutex
	of map[int]*cpu.Pool // by Settings.Threads
}

// get returns the pool for a number of threads.
func (p *pools) get(threads int) (*cpu.Pool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pool := p.of[threads]; pool != nil {
		return pool, nil
	}
	pool, err := cpu.NewPool(threads)
	if err != nil {
		return nil, err
	}
	if p.of == nil {
		p.of = map[int]*cpu.Pool{}
	}
	p.of[threads] = pool
	return pool, nil
}

// close ends the workers. All models must have been closed before.
func (p *pools) close() (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pool := range p.of {
		err = errors.Join(err, pool.Close())
	}
	clear(p.of)
	return err
}
