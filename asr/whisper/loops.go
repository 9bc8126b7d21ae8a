package whisper

import (
	"bytes"
	"compress/zlib"
)

// ratio returns the compression ratio of text by zlib, 1 for no text. It is high for loops, which
// the network decodes for noise and music (openai/whisper, compression_ratio).
func ratio(text string) float64 {
	if text == "" {
		return 1
	}
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // writing to memory does not fail
	_ = z.Close()
	return float64(len(text)) / float64(b.Len())
}

// loops reports whether tokens end in repetitions of the same 1 to 12 tokens: six of them, or
// for short ones 18 tokens of them. Such a hypothesis is not continued.
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

// cutLoop returns tokens up to the first repetition of a sequence that occurs three or more times
// in a row. Times, which are tokens from begin on, are ignored:
//
//	<0.00> thank you <2.00><2.00> thank you <4.00><4.00> thank you <6.00> …
//	└───── kept ────────────────┘ cut
func cutLoop(tokens []int32, begin int32) []int32 {
	var text []int32
	var at []int // of each in tokens
	for i, id := range tokens {
		if id < begin {
			text, at = append(text, id), append(at, i)
		}
	}
	for end := 3; end <= len(text); end++ {
		for n := 1; 3*n <= end; n++ {
			if repeats(text[:end], n) >= 3 {
				return tokens[:at[end-2*n]]
			}
		}
	}
	return tokens
}
