package models

import "fmt"

// maxPeriod limits the period of local layers; it is far above the number of layers of any model.
const maxPeriod = 1 << 10

// localLayers says which layers of a family are local: all but the last of each period layers, by default, and which window they
// have if the file does not say so; 0: then no layer is local. A period of 0 means that the file must have the pattern.
var localLayers = map[string]struct{ period, window int }{
	"gemma2":  {2, 4096},
	"gemma3":  {6, 0},
	"gemma3n": {5, 0},
	"gemma4":  {0, 0},
	"gpt-oss": {2, 0},
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
	if window, err = m.Int(family+".attention.sliding_window", f.window); err != nil || window == 0 {
		return make([]bool, layers), 0, err
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
		local[i] = i%period != period-1
	}
	return local, window, nil
}
