package host

import (
	"context"
	"strconv"
	"sync"
	"time"

	"soberano/kernels"
)

// memoryShare is the share of a GPU's memory that models may take; the desktop and other programs have the rest.
const memoryShare = 0.85

// memoryUnits is into how many units the memory of a GPU is divided: what is free there is counted in whole ones, so that small changes do not change
// which part of a model is on it, and one of them is left to others.
const memoryUnits = 16

// claims are the parts of the memory of GPUs that the models of a Host have, or are about to take. The zero value has none.
type claims struct {
	mu  sync.Mutex
	all map[*claim]struct{}
}

// claim is the memory of a GPU that one model has.
type claim struct {
	of      *claims
	key     key
	gpu     int
	planned int64 // bytes with a full conversation
	loaded  int64 // bytes of weights that are there
	users   int   // the devices that have it, and the opening of the model; it ends with the last
}

// take claims the memory of what place puts on a GPU, which is handed the bytes that are left for it there; 0: not known.
func (c *claims) take(gpu *GPU, k key, place func(memory int64) (placement, error)) (*claim, placement, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var planned, growth int64
	for other := range c.all {
		if other.gpu == gpu.Number {
			planned += other.planned
			growth += max(0, other.planned-other.loaded)
		}
	}
	p, err := place(left(gpu.MemoryBytes, gpu.FreeBytes, planned, growth))
	if err != nil {
		return nil, p, err
	}
	if c.all == nil {
		c.all = map[*claim]struct{}{}
	}
	taken := &claim{of: c, key: k, gpu: gpu.Number, planned: p.bytes, users: 1}
	c.all[taken] = struct{}{}
	return taken, p, nil
}

// left returns the bytes that a further model may take of a GPU with so much memory, of which so much is free; 0: not known. The models that are there
// take planned bytes at most, growth more than now.
func left(memory, free, planned, growth int64) int64 {
	if memory <= 0 {
		return 0
	}
	most := int64(memoryShare*float64(memory)) - planned
	if unit := memory / memoryUnits; free > 0 && unit > 0 {
		most = min(most, ((free-growth)/unit-1)*unit)
	}
	return max(1, most)
}

// use notes that a device has the memory, too.
func (c *claim) use() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.users++
	c.loaded = 0
}

// drop ends a use.
func (c *claim) drop() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.users--; c.users == 0 {
		delete(c.of.all, c)
	}
}

// shrink sets what is planned, after less than that was put on the GPU.
func (c *claim) shrink(planned int64) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.planned = planned
}

// holders returns the models that have memory of a GPU.
func (c *claims) holders(gpu int) map[key]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := map[key]bool{}
	for other := range c.all {
		if other.gpu == gpu {
			keys[other.key] = true
		}
	}
	return keys
}

// claimingDevice is a device on a GPU, whose memory is claimed until it is closed.
type claimingDevice struct {
	kernels.Device
	c    *claim
	once sync.Once
}

// Load loads a matrix and counts its bytes.
func (d *claimingDevice) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	m, err := d.Device.Load(parts...)
	d.c.of.mu.Lock()
	defer d.c.of.mu.Unlock()
	for _, p := range parts {
		if err == nil && !p.Lookup {
			d.c.loaded += int64(len(p.Data))
		}
	}
	return m, err
}

// Close ends the claim.
func (d *claimingDevice) Close() error {
	defer d.once.Do(d.c.drop)
	return d.Device.Close()
}

// free returns the GPU with what is free of its memory at present, if its driver tells.
func (g *gpus) free(ctx context.Context, gpu *GPU) *GPU {
	if gpu.FreeBytes == 0 {
		return gpu
	}
	var d described
	if err := ask(ctx, g.helper, 20*time.Second, &d, "describe", strconv.Itoa(gpu.Number)); err != nil || d.FreeBytes == 0 {
		return gpu // connecting to it finds what is wrong
	}
	now := *gpu
	now.FreeBytes = d.FreeBytes
	return &now
}

// evict closes an idle model of the same kind as k that has memory of a GPU, the least recently used, and waits until its memory is free. It returns
// false if there is none.
func (h *Host) evict(gpu int, k key) bool {
	holders := h.gpus.claims.holders(gpu)
	h.mu.Lock()
	var old *model
	for _, m := range h.models {
		if m.idle() && m.key != k && m.key.kind == k.kind && holders[m.key] && (old == nil || m.used < old.used) {
			old = m
		}
	}
	if old != nil {
		h.close(old)
	}
	h.mu.Unlock()
	if old != nil {
		<-old.gone
	}
	return old != nil
}
