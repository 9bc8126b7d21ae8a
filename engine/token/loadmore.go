package token

import (
	"fmt"
	"strings"

	"soberano/models"
)

func (t *Tokenizer) readUnigram(m models.Metadata) error {
	scores, err := t.readScores(m)
	if err != nil {
		return err
	}
	var w whitening
	if w.prefix, err = m.Bool(prefix+"add_space_prefix", false); err != nil {
		return err
	}
	if w.merge, err = m.Bool(prefix+"remove_extra_whitespaces", false); err != nil {
		return err
	}
	t.dropSpace = w.prefix
	if err := t.readSpecial(m, false, true, none, 1); err != nil {
		return err
	}
	t.decode = decodeSpaces
	unk, err := t.readID(m, "unknown_token_id", 2)
	if err != nil {
		return err
	}
	chars, err := readCharsMap(m)
	if err != nil {
		return err
	}
	wide := make([]float64, len(scores))
	for i, x := range scores {
		wide[i] = float64(x)
	}
	u := newUnigram(t, wide, unk)
	u.prepare = func(text string) string { return w.normalize(chars, text) }
	t.words = u
	return nil
}

func readCharsMap(m models.Metadata) (*charsMap, error) {
	const key = prefix + "precompiled_charsmap"
	values, err := m.Ints(key)
	if err != nil {
		return nil, err
	}
	b := make([]byte, len(values))
	for i, x := range values {
		b[i] = byte(x)
	}
	chars, err := newCharsMap(b)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w: %w", key, err, models.ErrCorrupt)
	}
	return chars, nil
}

// readWordPiece reads BERT's vocabulary. A text is always put between [CLS] and [SEP].
func (t *Tokenizer) readWordPiece(m models.Metadata) error {
	cls, err := t.readID(m, "cls_token_id", 101)
	if err != nil {
		return err
	}
	if err := t.readSpecial(m, false, false, cls, none); err != nil {
		return err
	}
	if t.sep == none && t.has(102) {
		t.sep = 102
	}
	if t.bos == none || t.sep == none {
		return fmt.Errorf("the file does not say which tokens begin and end a text: %w", models.ErrCorrupt)
	}
	t.before, t.after, t.dropSpace = []int32{t.bos}, []int32{t.sep}, true
	t.decode = decodeSpaces
	unk, err := t.readID(m, "unknown_token_id", 100)
	if err != nil {
		return err
	}
	n := bertNormalizer{clean: true, chinese: true}
	if n.lowercase, err = m.Bool(prefix+"normalizer.lowercase", true); err != nil {
		return err
	}
	if n.stripAccents, err = m.Bool(prefix+"normalizer.strip_accents", n.lowercase); err != nil {
		return err
	}
	t.words = newWordPiece(t, space, "", unk, n)
	return nil
}

func (t *Tokenizer) readRWKV(m models.Metadata) error {
	if err := t.readSpecial(m, false, false, none, none); err != nil {
		return err
	}
	unk, err := t.readID(m, "unknown_token_id", none)
	if err != nil {
		return err
	}
	t.decode = unescapeRWKV
	t.words = newRWKV(t, unk)
	return nil
}

func (t *Tokenizer) readPlamo(m models.Metadata) error {
	scores, err := t.readScores(m)
	if err != nil {
		return err
	}
	if err := t.readSpecial(m, false, false, 1, 2); err != nil {
		return err
	}
	t.decode = func(text string) []byte { return []byte(text) }
	p, err := newPlamo(t, scores)
	if err != nil {
		return fmt.Errorf("key %q: %w: %w", prefix+"tokens", err, models.ErrCorrupt)
	}
	t.words = p
	return nil
}

// readStrips sets which special tokens take white space away. Files do not say it; it is known of some
// families, as in llama.cpp, src/llama-vocab.cpp.
func (t *Tokenizer) readStrips(m models.Metadata) error {
	var names [3]string
	for i, key := range []string{"general.name", prefix + "pre", "general.architecture"} {
		var err error
		if names[i], err = m.String(key, ""); err != nil {
			return err
		}
	}
	name, pre, family := strings.ToLower(names[0]), names[1], names[2]
	t.strips = map[int32]strip{}
	if strings.Contains(name, "phi-3") || strings.Contains(name, "phi3") {
		for _, x := range t.special.all {
			if x.text != "<unk>" && x.text != "<s>" && x.text != "<|endoftext|>" {
				t.strips[x.id] = strip{right: true}
			}
		}
	}
	if id, ok := t.ids.find(maskOf(name, pre, family)); ok {
		t.strips[id] = strip{left: true}
	}
	return nil
}

// maskOf returns the spelling of the mask token that takes the white space before it away, "" if none does.
func maskOf(name, pre, family string) string {
	switch {
	case strings.HasPrefix(pre, "jina-v2-"), family == "nomic-bert-moe", family == "jina-bert-v3":
		return "<mask>"
	case strings.Contains(name, "modern-bert"):
		return "[MASK]"
	}
	return ""
}
