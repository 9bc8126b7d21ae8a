package token

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/models"
)

// smallBPE returns the metadata of a byte-level vocabulary with every byte, some merges, a control
// token, and a user-defined token.
func smallBPE() models.Metadata {
	var texts []string
	var kinds []int64
	for _, r := range byteRunes {
		texts, kinds = append(texts, string(r)), append(kinds, int64(normal))
	}
	merges := []string{"a b", "b c", "ab c", "Ġ a", "a a", "aa aa", "aaaa aaaa", "Ã ©", "< |", "<| e", "Ġa b"}
	for _, m := range merges {
		texts, kinds = append(texts, strings.ReplaceAll(m, " ", "")), append(kinds, int64(normal))
	}
	texts = append(texts, "<|end|>", "<|im_end|>", "<|x|>", "[user]", "<|u|>")
	kinds = append(kinds, int64(control), int64(control), int64(control), int64(userDefined), int64(userDefined))
	return models.Metadata{
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": texts,
		"tokenizer.ggml.token_type": kinds, "tokenizer.ggml.merges": merges,
		"tokenizer.ggml.bos_token_id": uint64(267), "tokenizer.ggml.eos_token_id": uint64(268),
	}
}

// smallPiece returns the metadata of a SentencePiece vocabulary with every byte.
func smallPiece() models.Metadata {
	texts := []string{"<unk>", "<s>", "</s>"}
	kinds := []int64{int64(unknown), int64(control), int64(control)}
	scores := []float64{0, 0, 0}
	const digits = "0123456789ABCDEF"
	for b := range 256 {
		texts = append(texts, "<0x"+string(digits[b>>4])+string(digits[b&15])+">")
		kinds, scores = append(kinds, int64(byteToken)), append(scores, 0)
	}
	for i, s := range []string{"▁", "a", "b", "c", "▁a", "ab", "bc", "abc", "▁abc", "aa", "aaaa", "é", "▁▁", "<s", "[user]"} {
		texts, kinds, scores = append(texts, s), append(kinds, int64(normal)), append(scores, -float64(i*7%11))
	}
	kinds[len(kinds)-1] = int64(userDefined)
	return models.Metadata{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": texts, "tokenizer.ggml.token_type": kinds,
		"tokenizer.ggml.scores": scores, "tokenizer.ggml.add_bos_token": true, "tokenizer.ggml.add_eos_token": true,
	}
}

func small(t interface{ Fatal(...any) }, m models.Metadata) *Tokenizer {
	tok, err := New(&models.File{Path: "small.gguf", Meta: m})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// texts draws bytes that contain merges, special tokens and invalid UTF-8.
var texts = rapid.Custom(func(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]string{"a", "b", "c", "aaaa", " ", "é", "<|", "<|end|>", "<|im_end|>", "[user]", "<|u|>", "<s>", "</s>", "<0x41>", "▁", "\xc3", "\xf0\x9f", "😀"}),
		rapid.StringOf(rapid.SampledFrom([]rune("abc "))),
		rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) }),
	), 0, 10).Draw(t, "parts"), "")
})

func TestRoundTrip(t *testing.T) {
	b, p := small(t, smallBPE()), small(t, smallPiece())
	rapid.Check(t, func(t *rapid.T) {
		s := texts.Draw(t, "text")
		for _, o := range []Options{{}, {ParseSpecial: true}} {
			if got := string(b.Decode(b.Encode(s, o))); got != validText(s) {
				t.Fatalf("BPE, %+v: %q comes back as %q", o, s, got)
			}
		}
		// SentencePiece decodes '▁' as a space and accepts any bytes.
		if got, want := string(p.Decode(p.Encode(s, Options{}))), strings.ReplaceAll(s, "▁", " "); strings.Contains(s, "[user]") {
			// After such a token a space is added to the text as well, and Decode does not remove it.
			if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
				t.Fatalf("SentencePiece: %q comes back as %q", s, got)
			}
		} else if got != want {
			t.Fatalf("SentencePiece: %q comes back as %q", s, got)
		}
	})
}

// TestTextGivesNoControl checks that text becomes a control token only with ParseSpecial.
func TestTextGivesNoControl(t *testing.T) {
	for _, m := range []models.Metadata{smallBPE(), smallPiece()} {
		tok := small(t, m)
		rapid.Check(t, func(t *rapid.T) {
			s := texts.Draw(t, "text")
			if ids := tok.Encode(s, Options{}); slices.ContainsFunc(ids, tok.IsControl) {
				t.Fatalf("%q gives %v", s, ids)
			}
		})
	}
}

// slowBPE encodes a word by searching all of it for the best pair in each step.
func slowBPE(b *bpe, s string) []int32 {
	var ids []int32
	for i := range len(s) {
		ids = append(ids, b.bytes[s[i]])
	}
	for {
		best, made, at := int32(math.MaxInt32), int32(0), -1
		for i := 1; i < len(ids); i++ {
			if rank, id, ok := b.merges.find([2]int32{ids[i-1], ids[i]}); ok && rank < best {
				best, made, at = rank, id, i
			}
		}
		if at < 0 {
			return ids
		}
		ids = slices.Replace(ids, at-1, at+1, made)
	}
}

func TestMergesAsDefined(t *testing.T) {
	tok := small(t, smallBPE())
	b := tok.words.(*bpe)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom([]rune("aaabcé<|e")), 1, 40, -1).Draw(t, "word")
		w := &word{bpe: b, queue: queue[candidate]{before: candidate.before}}
		if got, want := w.encode(nil, s), slowBPE(b, s); !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, expected %v", s, got, want)
		}
	})
}

// slowPieces encodes a text by searching all of it for the best pair in each step.
func slowPieces(s *sentencePiece, text string) []int32 {
	var parts []string
	for _, r := range text {
		parts = append(parts, string(r))
	}
	for {
		at := -1
		var best float32
		for i := 1; i < len(parts); i++ {
			id := s.t.ordinary(parts[i-1] + parts[i])
			if id != none && (at < 0 || s.scores[id] > best) {
				best, at = s.scores[id], i
			}
		}
		if at < 0 {
			break
		}
		parts = slices.Replace(parts, at-1, at+1, parts[at-1]+parts[at])
	}
	var ids []int32
	for _, p := range parts {
		ids = (&textEncoder{sentencePiece: s}).appendTokens(ids, p)
	}
	return ids
}

func TestJoinsAsDefined(t *testing.T) {
	tok := small(t, smallPiece())
	s := tok.words.(*sentencePiece)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("aaabcé▁<sx")), 1, 40, -1).Draw(t, "text")
		if got, want := s.encode(nil, text), slowPieces(s, text); !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, expected %v", text, got, want)
		}
	})
}

func TestSpecialLongestMatch(t *testing.T) {
	s := newSpecials([]special{{"<a", 1, true, false}, {"<a>", 2, true, false}, {"<a>b", 3, false, false}, {"x", 4, false, false}})
	for _, c := range []struct {
		text  string
		parse bool
		at, n int
		id    int32
	}{
		{"..<a>b", true, 2, 4, 3}, {"..<a>c", true, 2, 3, 2}, {"..<a", true, 2, 2, 1}, {"<", true, 1, 0, none},
		{"<a>c", false, 4, 0, none}, {"<a>b", false, 0, 4, 3}, {"<a>x", false, 3, 1, 4}, {"", true, 0, 0, none},
	} {
		f := newFinder(&s, []Part{{c.text, c.parse}}, false)
		if at, n, id := f.next(0); at != c.at || n != c.n || id != c.id {
			t.Errorf("%q %v: got %d %d %d, expected %+v", c.text, c.parse, at, n, id, c)
		}
	}
}

func TestAddSpecial(t *testing.T) {
	p := small(t, smallPiece())
	id, _ := p.ID("▁abc")
	if got, want := p.Encode("abc", Options{AddSpecial: true}), []int32{1, id, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
	if bos, ok := p.BOS(); !ok || bos != 1 || !p.AddsBOS() {
		t.Error("BOS is not <s>, the default of its kind")
	}
	b := small(t, smallBPE())
	if got := b.Encode("", Options{AddSpecial: true}); len(got) != 0 {
		t.Errorf("byte-level BPE adds %v without being asked", got)
	}
	m := smallPiece() // files that have -1 for a token that they do not have, as a number without a sign
	m["tokenizer.ggml.bos_token_id"], m["tokenizer.ggml.unknown_token_id"] = uint64(math.MaxUint32), uint64(math.MaxUint32)
	if bos, ok := small(t, m).BOS(); !ok || bos != 1 {
		t.Errorf("without an id, BOS is %d, %v", bos, ok)
	}
}

func TestEnds(t *testing.T) {
	b := small(t, smallBPE())
	for text, want := range map[string]bool{"<|end|>": true, "<|im_end|>": true, "<|x|>": false, "a": false} {
		id, _ := b.ID(text)
		if b.IsEnd(id) != want {
			t.Errorf("%s ends an answer: %v", text, !want)
		}
	}
	if eos, ok := b.EOS(); !ok || !b.IsEnd(eos) {
		t.Error("EOS ends nothing")
	}
	if b.IsEnd(-1) || b.IsEnd(1<<30) || b.Piece(-1) != nil || b.Text(1<<30) != "" || len(b.Decode([]int32{-5, 1 << 30})) != 0 {
		t.Error("ids outside the vocabulary mean something")
	}
}

// TestEndsByType checks that keys and types determine the end tokens. A token that is only spelled like one is text.
func TestEndsByType(t *testing.T) {
	m := smallBPE()
	texts := m["tokenizer.ggml.tokens"].([]string)
	at := len(texts)
	m["tokenizer.ggml.tokens"] = append(slices.Clone(texts), "</s>", "<eos>", "<|eot_id|>", "<end_of_turn>")
	m["tokenizer.ggml.token_type"] = append(slices.Clone(m["tokenizer.ggml.token_type"].([]int64)), int64(userDefined), int64(normal), int64(control), int64(userDefined))
	m["tokenizer.ggml.eot_token_id"] = uint64(at + 3)
	b := small(t, m)
	for i, c := range []struct {
		end   bool
		piece string
	}{{false, "</s>"}, {false, "<eos>"}, {true, ""}, {true, ""}} {
		id := int32(at + i)
		if b.IsEnd(id) != c.end || string(b.Piece(id)) != c.piece || b.IsControl(id) != c.end {
			t.Errorf("%s: ends an answer: %v, text %q, control: %v; expected %+v", b.Text(id), b.IsEnd(id), b.Piece(id), b.IsControl(id), c)
		}
		if got := b.Encode(b.Text(id), Options{ParseSpecial: true}); !slices.Equal(got, []int32{id}) {
			t.Errorf("%s spelled by a template gives %v", b.Text(id), got)
		}
		if got := b.Encode("a"+b.Text(id), Options{}); slices.Contains(got, id) {
			t.Errorf("%s spelled by a person gives %v", b.Text(id), got)
		}
	}
	delete(m, "tokenizer.ggml.token_type")
	if b = small(t, m); !b.IsEnd(int32(at)) || !b.IsControl(int32(at)) {
		t.Error("in a file without types </s> ends nothing")
	}
}

// TestParts checks that parts are tokenized like the joined text, except that control tokens come only from special parts.
func TestParts(t *testing.T) {
	for name, m := range map[string]models.Metadata{"BPE": smallBPE(), "SentencePiece": smallPiece()} {
		tok := small(t, m)
		rapid.Check(t, func(t *rapid.T) {
			var parts []Part
			var text string
			var may []bool // for each byte, whether it may be part of a control token
			for range rapid.IntRange(0, 6).Draw(t, "parts") {
				p := Part{texts.Draw(t, "text"), rapid.Bool().Draw(t, "special")}
				parts, text = append(parts, p), text+p.Text
				may = append(may, slices.Repeat([]bool{p.Special}, len(p.Text))...)
			}
			want := slowParts(tok, text, may)
			if got := tok.EncodeParts(parts, false); !slices.Equal(got, want) {
				t.Fatalf("%s: %+v gives %v, expected %v", name, parts, got, want)
			}
		})
	}
}

// slowParts tries every special token at every position.
func slowParts(tok *Tokenizer, text string, may []bool) []int32 {
	var ids []int32
	begin, after := 0, true
	flush := func(end int) {
		if end > begin {
			ids = tok.encodeText(ids, text[begin:end], after, begin == 0)
			after = false
		}
	}
	for at := 0; at < len(text); {
		best := special{id: none}
		for _, x := range tok.special.all {
			allowed := !x.control && !x.marker || at+len(x.text) <= len(may) && !slices.Contains(may[at:at+len(x.text)], false)
			if strings.HasPrefix(text[at:], x.text) && allowed && len(x.text) > len(best.text) {
				best = x
			}
		}
		if best.id == none {
			at++
			continue
		}
		flush(at)
		ids, after = append(ids, best.id), true
		at += len(best.text)
		begin = at
	}
	flush(len(text))
	return ids
}

// TestMarkers checks that a user-defined token spelled like a control token is found in any text, but not in messages.
func TestMarkers(t *testing.T) {
	tok := small(t, smallBPE())
	id, _ := tok.ID("<|u|>")
	for _, c := range []struct {
		got  []int32
		want bool
	}{
		{tok.Encode("a<|u|>", Options{}), true}, {tok.EncodeParts([]Part{{"a<|u|>", true}}, false), true},
		{tok.EncodeParts([]Part{{"a<|u|>", false}}, false), false}, {tok.EncodeParts([]Part{{"a<|u", false}, {"|>", true}}, false), false},
	} {
		if slices.Contains(c.got, id) != c.want || string(tok.Decode(c.got)) != "a<|u|>" {
			t.Errorf("%v: with <|u|> (%d): %v expected", c.got, id, c.want)
		}
	}
}

// TestManyParts checks that many parts and many special tokens take time in proportion to their number.
func TestManyParts(t *testing.T) {
	tok := small(t, smallBPE())
	parts := make([]Part, 400_000)
	for i := range parts {
		parts[i] = Part{"<|im_end|>", i%2 == 0}
	}
	ids := tok.EncodeParts(parts, false)
	n := 0
	for _, id := range ids {
		if tok.IsControl(id) {
			n++
		}
	}
	if n != len(parts)/2 {
		t.Errorf("%d control tokens of %d", n, len(parts)/2)
	}
}

// TestUnknownPre checks that a pre-tokenizer that is not known is refused by name, as llama.cpp does, and that a
// file without one gets the default one, which is noted.
func TestUnknownPre(t *testing.T) {
	m := smallBPE()
	if note := small(t, m).Note(); note != "" {
		t.Errorf("a known pre-tokenizer is noted: %s", note)
	}
	for _, name := range []string{"of-tomorrow", "Llama-BPE", " gpt-2"} {
		m["tokenizer.ggml.pre"] = name
		if _, err := load(m); !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), `"`+name+`"`) {
			t.Errorf("%q: %v", name, err)
		}
	}
	const text = "In 2024, 12345 words."
	m["tokenizer.ggml.pre"] = "default"
	want := small(t, m).Encode(text, Options{})
	for _, missing := range []func(){func() { m["tokenizer.ggml.pre"] = "" }, func() { delete(m, "tokenizer.ggml.pre") }} {
		missing()
		tok := small(t, m)
		if !strings.Contains(tok.Note(), "does not name its pre-tokenizer") || !slices.Equal(tok.Encode(text, Options{}), want) {
			t.Errorf("without a pre-tokenizer: %q, %v", tok.Note(), tok.Encode(text, Options{}))
		}
	}
}

func TestHostile(t *testing.T) {
	with := func(base models.Metadata, key string, v any) models.Metadata {
		m := maps.Clone(base)
		if m["tokenizer.ggml."+key] = v; v == nil {
			delete(m, "tokenizer.ggml."+key)
		}
		return m
	}
	b, p := smallBPE(), smallPiece()
	btexts, ptexts := b["tokenizer.ggml.tokens"].([]string), p["tokenizer.ggml.tokens"].([]string)
	nan := slices.Clone(p["tokenizer.ggml.scores"].([]float64))
	nan[7] = math.NaN()
	kinds := slices.Clone(b["tokenizer.ggml.token_type"].([]int64))
	kinds[3] = int64(byteToken)
	for name, c := range map[string]struct {
		meta models.Metadata
		want string
	}{
		"no model":         {with(b, "model", nil), "tokenizer.ggml.model"},
		"other model":      {with(b, "model", "hybriddna"), "hybriddna"},
		"model a number":   {with(b, "model", uint64(1)), "tokenizer.ggml.model"},
		"no tokens":        {with(b, "tokens", nil), "tokenizer.ggml.tokens"},
		"tokens numbers":   {with(b, "tokens", []int64{1}), "tokenizer.ggml.tokens"},
		"repeated":         {with(b, "tokens", append(slices.Clone(btexts[:len(btexts)-1]), "a")), "both spelled"},
		"few kinds":        {with(b, "token_type", []int64{1, 1}), "2 entries"},
		"kinds words":      {with(b, "token_type", []string{"x"}), "token_type"},
		"no byte":          {with(b, "token_type", kinds), "marked as a byte"},
		"no merges":        {with(b, "merges", nil), "merges"},
		"merge of one":     {with(b, "merges", []string{"ab"}), "not two tokens"},
		"empty merge":      {with(b, "merges", []string{""}), "not two tokens"},
		"open merge":       {with(b, "merges", []string{"a "}), "not two tokens"},
		"merge unknown":    {with(b, "merges", []string{"a zzz"}), `"zzz"`},
		"merge to what":    {with(b, "merges", []string{"b b"}), `"bb"`},
		"bos far":          {with(b, "bos_token_id", uint64(1<<33)), "bos_token_id"},
		"eos beyond":       {with(b, "eos_token_id", uint64(len(btexts))), "eos_token_id"},
		"eot negative":     {with(b, "eot_token_id", int64(-1)), "eot_token_id"},
		"adds nothing":     {with(with(b, "add_bos_token", true), "bos_token_id", nil), "add_bos_token"},
		"few scores":       {with(p, "scores", []float64{1}), "1 entries"},
		"no scores":        {with(p, "scores", nil), "scores"},
		"NaN score":        {with(p, "scores", nan), "not a number"},
		"space a string":   {with(p, "add_space_prefix", "yes"), "add_space_prefix"},
		"unknown far":      {with(p, "unknown_token_id", uint64(99999)), "unknown_token_id"},
		"no bytes, no unk": {with(with(with(p, "tokens", ptexts[259:]), "token_type", nil), "scores", nan[259:]), "0x00"},
	} {
		_, err := New(&models.File{Path: "bad.gguf", Meta: c.meta})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "bad.gguf") ||
			!errors.Is(err, models.ErrCorrupt) && !errors.Is(err, models.ErrUnsupported) {
			t.Errorf("%s: error %v, expected one that says %q", name, err, c.want)
		}
	}
}

// TestLongTexts checks that a megabyte of one letter, of spaces or of the first letter of special tokens is encoded
// in reasonable time and decoded to the same text.
func TestLongTexts(t *testing.T) {
	toks := map[string]*Tokenizer{"small BPE": small(t, smallBPE()), "small SentencePiece": small(t, smallPiece())}
	for _, model := range []string{"smollm2", "gemma3"} {
		t.Run(model, func(t *testing.T) { toks[model] = real(t, model) })
	}
	for name, tok := range toks {
		for _, s := range []string{"a", " ", "<", "1", "😀", "\n", "'"} {
			n := 1 << 16
			if s == "a" {
				n = 1 << 20
			}
			text := strings.Repeat(s, n/len(s))
			if got := string(tok.Decode(tok.Encode(text, Options{ParseSpecial: true}))); got != text {
				t.Errorf("%s: %d bytes of %q come back as %d bytes", name, len(text), s, len(got))
			}
		}
	}
}
