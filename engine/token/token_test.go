package token

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"sync"
	"testing"

	"soberano/models/defaults"
	"soberano/models/gguf"
)

// opened are tokenizers of real models, read once.
var opened sync.Map

func real(t testing.TB, model string) *Tokenizer {
	t.Helper()
	path := defaults.Need(t, model)
	if tok, ok := opened.Load(path); ok {
		return tok.(*Tokenizer)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := New(f)
	if err != nil {
		t.Fatal(err)
	}
	opened.Store(path, tok) // its strings may live in the file's map, which stays open
	return tok
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestGolden(t *testing.T) {
	for _, model := range []string{"smollm2", "gemma3"} {
		t.Run(model, func(t *testing.T) {
			tok := real(t, model)
			var golden []struct {
				Hex          string
				IDs          []int32
				IDsNoSpecial []int32 `json:"ids_nospecial"`
				DetokHex     string  `json:"detok_hex"`
			}
			readJSON(t, "testdata/"+model+".json", &golden)
			if len(golden) < 50 {
				t.Fatalf("only %d golden strings", len(golden))
			}
			for _, g := range golden {
				b, err := hex.DecodeString(g.Hex)
				if err != nil {
					t.Fatal(err)
				}
				if got := tok.Encode(string(b), Options{AddSpecial: true, ParseSpecial: true}); !slices.Equal(got, g.IDs) {
					t.Errorf("%q with special tokens:\n got %v\nwant %v", b, got, g.IDs)
				}
				if got := tok.Encode(string(b), Options{}); !slices.Equal(got, g.IDsNoSpecial) {
					t.Errorf("%q without special tokens:\n got %v\nwant %v", b, got, g.IDsNoSpecial)
				}
				if got := hex.EncodeToString(tok.Decode(g.IDs)); got != g.DetokHex {
					t.Errorf("%q turned back:\n got %s\nwant %s", b, got, g.DetokHex)
				}
			}
		})
	}
}

func TestChatGolden(t *testing.T) {
	for _, model := range []string{"smollm2", "gemma3"} {
		t.Run(model, func(t *testing.T) {
			tok := real(t, model)
			var golden map[string]struct {
				Prompt string
				Tokens []int32
			}
			readJSON(t, "testdata/chat_"+model+".json", &golden)
			n := 0
			for name, g := range golden {
				if g.Prompt == "" || g.Tokens == nil {
					continue
				}
				n++
				if got := tok.Encode(g.Prompt, Options{AddSpecial: true, ParseSpecial: true}); !slices.Equal(got, g.Tokens) {
					t.Errorf("%s:\n got %v\nwant %v", name, got, g.Tokens)
				}
			}
			if n == 0 {
				t.Fatal("no prompt in the golden file")
			}
		})
	}
}
