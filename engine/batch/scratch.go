package batch

import "soberano/engine/arch"

// Scratch is the bytes of the largest step of a model: a chunk of tokens, and the
// logits of those that one sequence may want.
func Scratch(s arch.Shape) int64 {
	return 4 * (Chunk*int64(s.Scratch) + wanted*int64(s.Vocabulary))
}
