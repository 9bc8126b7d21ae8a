package engine

import (
	"fmt"
	"slices"
	"strings"

	"soberano/kernels/cpu"
)

// KV is the type in which the CPU stores keys and values of attention. Layers whose heads have a number of dimensions that is no multiple of 32, and those that need
// more precision, have KVF16 in any case, and what recurrent layers keep is float32. GPUs store float16.
type KV string

// The types. In KVQ8 and KVQ4 a key has a scale for 32 values, as in the block formats of these names, and a value one scale.
const (
	KVQ8  KV = "q8_0" // the default, which "" stands for
	KVF16 KV = "f16"
	KVQ4  KV = "q4_0"
)

var cachedAs = map[KV]cpu.Cached{"": cpu.Cached8, KVQ8: cpu.Cached8, KVF16: cpu.CachedF16, KVQ4: cpu.Cached4}

// KVs returns the names of the types.
func KVs() []string { return []string{string(KVF16), string(KVQ8), string(KVQ4)} }

// ParseKV returns the type of a name; that of the default is "".
func ParseKV(name string) (KV, error) {
	if !slices.Contains(KVs(), name) {
		return "", fmt.Errorf("it is one of %s", strings.Join(KVs(), ", "))
	}
	if KV(name) == KVQ8 {
		return "", nil
	}
	return KV(name), nil
}

// Cached returns how a device of the CPU stores keys and values.
func (k KV) Cached() cpu.Cached { return cachedAs[k] }
