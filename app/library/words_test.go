package library

import "testing"

// A model's line begins with its size and ends with the names of its network and its storage type.
func TestDescribe(t *testing.T) {
	want := "4.0 billion parameters · 4,096 of up to 32,768 tokens of context · Apache-2.0 · llama · Q4_K_M"
	if got := describe(qwen, 0); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want = "speech to text · 145 million parameters · MIT · whisper · F16"
	info := speech
	info.Parameters = 145_000_000
	if got := describe(info, 0); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
