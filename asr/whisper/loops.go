package whisper

// Texts that run in circles, as the network does on noise and music and where it has lost
// the thread. While a text is decoded the same few tokens, again and again, end it; a whole
// text is known by how well it compresses (openai/whisper, compression_ratio). What is left
// of a loop is what was said before it repeats itself:
//
//	<0.00> thank you <2.00><2.00> thank you <4.00><4.00> thank you <6.00> …
//	└───── kept ────────────────┘ cut

import (
	"bytes"
	"compress/zlib"
)

// ratio returns how much zlib compresses text; 1 for none.
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

// loops reports whether tokens end in the same run of 1 to 12 tokens again and again:
// six times, or for short runs until 18 tokens are said.
func loops(tokens []int32) bool {
	for n := 1; n <= 12; n++ {
		if repeats(tokens, n) >= max(6, 18/n) {
			return true
		}
	}
	return false
}

// repeats returns how often the last n tokens stand at the end in a row.
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

// cutLoop returns tokens up to where a run of them is said for the second time of three or
// more in a row; times, from begin on, don't count.
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
