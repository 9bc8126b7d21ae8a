package token

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"soberano/models"
)

// Files returns the files of a folder of Hugging Face for the tokenizer and the chat template of a model in the form of a GGUF file: tokenizer.json, tokenizer_config.json and
// generation_config.json. It is the inverse of Keys, for byte-level BPE and for SentencePiece. The files have been read again and give the same tokens for many texts. Only bytes that are
// no UTF-8 may become other tokens of SentencePiece, since folders replace them.
// The error wraps models.ErrUnsupported and says why there are no such files.
func Files(m models.Metadata) (map[string][]byte, error) {
	t, err := load(m)
	if err != nil {
		return nil, err
	}
	var whole map[string]any
	switch model, _ := m[prefix+"model"].(string); model {
	case "gpt2":
		whole, err = t.bytesJSON(m)
	case "llama":
		whole, err = t.piecesJSON(m)
	default:
		err = unsupportedFiles("is of the kind " + models.Quote(model))
	}
	if err != nil {
		return nil, err
	}
	whole["version"], whole["added_tokens"], whole["post_processor"] = "1.0", t.addedJSON(), t.aroundJSON()
	files := map[string][]byte{}
	for name, v := range map[string]any{"tokenizer.json": whole, "tokenizer_config.json": t.configJSON(m), "generation_config.json": t.endsJSON()} {
		if files[name], err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	u, err := NewJSON(files)
	switch {
	case err != nil:
		return nil, err
	case !t.like(u) || !t.likeRandom(u):
		return nil, unsupportedFiles("gives other tokens as a tokenizer.json")
	}
	return files, nil
}

func unsupportedFiles(why string) error {
	return fmt.Errorf("the tokenizer can't be written to a folder, as it %s: %w", why, models.ErrUnsupported)
}

// vocabulary returns the ids of all tokens by spelling.
func (t *Tokenizer) vocabulary() map[string]int {
	ids := make(map[string]int, len(t.texts))
	for i, text := range t.texts {
		ids[text] = i
	}
	return ids
}

// bytesJSON returns the stages of a tokenizer.json with byte-level BPE.
func (t *Tokenizer) bytesJSON(m models.Metadata) (map[string]any, error) {
	merges, err := m.Strings(prefix + "merges")
	if err != nil {
		return nil, err
	}
	b, ok := t.words.(*bpe)
	if !ok || b.byChar {
		return nil, unsupportedFiles("merges characters, not bytes")
	}
	for _, stages := range preTokenizersJSON() {
		raw, err := json.Marshal(map[string]any{"type": "Sequence", "pretokenizers": stages})
		if err != nil {
			return nil, err
		}
		p, err := newPipeline(&jsonFile{PreTokenizer: raw}, "BPE")
		if err != nil {
			return nil, err
		}
		if sameWords(p.split, b.split) {
			return map[string]any{"pre_tokenizer": json.RawMessage(raw), "decoder": byteLevel(true),
				"model": map[string]any{"type": "BPE", "vocab": t.vocabulary(), "merges": merges, "ignore_merges": b.ignoreMerges}}, nil
		}
	}
	name, _ := m[prefix+"pre"].(string)
	return nil, unsupportedFiles("has the pre-tokenizer " + models.Quote(name))
}

// byteLevel returns a stage that spells bytes as characters. The library tokenizers wants all of its fields.
func byteLevel(regex bool) any {
	return map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex}
}

// preTokenizersJSON returns the lists of stages that may be the pre-tokenizer of a byte-level BPE.
func preTokenizersJSON() (list [][]any) {
	list = [][]any{{byteLevel(true)}, {map[string]any{"type": "Digits", "individual_digits": true}, byteLevel(true)}}
	for _, name := range slices.Sorted(maps.Keys(published)) {
		split := map[string]any{"type": "Split", "pattern": map[string]any{"Regex": published[name]}, "behavior": "Isolated", "invert": false}
		list = append(list, []any{split, byteLevel(false)})
	}
	return list
}

// sameWords reports whether two pre-tokenizers divide the probes, and all pairs of them, in the same way.
func sameWords(a, b splitter) bool {
	words := func(s splitter, text string) (list []string) {
		s(text, func(w string) { list = append(list, w) })
		return list
	}
	for _, first := range probes {
		for _, second := range probes {
			if text := first + second; !slices.Equal(words(a, text), words(b, text)) {
				return false
			}
		}
	}
	return true
}

// piecesJSON returns the stages of a tokenizer.json with the tokens of SentencePiece.
func (t *Tokenizer) piecesJSON(m models.Metadata) (map[string]any, error) {
	scores, err := t.readScores(m)
	if err != nil {
		return nil, err
	}
	unk, err := t.readUnknown(m)
	if err != nil {
		return nil, err
	}
	replace := func(from, to string) any {
		return map[string]any{"type": "Replace", "pattern": map[string]any{"String": from}, "content": to}
	}
	normalizers := []any{replace(" ", space)}
	decoders := []any{replace(space, " "), map[string]any{"type": "ByteFallback"}, map[string]any{"type": "Fuse"}}
	if t.spacePrefix {
		normalizers = slices.Insert(normalizers, 0, any(map[string]any{"type": "Prepend", "prepend": space}))
		decoders = append(decoders, map[string]any{"type": "Strip", "content": " ", "start": 1, "stop": 0})
	}
	model := map[string]any{"type": "BPE", "vocab": t.vocabulary(), "merges": t.mergesOf(scores), "byte_fallback": true, "fuse_unk": true, "ignore_merges": false}
	if unk != none {
		model["unk_token"] = t.texts[unk]
	}
	return map[string]any{"normalizer": map[string]any{"type": "Sequence", "normalizers": normalizers}, "decoder": map[string]any{"type": "Sequence", "decoders": decoders}, "model": model}, nil
}

// mergesOf returns the pairs of tokens that make another one, the token with the highest score first.
func (t *Tokenizer) mergesOf(scores []float32) [][2]string {
	ids := []int32{}
	for id := range int32(len(t.texts)) {
		if t.ordinary(t.texts[id]) == id {
			ids = append(ids, id)
		}
	}
	slices.SortStableFunc(ids, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	list := [][2]string{}
	for _, id := range ids {
		text := t.texts[id]
		for at := range text {
			left, right := text[:at], text[at:]
			if at > 0 && t.ordinary(left) != none && t.ordinary(right) != none {
				list = append(list, [2]string{left, right})
			}
		}
	}
	return list
}

// addedJSON returns the tokens that are found in a text before it is divided.
func (t *Tokenizer) addedJSON() []map[string]any {
	list := []map[string]any{}
	for i, k := range t.kinds {
		switch k {
		case control, unknown, lookalike, userDefined:
			s := t.strips[int32(i)]
			list = append(list, map[string]any{"id": i, "content": t.texts[i], "special": k == control || k == unknown, "lstrip": s.left, "rstrip": s.right,
				"single_word": t.special.words[int32(i)], "normalized": false})
		}
	}
	return list
}

// aroundJSON returns the post-processor, which puts tokens before and after a text.
func (t *Tokenizer) aroundJSON() any {
	if len(t.before)+len(t.after) == 0 {
		return nil
	}
	ids := map[string]any{}
	around := func(text string, kind int) (list []any) {
		part := func(tokens []int32) {
			for _, id := range tokens {
				ids[t.texts[id]] = map[string]any{"id": t.texts[id], "ids": []int32{id}, "tokens": []string{t.texts[id]}}
				list = append(list, map[string]any{"SpecialToken": map[string]any{"id": t.texts[id], "type_id": kind}})
			}
		}
		part(t.before)
		list = append(list, map[string]any{"Sequence": map[string]any{"id": text, "type_id": kind}})
		part(t.after)
		return list
	}
	return map[string]any{"type": "TemplateProcessing", "single": around("A", 0), "pair": append(around("A", 0), around("B", 1)...), "special_tokens": ids}
}

// configJSON returns tokenizer_config.json: the tokens with a purpose and the chat template.
func (t *Tokenizer) configJSON(m models.Metadata) map[string]any {
	c := map[string]any{"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false, "add_bos_token": len(t.before) > 0, "add_eos_token": len(t.after) > 0}
	for name, key := range map[string]string{"bos_token": "bos_token_id", "eos_token": "eos_token_id", "unk_token": "unknown_token_id", "pad_token": "padding_token_id", "sep_token": "seperator_token_id"} { //nolint:misspell // so it is in GGUF
		if id, err := t.readID(m, key, none); err == nil && id != none {
			c[name] = t.texts[id]
		}
	}
	for name, id := range map[string]int32{"bos_token": t.bos, "eos_token": t.eos} { // the file may leave them to a rule
		if id != none {
			c[name] = t.texts[id]
		}
	}
	if text, ok := m["tokenizer.chat_template"].(string); ok {
		c["chat_template"] = text
	}
	return c
}

// endsJSON returns what generation_config.json says of tokens: which end an answer, that of the end of texts first, and which are never chosen.
func (t *Tokenizer) endsJSON() map[string]any {
	c := map[string]any{}
	ends := slices.Sorted(maps.Keys(t.ends))
	if i := slices.Index(ends, t.eos); i > 0 {
		ends = slices.Insert(slices.Delete(ends, i, i+1), 0, t.eos)
	}
	if len(ends) > 0 {
		c["eos_token_id"] = ends
	}
	if t.bos != none {
		c["bos_token_id"] = t.bos
	}
	if len(t.suppressed) > 0 {
		c["suppress_tokens"] = t.suppressed
	}
	return c
}

// likeRandom is like for texts that consist of the spellings of tokens in no order.
func (t *Tokenizer) likeRandom(u *Tokenizer) bool {
	state := uint32(1)
	for range 200 {
		var b strings.Builder
		for range 40 {
			state = state*1664525 + 1013904223
			text := string(t.Decode([]int32{int32(uint64(state) * uint64(len(t.texts)) >> 32)}))
			if utf8.ValidString(text) {
				b.WriteString(text)
			}
		}
		if !slices.Equal(t.Encode(b.String(), Options{}), u.Encode(b.String(), Options{})) {
			return false
		}
	}
	return true
}
