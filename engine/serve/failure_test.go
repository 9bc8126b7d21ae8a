package serve

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"soberano/engine/sample"
)

// TestFailureWithoutFolders checks that clients are not told in which folders files are.
func TestFailureWithoutFolders(t *testing.T) {
	for text, want := range map[string]string{
		"/home/person/My Models/a.gguf: is gone":      "a.gguf: is gone",
		`open C:\Users\Some One\a.gguf: is gone`:      "open a.gguf: is gone",
		`the file "/home/a/b.gguf" is gone`:           `the file "b.gguf" is gone`,
		"1 / 2 tokens/s, see https://example.org/a/b": "1 / 2 tokens/s, see https://example.org/a/b",
	} {
		for _, err := range []error{errors.New(text), &ModelError{Cause: Broken, Text: text, Err: errors.New(text)}} {
			if got := failureOf(err).message; got != want {
				t.Errorf("%q: %q, expected %q", text, got, want)
			}
		}
	}
	f := failureOf(fmt.Errorf("/home/person/a.gguf: %w", sample.ErrNoLogits))
	if f.status() != 500 || strings.Contains(f.message, "/") {
		t.Errorf("%d %s", f.status(), f.message)
	}
}
