package token

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"soberano/models"
)

// Keys returns the keys of a GGUF file for the tokenizer.json of a folder of Hugging Face (see NewFolder). A GGUF file names its
// pre-tokenizer instead of describing it. So each name that is known is tried, until one gives the same tokens as the folder for texts in which pre-tokenizers differ. The
// error wraps models.ErrUnsupported if none does. Of WordPiece the limit of the length of a word is lost, which GGUF files don't have.
func Keys(files map[string][]byte) (models.Metadata, error) {
	t, err := NewFolder(files)
	if err != nil {
		return nil, err
	}
	var f jsonFile
	if t == nil || json.Unmarshal(files["tokenizer.json"], &f) != nil {
		return nil, unsupportedKeys("it has no tokenizer.json")
	}
	var m jsonModel
	if err := json.Unmarshal(f.Model, &m); err != nil || m.Type != "BPE" && m.Type != "WordPiece" && (m.Type != "" || len(m.Merges) == 0) {
		return nil, unsupportedKeys("its tokenizer is neither BPE nor WordPiece")
	}
	last, described := t.eos, candidates
	if m.Type == "WordPiece" {
		last, described = t.sep, wordPieces
	}
	common, err := t.commonKeys(last)
	if err != nil {
		return nil, err
	}
	for _, c := range described(t, &m) {
		keys := maps.Clone(common)
		maps.Copy(keys, c)
		if u, err := load(keys); err == nil && t.like(u) {
			return keys, nil
		}
	}
	return nil, unsupportedKeys("its pre-tokenizer has no name in GGUF files")
}

func unsupportedKeys(why string) error {
	return fmt.Errorf("the tokenizer can't be written to a GGUF file, as %s: %w", why, models.ErrUnsupported)
}

// commonKeys returns the keys that do not depend on the kind of the model; last is the token that may be added to the end of a text.
func (t *Tokenizer) commonKeys(last int32) (models.Metadata, error) {
	texts, kinds := slices.Clone(t.texts), make([]int64, len(t.texts))
	for i, k := range t.kinds {
		switch kinds[i] = int64(k); {
		case k == lookalike:
			kinds[i] = int64(userDefined)
		case texts[i] == "":
			texts[i], kinds[i] = fmt.Sprintf("[PAD%d]", i), int64(unused)
		}
	}
	m := models.Metadata{prefix + "tokens": texts, prefix + "token_type": kinds, prefix + "add_bos_token": len(t.before) > 0, prefix + "add_eos_token": len(t.after) > 0 && last == t.eos}
	if len(t.before) > 1 || len(t.after) > 1 || len(t.before) == 1 && t.before[0] != t.bos || len(t.after) == 1 && t.after[0] != last {
		return nil, unsupportedKeys("it puts other tokens around a text than those of its beginning and end")
	}
	ends := slices.Sorted(maps.Keys(t.ends))
	ends = slices.DeleteFunc(ends, func(id int32) bool { return id == t.eos })
	for key, id := range map[string]int32{"bos_token_id": t.bos, "eos_token_id": t.eos, "seperator_token_id": t.sep} { //nolint:misspell // so it is in GGUF
		if id != none {
			m[prefix+key] = uint64(id)
		}
	}
	for i, key := range []string{"eot_token_id", "eom_token_id"} {
		if i < len(ends) {
			m[prefix+key] = uint64(ends[i])
		}
	}
	if len(t.suppressed) > 0 {
		list := make([]int64, len(t.suppressed))
		for i, id := range t.suppressed {
			list[i] = int64(id)
		}
		m[prefix+"suppress_tokens"] = list
	}
	return m, nil
}

// candidates returns the keys that may describe the model m: byte-level BPE with each of the pre-tokenizers, the most common first, or SentencePiece, which
// chooses pairs by the scores of the results.
func candidates(t *Tokenizer, m *jsonModel) (list []models.Metadata) {
	merges := make([]string, len(m.Merges))
	scores := make([]float64, len(t.texts))
	for i, p := range m.Merges {
		merges[i] = p.left + " " + p.right
		if id, ok := t.ids.find(p.left + p.right); ok && scores[id] == 0 {
			scores[id] = -float64(i + 1)
		}
	}
	names := []string{"gpt-2", "qwen2", "llama-bpe", "dbrx", "smollm", "default", "tekken", "gpt-4o", "deepseek-v3", "qwen35"}
	for _, name := range slices.Sorted(maps.Keys(preTokenizers)) {
		if p := preTokenizers[name]; !p.spaces && !p.bare && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(merges) > 0 {
		for _, name := range names {
			if preTokenizers[name].ignoreMerges != m.IgnoreMerges {
				continue
			}
			list = append(list, models.Metadata{prefix + "model": "gpt2", prefix + "pre": name, prefix + "merges": merges})
		}
		list = append(list, models.Metadata{prefix + "model": "gemma4", prefix + "merges": merges})
	}
	for _, space := range []bool{true, false} {
		list = append(list, models.Metadata{prefix + "model": "llama", prefix + "scores": scores, prefix + "add_space_prefix": space})
	}
	return list
}

// wordPieces returns the keys that may describe WordPiece, whose tokens in GGUF files begin with ▁ where they begin a word, and where they continue one, with
// nothing instead of ##.
func wordPieces(t *Tokenizer, m *jsonModel) (list []models.Metadata) {
	rest := "##"
	if m.Prefix != nil {
		rest = *m.Prefix
	}
	texts := slices.Clone(t.texts)
	for i, text := range texts {
		if t.kinds[i] != normal || text == "" {
			continue
		}
		var within bool
		if texts[i], within = strings.CutPrefix(text, rest); !within {
			texts[i] = space + text
		}
	}
	for _, lowercase := range []bool{true, false} {
		for _, strip := range []bool{lowercase, !lowercase} {
			keys := models.Metadata{prefix + "model": "bert", prefix + "tokens": texts, prefix + "normalizer.lowercase": lowercase, prefix + "normalizer.strip_accents": strip}
			for key, id := range map[string]int32{"cls_token_id": t.bos, "unknown_token_id": t.unknownWord()} {
				if id != none {
					keys[prefix+key] = uint64(id)
				}
			}
			list = append(list, keys)
		}
	}
	return list
}

// unknownWord returns the token that stands for words that can't be made of tokens, or none.
func (t *Tokenizer) unknownWord() int32 {
	if s, ok := t.words.(splitWords); ok && s.pieces != nil {
		return s.pieces.unknown
	}
	return none
}

// probes are texts in which tokenizers differ: numbers, contractions, spaces, lines, marks, scripts, cases, special tokens.
var probes = []string{
	"Hello world", " Hello", "  two  spaces ", "I'm you'll WE'VE don't 'S", "1 12 123 1234 12345 3.14 1,000,000", "a\nb\n\nc\r\n  d\t\te \n", "x=y+1; // comment\n\tif (a!=b) {}\n",
	"Grüße, naïve café ÀÉ", "Привет мир ЁЖ", "日本語のテキスト 中文字符", "한국어 텍스트", "مرحبا بالعالم ١٢٣", "हिन्दी पाठ", "🙂👍🏽 e\u0301 ﬁ ½ ², ...!!! ??", "CamelCaseWORDS someWords iPhone XMLHttp", "https://a.b/c?d=e&f_g#h",
	"<s>[INST] x </s>", "<|im_start|>user\nHi<|im_end|>\n", "<|endoftext|>", "_under_score__ --dash -- «quotes» “q”", "\u00a0nbsp\u200bzero", "",
}

// like reports whether u gives the same tokens and texts as t.
func (t *Tokenizer) like(u *Tokenizer) bool {
	if len(t.texts) != len(u.texts) || t.bos != u.bos || t.eos != u.eos || !maps.Equal(t.ends, u.ends) {
		return false
	}
	for _, text := range probes {
		for _, o := range []Options{{}, {AddSpecial: true, ParseSpecial: true}} {
			a, b := t.Encode(text, o), u.Encode(text, o)
			if !slices.Equal(a, b) || string(t.Decode(a)) != string(u.Decode(b)) {
				return false
			}
		}
	}
	return true
}
