package host

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"soberano/models/registry"
)

// fake is an opened model that records whether it was closed.
type fake struct {
	from     *opens
	name     string
	settings Settings
}

func (f *fake) Close() error {
	f.from.mu.Lock()
	defer f.from.mu.Unlock()
	if f.from.open[f.name] == 0 {
		f.from.t.Errorf("%s is closed twice", f.name)
	}
	f.from.open[f.name]--
	f.from.held -= f.from.size
	f.from.log = append(f.from.log, "close "+f.name)
	return f.from.closeErr
}

// opens opens fakes.
type opens struct {
	t        *testing.T
	size     int64            // bytes of each fake
	gate     chan struct{}    // a load continues when it gets a value; nil: without waiting
	fail     map[string]error // errors of loads
	closeErr error

	mu   sync.Mutex
	open map[string]int
	held int64
	most int64 // the maximum of held
	log  []string
}

// newFakes returns a host whose models each need one unit of memory.
func newFakes(t *testing.T, o Options) (*Host, *Models[*fake], *opens) {
	f := &opens{t: t, size: unit, fail: map[string]error{}, open: map[string]int{}}
	h := New(o)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		for name, n := range f.open {
			if n != 0 {
				t.Errorf("%s is left open", name)
			}
		}
	})
	return h, NewModels(h, f.load, func(*fake) int64 { return f.size }), f
}

func (f *opens) load(ctx context.Context, e registry.Entry, s Settings, report func(float64)) (*fake, error) {
	f.mu.Lock()
	f.log = append(f.log, "open "+e.Name)
	err, gate := f.fail[e.Name], f.gate
	f.mu.Unlock()
	report(0.5)
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[e.Name]++; f.open[e.Name] > 1 {
		f.t.Errorf("%s is open twice", e.Name)
	}
	f.held += f.size
	f.most = max(f.most, f.held)
	return &fake{f, e.Name, s}, nil
}

// history returns the names of the models opened and closed so far, in order.
func (f *opens) history() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

// entry returns a model whose file states no sizes.
func entry(name string) registry.Entry {
	return registry.Entry{Name: name, Info: registry.Info{Title: name, Kind: registry.Chat}}
}

// unit is the estimated memory of such a model.
var unit = estimate(entry(""), Settings{})

func acquire(t *testing.T, m *Models[*fake], name string) *Lease[*fake] {
	t.Helper()
	l, err := m.Acquire(context.Background(), entry(name), Settings{}, nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return l
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

var errBroken = errors.New("cut short")
