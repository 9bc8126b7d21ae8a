package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"soberano/engine/lora"
	"soberano/engine/nn"
	"soberano/models"
)

// Adapter is a low-rank adapter (LoRA) that is loaded beside a model. Requests choose it; others don't notice it.
type Adapter struct {
	model  *Model
	path   string
	number int
	pairs  map[string]nn.Pair // for another device
	loaded *nn.Adapter
}

// AdapterUse is a use of an adapter with a factor of what it changes; usually 1.
type AdapterUse struct {
	*Adapter
	Scale float32
}

// LoadAdapter loads the adapter at path, a GGUF file or a folder of PEFT, or returns it if it was loaded before. It is freed with the model. room, if not nil, is called with the bytes that it
// takes before it is loaded, and may refuse them with an error; it is called with their negative if the adapter is not loaded after all. The error is a *models.FileError if the adapter is
// damaged, is not one for this model, or changes what can't be adapted. Any goroutine may call it.
func (m *Model) LoadAdapter(path string, room func(bytes int64) error) (*Adapter, error) {
	m.loading.Lock()
	defer m.loading.Unlock()
	if i := slices.IndexFunc(m.loaded, func(a *Adapter) bool { return a.path == path }); i >= 0 {
		return m.loaded[i], nil
	}
	pairs, err := lora.Read(path, m.file.Meta)
	if err != nil {
		return nil, err
	}
	a := &Adapter{model: m, path: path, pairs: pairs}
	if room != nil {
		if err := room(a.bytes()); err != nil {
			return nil, err
		}
	}
	if err = m.adopt(a); err == nil {
		m.loaded = append(m.loaded, a)
		return a, nil
	}
	if room != nil {
		err = errors.Join(err, room(-a.bytes()))
	}
	return nil, err
}

// adopt loads an adapter onto the device.
func (m *Model) adopt(a *Adapter) error {
	err := m.queue.Exec(func() (err error) {
		if a.loaded, err = m.named.Adapt(a.pairs); err != nil {
			return err
		}
		m.adapters = append(m.adapters, a)
		a.number = len(m.adapters)
		return nil
	})
	if tensor, ok := errors.AsType[*nn.AdaptError](err); ok {
		return models.Unsupported(a.path, "choose an adapter that was made for this model", "%s", tensor.Error())
	}
	return err
}

// bytes returns the memory that the adapter takes: its values, on the device and for another one.
func (a *Adapter) bytes() (n int64) {
	for _, p := range a.pairs {
		n += 2 * 4 * int64(len(p.A)+len(p.B))
	}
	return n
}

// reloadAdapters loads all adapters again, after m.named was replaced. It runs on the queue's goroutine.
func (m *Model) reloadAdapters() error {
	for _, a := range m.adapters {
		again, err := m.named.Adapt(a.pairs)
		if err != nil {
			return err
		}
		*a.loaded = *again // requests under way have it
	}
	return nil
}

// uses returns the adapters of a request, and the key of what is computed with them.
func (m *Model) uses(list []AdapterUse) (uses []nn.Use, key string, err error) {
	var b strings.Builder
	for _, u := range list {
		switch {
		case u.Adapter == nil || u.model != m:
			return nil, "", errors.New("engine: an adapter of another model")
		case math.IsNaN(float64(u.Scale)) || math.IsInf(float64(u.Scale), 0):
			return nil, "", fmt.Errorf("engine: an adapter with the scale %v", u.Scale)
		case u.Scale == 0:
			continue
		}
		uses = append(uses, nn.Use{Adapter: u.loaded, Scale: u.Scale})
		fmt.Fprintf(&b, "%d×%v ", u.number, u.Scale)
	}
	return uses, b.String(), nil
}
