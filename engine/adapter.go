package engine

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"soberano/engine/lora"
	"soberano/engine/nn"
	"soberano/models"
)

// Adapter is a low-rank adapter (LoRA) that is loaded beside a model. Requests choose it; others don't notice it.
type Adapter struct {
	model  *Model
	number int
	pairs  map[string]nn.Pair // for another device
	loaded *nn.Adapter
}

// AdapterUse is a use of an adapter with a factor of what it changes; usually 1.
type AdapterUse struct {
	*Adapter
	Scale float32
}

// LoadAdapter loads the adapter at path, a GGUF file or a folder of PEFT. It is freed with the model. The error is a *models.FileError if the adapter is damaged, is not one for this model, or
// changes what can't be adapted.
func (m *Model) LoadAdapter(path string) (*Adapter, error) {
	pairs, err := lora.Read(path, m.file.Meta)
	if err != nil {
		return nil, err
	}
	a := &Adapter{model: m, pairs: pairs}
	err = m.queue.Exec(func() (err error) {
		if a.loaded, err = m.named.Adapt(pairs); err != nil {
			return err
		}
		m.adapters = append(m.adapters, a)
		a.number = len(m.adapters)
		return nil
	})
	if tensor, ok := errors.AsType[*nn.AdaptError](err); ok {
		return nil, models.Unsupported(path, "choose an adapter that was made for this model", "%s", tensor.Error())
	}
	return a, err
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
