package token

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"soberano/models/defaults"
	"soberano/models/gguf"
)

// opened holds tokenizers of real models, so that each is read once.
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
	opened.Store(path, tok) // its strings may be in the file's mapping, so the file stays open
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

// chat is the prompt of a conversation with its tokens.
type chat struct {
	Prompt string
	Tokens []int32
}

func TestChatGolden(t *testing.T) {
	for _, model := range []string{"smollm2", "gemma3"} {
		t.Run(model, func(t *testing.T) {
			tok := real(t, model)
			var golden map[string]json.RawMessage
			readJSON(t, "testdata/chat_"+model+".json", &golden)
			chats := map[string]chat{}
			for name, raw := range golden {
				var one chat
				if json.Unmarshal(raw, &one) == nil && one.Tokens != nil {
					chats[name] = one
				}
				if strings.HasPrefix(name, "builtin") {
					var more map[string]chat
					if err := json.Unmarshal(raw, &more); err != nil {
						t.Fatal(err)
					}
					for n, c := range more {
						chats[name+" "+n] = c
					}
				}
			}
			if want := map[string]int{"smollm2": 4, "gemma3": 8}[model]; len(chats) != want {
				t.Fatalf("%d prompts in the golden file, expected %d", len(chats), want)
			}
			for name, g := range chats {
				if got := tok.Encode(g.Prompt, Options{AddSpecial: true, ParseSpecial: true}); !slices.Equal(got, g.Tokens) {
					t.Errorf("%s:\n got %v\nwant %v", name, got, g.Tokens)
				}
			}
		})
	}
}

func TestRealSpecials(t *testing.T) {
	for model, c := range map[string]struct {
		size     int
		bos, eos int32
		addBOS   bool
		ends     []string
		goesOn   []string
	}{
		"smollm2": {49152, 1, 2, false, []string{"<|im_end|>", "<|endoftext|>"}, []string{"<|im_start|>", "the", "<empty_output>"}},
		"gemma3":  {262144, 2, 1, true, []string{"<eos>", "<end_of_turn>"}, []string{"<start_of_turn>", "<bos>", "▁the", "<unused5>", "</s>"}},
	} {
		t.Run(model, func(t *testing.T) {
			tok := real(t, model)
			bos, _ := tok.BOS()
			eos, _ := tok.EOS()
			if tok.Size() != c.size || bos != c.bos || eos != c.eos || tok.AddsBOS() != c.addBOS || tok.Note() != "" {
				t.Errorf("size %d, BOS %d %v, EOS %d, note %q; expected %+v", tok.Size(), bos, tok.AddsBOS(), eos, tok.Note(), c)
			}
			for end, list := range map[bool][]string{true: c.ends, false: c.goesOn} {
				for _, s := range list {
					id, ok := tok.ID(s)
					if !ok || tok.IsEnd(id) != end || tok.Text(id) != s {
						t.Errorf("%s (%d %v): ends an answer: %v, expected %v", s, id, ok, tok.IsEnd(id), end)
					}
				}
			}
		})
	}
}
