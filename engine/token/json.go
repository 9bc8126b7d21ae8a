package token

import (
	"encoding/json"
	"fmt"
	"strings"

	"soberano/models"
)

// jsonFile is a tokenizer.json of Hugging Face's tokenizers. A text passes through these stages:
//
//	added_tokens ▸ normalizer ▸ pre_tokenizer ▸ model ▸ post_processor
//	special      NFC, spaces    words           ids     beginning and end
//
// Source: the library tokenizers; its names of types and fields.
type jsonFile struct {
	Added         []jsonAdded     `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

type jsonAdded struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	Left       bool   `json:"lstrip"`
	Right      bool   `json:"rstrip"`
	Special    bool   `json:"special"`
}

// jsonModel has the fields of all types of models.
type jsonModel struct {
	Type         string          `json:"type"`
	Vocab        json.RawMessage `json:"vocab"` // an object, or for Unigram a list of pairs
	Merges       []mergePair     `json:"merges"`
	Unknown      *string         `json:"unk_token"`
	UnknownID    *int            `json:"unk_id"`
	Prefix       *string         `json:"continuing_subword_prefix"`
	Suffix       *string         `json:"end_of_word_suffix"`
	Longest      int             `json:"max_input_chars_per_word"`
	ByteFallback bool            `json:"byte_fallback"`
	Fuse         bool            `json:"fuse_unk"`
	IgnoreMerges bool            `json:"ignore_merges"`
}

// NewJSON reads the tokenizer of a folder of Hugging Face from its files by base name: tokenizer.json, and,
// where there are such files, tokenizer_config.json, special_tokens_map.json, generation_config.json and
// config.json, which name the tokens that begin and end a text. The error wraps models.ErrCorrupt or
// models.ErrUnsupported; the latter names what is not known.
func NewJSON(files map[string][]byte) (*Tokenizer, error) {
	t, err := loadJSON(files)
	if err != nil {
		return nil, inAux("tokenizer.json", err)
	}
	return t, nil
}

func loadJSON(files map[string][]byte) (*Tokenizer, error) {
	data := files["tokenizer.json"]
	if len(data) > maxJSON {
		return nil, fmt.Errorf("it is larger than %d MiB", maxJSON>>20)
	}
	var f jsonFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	var m jsonModel
	if err := json.Unmarshal(f.Model, &m); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	t := &Tokenizer{bos: none, eos: none, sep: none}
	scores, err := t.readJSONVocab(&f, &m)
	if err != nil {
		return nil, err
	}
	if err := t.readJSONNames(files); err != nil {
		return nil, err
	}
	if err := t.readJSONModel(&f, &m, scores); err != nil {
		return nil, err
	}
	t.setSpecial()
	t.setJSONAdded(f.Added)
	if err := t.readPostProcessor(f.PostProcessor); err != nil {
		return nil, err
	}
	if t.bos == none && len(t.before) == 1 {
		t.bos = t.before[0]
	}
	if t.sep == none && m.Type == "WordPiece" && len(t.after) == 1 {
		t.sep = t.after[0]
	}
	return t, nil
}

// readJSONVocab sets the spellings and kinds of all tokens, and returns the scores of a unigram model.
func (t *Tokenizer) readJSONVocab(f *jsonFile, m *jsonModel) (scores []float64, err error) {
	ids := map[string]int{}
	if m.Type == "Unigram" {
		scores, err = readPairs(m.Vocab, &t.texts)
	} else if err = json.Unmarshal(m.Vocab, &ids); err == nil {
		t.texts, err = place(nil, ids)
	}
	if err != nil {
		return nil, fmt.Errorf("model.vocab: %w", err)
	}
	added := map[string]int{}
	for _, a := range f.Added {
		if old, dup := added[a.Content]; dup && old != a.ID {
			return nil, fmt.Errorf("added token %s has ids %d and %d", models.Quote(a.Content), old, a.ID)
		}
		added[a.Content] = a.ID
	}
	if t.texts, err = placeAdded(t.texts, added); err != nil {
		return nil, fmt.Errorf("added_tokens: %w", err)
	}
	t.kinds = make([]kind, len(t.texts))
	for i, text := range t.texts {
		t.kinds[i] = normal
		if _, ok := byteOf(text); ok && m.ByteFallback {
			t.kinds[i] = byteToken
		} else if text == "" {
			t.kinds[i] = unused
		}
	}
	if a, b, ok := t.index(); !ok {
		return nil, fmt.Errorf("tokens %d and %d are both spelled %s", a, b, models.Quote(t.texts[b]))
	}
	for len(scores) > 0 && len(scores) < len(t.texts) {
		scores = append(scores, 0)
	}
	return scores, nil
}

// placeAdded is place for ids that may leave gaps: tokens without a spelling.
func placeAdded(texts []string, ids map[string]int) ([]string, error) {
	for s, id := range ids {
		if id < 0 || id >= maxTokens {
			return nil, fmt.Errorf("token %s has id %d, out of range", models.Quote(s), id)
		}
		for len(texts) <= id {
			texts = append(texts, "")
		}
		if texts[id] != "" && texts[id] != s {
			return nil, fmt.Errorf("token %d is %s here and %s in the vocabulary", id, models.Quote(s), models.Quote(texts[id]))
		}
		texts[id] = s
	}
	return texts, nil
}

// readPairs reads the vocabulary of a unigram model, [["▁the", -3.2], …].
func readPairs(raw json.RawMessage, texts *[]string) ([]float64, error) {
	var pairs [][]any
	if err := json.Unmarshal(raw, &pairs); err != nil {
		return nil, err
	}
	if len(pairs) > maxTokens {
		return nil, fmt.Errorf("%d tokens are too many", len(pairs))
	}
	scores := make([]float64, len(pairs))
	for i, p := range pairs {
		if len(p) != 2 {
			return nil, fmt.Errorf("entry %d has %d parts", i, len(p))
		}
		text, ok1 := p[0].(string)
		score, ok2 := p[1].(float64)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("entry %d is not a text and a number", i)
		}
		*texts, scores[i] = append(*texts, text), score
	}
	return scores, nil
}

func (t *Tokenizer) readJSONModel(f *jsonFile, m *jsonModel, scores []float64) error {
	unknown := none
	if m.Unknown != nil {
		if id, ok := t.ids.find(*m.Unknown); ok {
			unknown = id
		}
	}
	for _, a := range f.Added { // before the model, which looks up ordinary tokens only
		t.kinds[a.ID] = userDefined
		if a.Special {
			t.kinds[a.ID] = control
		}
	}
	t.setJSONEnds()
	if m.Type == "" && len(m.Merges) > 0 {
		m.Type = "BPE"
	}
	p, err := newPipeline(f, m.Type)
	if err != nil {
		return err
	}
	t.prepare = p.prepare
	switch m.Type {
	case "BPE":
		return t.readJSONBPE(m, p, unknown)
	case "Unigram":
		if m.UnknownID != nil && t.has(int32(min(max(*m.UnknownID, -1), maxTokens))) {
			unknown = int32(*m.UnknownID)
		}
		t.decode = decodeSpaces
		u := newUnigram(t, scores, unknown)
		if m.ByteFallback {
			u.readBytes(t)
		}
		t.words, t.dropSpace = splitWords{p.split, u.encode, nil}, p.spaced
	case "WordPiece":
		rest := "##"
		if m.Prefix != nil {
			rest = *m.Prefix
		}
		t.setWordPieces(rest)
		w := newWordPiece(t, "", rest, unknown, bertNormalizer{})
		w.longest = m.Longest
		t.words = splitWords{p.split, w.encodeWord, w}
	default:
		return fmt.Errorf("the model %s is not known: %w", models.Quote(m.Type), models.ErrUnsupported)
	}
	return nil
}

func (t *Tokenizer) readJSONBPE(m *jsonModel, p *pipeline, unknown int32) error {
	for what, s := range map[string]*string{"continuing_subword_prefix": m.Prefix, "end_of_word_suffix": m.Suffix} {
		if s != nil && *s != "" {
			return fmt.Errorf("BPE with %s is not known: %w", what, models.ErrUnsupported)
		}
	}
	pre := preTokenizer{split: p.split, ignoreMerges: m.IgnoreMerges, bare: !m.ByteFallback}
	var b *bpe
	var err error
	if p.bytes {
		t.decode = decodeBytes
		b, err = newBPE(t, len(m.Merges), func(i int) mergePair { return m.Merges[i] }, pre)
	} else {
		t.decode = decodeSpaces
		t.dropSpace = p.spaced
		if b, err = newCharBPE(t, len(m.Merges), func(i int) mergePair { return m.Merges[i] }, pre); err == nil {
			b.unknown, b.fuse = unknown, m.Fuse
		}
	}
	if err != nil {
		return fmt.Errorf("model.merges: %w", err)
	}
	t.words = b
	return nil
}

func (u *unigram) readBytes(t *Tokenizer) {
	for i, text := range t.texts {
		if b, ok := byteOf(text); ok && t.kinds[i] == byteToken {
			u.bytes[b] = int32(i)
		}
	}
}

// setWordPieces sets how the tokens of a WordPiece vocabulary are decoded, in which rest marks what continues a word.
func (t *Tokenizer) setWordPieces(rest string) {
	t.dropSpace = true
	t.decode = func(text string) []byte {
		if s, ok := strings.CutPrefix(text, rest); ok {
			return []byte(s)
		}
		return []byte(" " + text)
	}
}

// splitWords divides a text into words and encodes each.
type splitWords struct {
	split  splitter
	word   func(dst []int32, word string) []int32
	pieces *wordPiece // if word is that of WordPiece
}

func (s splitWords) encode(dst []int32, text string) []int32 {
	s.split(validText(text), func(w string) { dst = s.word(dst, w) })
	return dst
}

// setJSONAdded sets how the added tokens are found.
func (t *Tokenizer) setJSONAdded(added []jsonAdded) {
	t.strips, t.special.words = map[int32]strip{}, map[int32]bool{}
	for _, a := range added {
		if a.Left || a.Right {
			t.strips[int32(a.ID)] = strip{a.Left, a.Right}
		}
		if a.SingleWord {
			t.special.words[int32(a.ID)] = true
		}
	}
}
