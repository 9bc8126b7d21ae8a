package whisper

import (
	"bytes"
	"compress/zlib"
	"sync"
)

// compressors keeps *zlib.Writer, which have 0.8 MB each.
var compressors = sync.Pool{New: func() any { return zlib.NewWriter(nil) }}

// ratio returns the compression ratio of text by zlib, 1 for no text. It is high for loops, which
// the network decodes for noise and music (openai/whisper, compression_ratio).
func ratio(text string) float64 {
	if text == "" {
		return 1
	}
	var b bytes.Buffer
	z := compressors.Get().(*zlib.Writer)
	defer compressors.Put(z)
	z.Reset(&b)
	_, _ = z.Write([]byte(text)) // writing to memory does not fail
	_ = z.Close()
	return float64(len(text)) / float64(b.Len())
}

// loops reports whether tokens end in repetitions of the same 1 to 12 tokens: six of them, or
// for short ones 18 tokens of them. Such a hypothesis is continued only if they are spoken.
func loops(tokens []int32) bool {
	for n := 1; n <= 12; n++ {
		if repeats(tokens, n) >= max(6, 18/n) {
			return true
		}
	}
	return false
}

// repeats returns how often the last n tokens are repeated at the end.
func repeats(tokens []int32, n int) int {
	if len(tokens) < n {
		return 0
	}
	i := len(tokens) - 1
	for i-n >= 0 && tokens[i] == tokens[i-n] {
		i--
	}
	return (len(tokens)-1-i)/n + 1
}
