package models

import "fmt"

// maxPeriod limits the period of local layers; it is far above the number of layers of any model.
const maxPeriod = 1 << 10

// LocalLayers reports for each layer of a gemma3 model whether it attends only to a window of
// the last positions. By default every sixth layer attends to all positions and the others
// are local. attention.sliding_window_pattern may give another period, or a boolean for each
// layer. Without attention.sliding_window no layer is local. In other families every layer attends
// to all positions, and the result is nil.
func (m Metadata) LocalLayers(family string, layers int) ([]bool, error) {
	if family != "gemma3" {
		return nil, nil
	}
	if window, err := m.Int(family+".attention.sliding_window", 0); err != nil || window == 0 {
		return make([]bool, layers), err
	}
	key := family + ".attention.sliding_window_pattern"
	if each, ok := m[key].([]bool); ok {
		if len(each) < layers {
			return nil, fmt.Errorf("key %q has %d entries, the model %d layers: %w", key, len(each), layers, ErrCorrupt)
		}
		return each[:layers], nil
	}
	period, err := m.Int(key, 6)
	if err != nil {
		return nil, err
	}
	if period < 1 || period > maxPeriod {
		return nil, fmt.Errorf("key %q is %d, expected 1 to %d: %w", key, period, maxPeriod, ErrCorrupt)
	}
	local := make([]bool, layers)
	for i := range local {
		local[i] = i%period != period-1
	}
	return local, nil
}
