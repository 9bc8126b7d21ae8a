package chat

import "testing"

// What is said about the answers of a small model fits its size.
func TestSmallness(t *testing.T) {
	for parameters, want := range map[int64]string{
		0: "", 134_515_008: "a very small model, often wrong", 268_098_176: "a very small model, often wrong", 494_032_768: "a small model, sometimes wrong",
		999_885_952: "a small model, sometimes wrong", 1_543_714_304: "", 8_030_261_248: "",
	} {
		words, answers := smallness(parameters)
		if words != "" {
			words += ", " + answers
		}
		if words != want {
			t.Errorf("%d parameters: %q, want %q", parameters, words, want)
		}
	}
}
