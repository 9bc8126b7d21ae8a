package models

import "fmt"

// maxPeriod is far beyond the layers of any model.
const maxPeriod = 1 << 10

// LocalLayers says of each layer of a gemma3 model whether it sees only a window of the last
// positions: all but every sixth, or as attention.sliding_window_pattern says, which is a
// period, or true and false for each layer. Layers of other families see everything: nil.
func (m Metadata) LocalLayers(family string, layers int) ([]bool, error) {
	if family != "gemma3" {
		return nil, nil
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
