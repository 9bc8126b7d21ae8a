package models

import "fmt"

// maxPeriod limits the period of local layers; it is far above the number of layers of any model.
const maxPeriod = 1 << 10

// localPattern says which layers of a family are local.
type localPattern struct {
	period int  // all layers but one of this many are local, by default
	first  bool // the one is the first; otherwise it is the last
	window int  // length of the window if the file does not say it; 0: then no layer is local
	always int  // length of the window whatever the file says; 0: it is the file's
	layers int  // only models of this many layers have local layers; 0: all have
}

// localLayers is the table of the families with local layers.
var localLayers = map[string]localPattern{
	"afmoe":        {period: 4},
	"cohere2":      {period: 4},
	"exaone-moe":   {period: 4, window: 128},
	"exaone4":      {period: 4, window: 4096, layers: 64},
	"gemma2":       {period: 2, window: 4096},
	"gemma3":       {period: 6},
	"gemma3n":      {period: 5},
	"gemma4":       {}, // the file must have the pattern
	"gpt-oss":      {period: 2},
	"granite_swa":  {}, // the file must have the pattern
	"mellum":       {period: 4},
	"olmo2":        {period: 4},
	"smallthinker": {period: 4, first: true, always: 4096},
}

// LocalLayers reports for each layer of a model whether it attends only to a window of the last positions, and the
// length of the window: attention.sliding_window or the family's own. By default every n-th layer attends to all positions and the
// others are local; n depends on the family. attention.sliding_window_pattern may give another n, or a boolean for each
// layer. Without a window no layer is local. In families that are not in the table every layer attends
// to all positions, and the result is nil.
func (m Metadata) LocalLayers(family string, layers int) (local []bool, window int, err error) {
	f, ok := localLayers[family]
	if !ok {
		return nil, 0, nil
	}
	if window, err = m.Int(family+".attention.sliding_window", f.window); err != nil || window == 0 || f.layers != 0 && f.layers != layers {
		return make([]bool, layers), 0, err
	}
	if f.always != 0 {
		window = f.always
	}
	key := family + ".attention.sliding_window_pattern"
	if each, ok := m[key].([]bool); ok {
		if len(each) < layers {
			return nil, 0, fmt.Errorf("key %q has %d entries, the model %d layers: %w", key, len(each), layers, ErrCorrupt)
		}
		return each[:layers], window, nil
	}
	period, err := m.Int(key, f.period)
	if err != nil {
		return nil, 0, err
	}
	if period < 1 || period > maxPeriod {
		return nil, 0, fmt.Errorf("key %q is %d, expected 1 to %d: %w", key, period, maxPeriod, ErrCorrupt)
	}
	local = make([]bool, layers)
	for i := range local {
		local[i] = f.first && i%period != 0 || !f.first && i%period != period-1
	}
	return local, window, nil
}
