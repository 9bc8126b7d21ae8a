package token

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/models"
)

// metadataOf converts the keys of a file in testdata to those of an opened model.
func metadataOf(t testing.TB, keys map[string]json.RawMessage) models.Metadata {
	t.Helper()
	m := models.Metadata{}
	for key, raw := range keys {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		switch x := v.(type) {
		case float64:
			v = uint64(x)
		case []any:
			switch x[0].(type) {
			case string:
				v = decoded[[]string](t, raw)
			default:
				if key == "scores" {
					v = decoded[[]float64](t, raw)
				} else {
					v = decoded[[]int64](t, raw)
				}
			}
		}
		m[prefix+key] = v
	}
	return m
}

func decoded[T any](t testing.TB, raw json.RawMessage) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// kinds are the vocabularies of testdata/kinds.json.
func kinds(t testing.TB) map[string]models.Metadata {
	out := map[string]models.Metadata{}
	for _, k := range readKinds(t) {
		out[k.Name] = metadataOf(t, k.Meta)
	}
	return out
}

type kindFile struct {
	Name  string
	Meta  map[string]json.RawMessage
	Cases []json.RawMessage
}

func readKinds(t testing.TB) (all []kindFile) {
	t.Helper()
	readJSON(t, "testdata/kinds.json", &all)
	return all
}

// TestKindsGolden compares the small vocabularies of each kind with llama.cpp.
func TestKindsGolden(t *testing.T) {
	all := readKinds(t)
	if len(all) < 6 {
		t.Fatalf("%d vocabularies", len(all))
	}
	for _, k := range all {
		tok := small(t, metadataOf(t, k.Meta))
		bad := 0
		for _, raw := range k.Cases {
			var text string
			var want []int32
			if err := json.Unmarshal(raw, &[]any{&text, &want}); err != nil {
				t.Fatal(err)
			}
			b, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := tok.Encode(string(b), Options{}); !slices.Equal(got, want) && deviation(k.Name, string(b)) == "" {
				if bad++; bad < 8 {
					t.Errorf("%s: %q\n got %v %q\nwant %v %q", k.Name, b, got, spellings(tok, got), want, spellings(tok, want))
				}
			}
		}
	}
}

func spellings(t *Tokenizer, ids []int32) (s []string) {
	for _, id := range ids {
		s = append(s, t.Text(id))
	}
	return s
}

// deviation says why a text is not encoded as by llama.cpp, "" if it is.
func deviation(kind, text string) string {
	switch {
	case kind == "plamo" && strings.Contains(text, "<|"), kind == "rwkv" && strings.Contains(text, "<s>"):
		return "plain text never becomes a control token"
	case kind == "wordpiece" && strings.ContainsAny(text, "\u0085한İΣ𝒳\u200b"):
		return "BERT's normalizer decomposes every character and removes what is no text"
	}
	return ""
}

// TestKindsAddSpecial checks what is added to a text.
func TestKindsAddSpecial(t *testing.T) {
	for name, want := range map[string][2][]int32{"unigram": {nil, {1}}, "wordpiece": {{2}, {3}}, "rwkv": {}, "plamo": {}, "gemma4": {{2}, nil}} {
		tok := small(t, kinds(t)[name])
		plain := tok.Encode("the", Options{})
		if got, want := tok.Encode("the", Options{AddSpecial: true}), slices.Concat(want[0], plain, want[1]); !slices.Equal(got, want) || len(plain) == 0 {
			t.Errorf("%s: %v, expected %v", name, got, want)
		}
	}
}

// TestKindsRoundTrip checks that byte-complete kinds decode to the text.
func TestKindsRoundTrip(t *testing.T) {
	all := kinds(t)
	for _, name := range []string{"rwkv", "plamo", "gemma4"} {
		tok := small(t, all[name])
		rapid.Check(t, func(t *rapid.T) {
			s := rapid.OneOf(rapid.String(), texts).Draw(t, "text")
			got, want := string(tok.Decode(tok.Encode(s, Options{}))), validText(s)
			switch name {
			case "rwkv":
				want = s
			case "plamo":
				want = strings.TrimPrefix(want, "\ufeff")
			case "gemma4":
				want = strings.ReplaceAll(want, "▁", " ")
			}
			if got != want {
				t.Fatalf("%s: %q comes back as %q", name, s, got)
			}
			if ids := tok.Encode(s, Options{}); slices.ContainsFunc(ids, tok.IsControl) {
				t.Fatalf("%s: %q gives a control token: %v", name, s, ids)
			}
		})
	}
}

// slowUnigram tries every way to divide a short text.
func slowUnigram(u *unigram, text string) float64 {
	best := math.Inf(-1)
	if text == "" {
		return 0
	}
	for n := 1; n <= len(text); n++ {
		score := math.Inf(-1)
		if i := slices.IndexFunc(u.tokens.all, func(x spelling) bool { return x.text == text[:n] }); i >= 0 {
			score = u.scores[u.tokens.all[i].id]
		} else if n == min(lengthOf(text[0]), len(text)) {
			score = u.penalty
		}
		if !math.IsInf(score, -1) {
			best = max(best, score+slowUnigram(u, text[n:]))
		}
	}
	return best
}

// TestUnigramIsBest checks that no other way to divide a text is better.
func TestUnigramIsBest(t *testing.T) {
	u := small(t, kinds(t)["unigram"]).words.(*unigram)
	u.prepare = nil
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom([]rune("helowrd▁日q")), 1, 9, -1).Draw(t, "text")
		sum := 0.0
		known := true
		for _, id := range u.encode(nil, s) {
			sum += u.scores[id]
			known = known && id != u.unknown
		}
		if want := slowUnigram(u, s); known && math.Abs(sum-want) > 1e-9 {
			t.Fatalf("%q: score %v, the best is %v", s, sum, want)
		}
	})
}

// TestKindsLongTexts checks that a megabyte of one character takes a reasonable time.
func TestKindsLongTexts(t *testing.T) {
	all := kinds(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		tok := small(t, all[name])
		for _, s := range []string{"a", " ", "\n", "日", "😀", "!", "Ａ"} {
			n := 1 << 20 / len(s)
			ids := tok.Encode(strings.Repeat(s, n), Options{})
			if len(ids) > 4*n+1 {
				t.Errorf("%s: %d tokens for %d times %q", name, len(ids), n, s)
			}
		}
	}
}

// TestSplitLongTexts checks that the pre-tokenizers take a reasonable time for a long text of one character,
// before another one.
func TestSplitLongTexts(t *testing.T) {
	for name, p := range preTokenizers {
		for _, s := range []string{"a", "A", " ", "\n", "1", "'", "é", "日", "\u0301", "a ", " \n", "A\u0301", "١", "."} {
			text := strings.Repeat(s, 1<<16/len(s)) + "x"
			n := 0
			p.split(text, func(w string) { n += len(w) })
			if n != len(text) && name != "whitespace" {
				t.Errorf("%s: %q: %d of %d bytes", name, s, n, len(text))
			}
		}
	}
}

func TestStrips(t *testing.T) {
	m := smallBPE()
	m["general.name"] = "Phi-3 mini"
	tok := small(t, m)
	end, _ := tok.ID("<|end|>")
	want := append([]int32{end}, tok.Encode("abc", Options{})...)
	if got := tok.Encode("<|end|> \n abc", Options{ParseSpecial: true}); !slices.Equal(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
}

func TestHostileKinds(t *testing.T) {
	all := kinds(t)
	for name, c := range map[string]struct {
		kind, key string
		v         any
		want      string
	}{
		"no scores":         {"unigram", "scores", nil, "scores"},
		"unknown far":       {"unigram", "unknown_token_id", uint64(1 << 20), "unknown_token_id"},
		"map of words":      {"unigram", "precompiled_charsmap", []string{"x"}, "precompiled_charsmap"},
		"map cut off":       {"unigram", "precompiled_charsmap", []int64{200, 0, 0, 0, 1}, "cut off"},
		"no [SEP]":          {"wordpiece", "seperator_token_id", uint64(1 << 20), "seperator_token_id"}, //nolint:misspell // so it is in GGUF
		"lowercase a word":  {"wordpiece", "normalizer.lowercase", "no", "lowercase"},
		"plamo, few scores": {"plamo", "scores", []float64{1}, "scores"},
		"plamo, no bytes":   {"plamo", "token_type", nil, "byte 0x00"},
		"gemma, no merges":  {"gemma4", "merges", nil, "merges"},
	} {
		m := maps.Clone(all[c.kind])
		if m[prefix+c.key] = c.v; c.v == nil {
			delete(m, prefix+c.key)
		}
		if _, err := load(m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", name, err, c.want)
		}
	}
}

func FuzzCharsMap(f *testing.F) {
	f.Add([]byte{4, 0, 0, 0, 0, 4, 0, 0, 'a', 0}, "text")
	for _, k := range readKinds(f) {
		if raw, ok := k.Meta["precompiled_charsmap"]; ok {
			var b []byte
			for _, x := range decoded[[]int64](f, raw) {
				b = append(b, byte(x))
			}
			f.Add(b, "Ａﬁ\u00a0é①")
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, s string) {
		m, err := newCharsMap(b)
		if err != nil {
			return
		}
		for s != "" {
			_, n := m.next(s)
			if n < 1 || n > len(s) {
				t.Fatalf("%d of %d bytes", n, len(s))
			}
			s = s[n:]
		}
	})
}
