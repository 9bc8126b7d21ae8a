package token

import (
	"fmt"
	"math"
	"strings"

	"soberano/models"
)

// prefix is the prefix of the tokenizer's keys in a GGUF file:
//
//	tokenizer.ggml.model       "gpt2" (byte-level BPE), "llama" (SentencePiece), "gemma4" (BPE of characters),
//	                           "t5" (unigram), "bert" (WordPiece), "whitespace", "rwkv", "plamo2"
//	tokenizer.ggml.pre         name of the pre-tokenizer, BPE only
//	tokenizer.ggml.tokens      spellings by id      .token_type   kinds by id
//	tokenizer.ggml.merges      "left right"         .scores       floats by id
//	tokenizer.ggml.{bos,eos,eot,eom,unknown,…}_token_id, add_{bos,eos}_token, add_space_prefix
//	tokenizer.ggml.suppress_tokens   ids that are never chosen
//	tokenizer.ggml.precompiled_charsmap, remove_extra_whitespaces   unigram only
//	tokenizer.ggml.normalizer.{lowercase,strip_accents}             WordPiece only
const prefix = "tokenizer.ggml."

// maxTokens is the largest number of tokens in a vocabulary. The largest known vocabulary has 262,208.
const maxTokens = 1 << 22

// New reads the tokenizer of an opened model: from its metadata, or, in a folder of Hugging Face, from
// the files beside it (see NewFolder). The error is a *models.FileError of kind
// models.ErrCorrupt or models.ErrUnsupported that names the key.
func New(f *models.File) (*Tokenizer, error) {
	t, err := loadFile(f)
	if err != nil {
		return nil, models.InFile(f.Path, err)
	}
	return t, nil
}

func loadFile(f *models.File) (*Tokenizer, error) {
	if _, set := f.Meta[prefix+"model"]; !set {
		if t, err := NewFolder(f.Aux); t != nil || err != nil {
			return t, err
		}
	}
	return load(f.Meta)
}

func load(m models.Metadata) (*Tokenizer, error) {
	model, err := m.String(prefix+"model", "")
	if err != nil {
		return nil, err
	}
	read, known := map[string]func(*Tokenizer, models.Metadata) error{
		"gpt2": (*Tokenizer).readBPE, "gemma4": (*Tokenizer).readBPE, "whitespace": (*Tokenizer).readBPE,
		"llama": (*Tokenizer).readSentencePiece, "t5": (*Tokenizer).readUnigram, "bert": (*Tokenizer).readWordPiece,
		"rwkv": (*Tokenizer).readRWKV, "plamo2": (*Tokenizer).readPlamo,
	}[model]
	switch {
	case model == "":
		return nil, fmt.Errorf("key %q is missing: %w", prefix+"model", models.ErrCorrupt)
	case !known:
		return nil, fmt.Errorf("the tokenizer %s is not known: %w", models.Quote(model), models.ErrUnsupported)
	}
	t := &Tokenizer{bos: none, eos: none, sep: none}
	if err := t.readTokens(m); err != nil {
		return nil, err
	}
	if err := read(t, m); err != nil {
		return nil, err
	}
	t.setSpecial()
	if err := t.readSuppressed(m); err != nil {
		return nil, err
	}
	return t, t.readStrips(m)
}

// readSuppressed reads which tokens are never chosen. Ids outside the vocabulary are left out, as in llama.cpp.
func (t *Tokenizer) readSuppressed(m models.Metadata) error {
	list, err := m.Ints(prefix + "suppress_tokens")
	for _, id := range list {
		if id >= 0 && id < int64(len(t.texts)) {
			t.suppressed = append(t.suppressed, int32(id))
		}
	}
	return err
}

// readTokens reads the spellings and kinds of all tokens.
func (t *Tokenizer) readTokens(m models.Metadata) error {
	texts, err := m.Strings(prefix + "tokens")
	if err != nil {
		return err
	}
	if len(texts) == 0 || len(texts) > maxTokens {
		return fmt.Errorf("key %q has %d tokens, expected 1 to %d: %w", prefix+"tokens", len(texts), maxTokens, models.ErrCorrupt)
	}
	kinds, err := m.Ints(prefix + "token_type")
	if err != nil {
		return err
	}
	if kinds != nil && len(kinds) < len(texts) {
		return fmt.Errorf("key %q has %d entries for %d tokens: %w", prefix+"token_type", len(kinds), len(texts), models.ErrCorrupt)
	}
	t.texts = texts
	t.kinds = make([]kind, len(texts))
	for i := range texts {
		t.kinds[i] = normal
		if kinds != nil {
			t.kinds[i] = kindOf(kinds[i])
		}
		if _, ok := byteOf(texts[i]); t.kinds[i] == byteToken && !ok {
			return fmt.Errorf("token %d, %s, is marked as a byte but not spelled as one: %w", i, models.Quote(texts[i]), models.ErrCorrupt)
		}
	}
	if a, b, ok := t.index(); !ok {
		return fmt.Errorf("tokens %d and %d are both spelled %s: %w", a, b, models.Quote(texts[b]), models.ErrCorrupt)
	}
	return nil
}

func kindOf(n int64) kind {
	if n >= int64(normal) && n <= int64(byteToken) {
		return kind(n)
	}
	return unused // the token stands for no text and is not found in any
}

func (t *Tokenizer) readBPE(m models.Metadata) error {
	name, err := m.String(prefix+"pre", "")
	if err != nil {
		return err
	}
	if model, _ := m[prefix+"model"].(string); model != "gpt2" {
		name = model
	}
	if name == "" { // as llama.cpp does
		name = "default"
		t.note = "The file does not name its pre-tokenizer; the default one is used, so answers may be worse."
	}
	p, known := preTokenizers[name]
	if !known {
		return fmt.Errorf("the pre-tokenizer %s is not known: %w", models.Quote(name), models.ErrUnsupported)
	}
	if name == "whitespace" {
		if err := t.readLowercase(m); err != nil {
			return err
		}
	}
	if err := t.readSpecial(m, p.addBOS, false, none, none); err != nil {
		return err
	}
	if p.lineBreaks && t.bos != none && len(t.before) == 0 {
		t.before = []int32{t.bos}
	}
	merges, err := m.Strings(prefix + "merges")
	if err != nil {
		return err
	}
	if merges == nil {
		return fmt.Errorf("key %q is missing: %w", prefix+"merges", models.ErrCorrupt)
	}
	b, err := t.newMerges(len(merges), func(i int) mergePair { return cutMerge(merges[i]) }, p)
	if err != nil {
		return fmt.Errorf("key %q: %w: %w", prefix+"merges", err, models.ErrCorrupt)
	}
	t.words = b
	return nil
}

// readLowercase sets whether texts are made lower-case.
func (t *Tokenizer) readLowercase(m models.Metadata) error {
	lowercase, err := m.Bool(prefix+"normalizer.lowercase", false)
	if lowercase {
		t.prepare = func(text string, _ bool) string { return lower(validText(text)) }
	}
	return err
}

// newMerges returns BPE of bytes or characters, and sets how the tokens are decoded.
func (t *Tokenizer) newMerges(n int, merges func(i int) mergePair, p preTokenizer) (*bpe, error) {
	if !p.spaces && !p.bare {
		t.decode = decodeBytes
		return newBPE(t, n, merges, p)
	}
	t.decode = decodeSpaces
	if p.spaces {
		t.prepare = func(text string, _ bool) string { return strings.ReplaceAll(text, " ", space) }
	}
	return newCharBPE(t, n, merges, p)
}

func (t *Tokenizer) readSentencePiece(m models.Metadata) error {
	scores, err := t.readScores(m)
	if err != nil {
		return err
	}
	if t.spacePrefix, err = m.Bool(prefix+"add_space_prefix", true); err != nil {
		return err
	}
	t.dropSpace = t.spacePrefix
	if err := t.readSpecial(m, true, false, 1, 2); err != nil {
		return err
	}
	t.decode = decodeSpaces
	unk, err := t.readUnknown(m)
	if err != nil {
		return err
	}
	s := newSentencePiece(t, scores, unk)
	for b, id := range s.bytes {
		if id == none {
			return fmt.Errorf("neither byte %#02x nor an unknown token is in the vocabulary: %w", b, models.ErrCorrupt)
		}
	}
	t.words = s
	return nil
}

// readUnknown returns the token of SentencePiece for what is no other token: that of the key, or the one that is spelled so.
func (t *Tokenizer) readUnknown(m models.Metadata) (int32, error) {
	unk, err := t.readID(m, "unknown_token_id", none)
	if id, ok := t.ids.find("<unk>"); unk == none && ok {
		unk = id
	}
	return unk, err
}

func (t *Tokenizer) readScores(m models.Metadata) ([]float32, error) {
	scores, err := m.Floats(prefix + "scores")
	if err != nil {
		return nil, err
	}
	if len(scores) < len(t.texts) {
		return nil, fmt.Errorf("key %q has %d entries for %d tokens: %w", prefix+"scores", len(scores), len(t.texts), models.ErrCorrupt)
	}
	out := make([]float32, len(t.texts))
	for i := range out {
		if math.IsNaN(scores[i]) {
			return nil, fmt.Errorf("key %q: the score of token %d is not a number: %w", prefix+"scores", i, models.ErrCorrupt)
		}
		out[i] = float32(scores[i])
	}
	return out, nil
}

// readSpecial reads which tokens begin and end a text. The defaults depend on the kind of
// vocabulary; they apply only if the vocabulary has tokens with these ids.
func (t *Tokenizer) readSpecial(m models.Metadata, addBOS, addEOS bool, bos, eos int32) (err error) {
	if t.bos, err = t.readID(m, "bos_token_id", bos); err != nil {
		return err
	}
	if t.eos, err = t.readID(m, "eos_token_id", eos); err != nil {
		return err
	}
	if addBOS, err = t.readAdd(m, "add_bos_token", addBOS, t.bos); err != nil {
		return err
	}
	if addEOS, err = t.readAdd(m, "add_eos_token", addEOS, t.eos); err != nil {
		return err
	}
	if addBOS {
		t.before = []int32{t.bos}
	}
	if addEOS {
		t.after = []int32{t.eos}
	}
	if t.sep, err = t.readID(m, "seperator_token_id", none); err != nil { //nolint:misspell // so it is in GGUF
		return err
	}
	ends := []int32{t.eos}
	for _, key := range []string{"eot_token_id", "eom_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id"} {
		id, err := t.readID(m, key, none)
		if err != nil {
			return err
		}
		ends = append(ends, id)
	}
	_, typed := m[prefix+"token_type"]
	t.setEnds(!typed, ends...)
	return nil
}

// noID is -1 as 32 bits without a sign, which some files have as the id of a token that they do not have.
const noID = math.MaxUint32

// readID reads a token id. If the key is absent or noID, it returns def, or none if the vocabulary lacks def.
func (t *Tokenizer) readID(m models.Metadata, key string, def int32) (int32, error) {
	n, err := m.Int(prefix+key, int(def))
	if err != nil {
		return none, err
	}
	if _, set := m[prefix+key]; !set || n == noID {
		if !t.has(def) {
			return none, nil
		}
		return def, nil
	}
	if n < 0 || n >= len(t.texts) {
		return none, fmt.Errorf("key %q is %d, the vocabulary has %d tokens: %w", prefix+key, n, len(t.texts), models.ErrCorrupt)
	}
	return int32(n), nil
}

// readAdd reads whether the token id is added to texts. It is an error if the file asks for it but
// does not say which token it is.
func (t *Tokenizer) readAdd(m models.Metadata, key string, def bool, id int32) (bool, error) {
	add, err := m.Bool(prefix+key, def)
	if err != nil {
		return false, err
	}
	if _, set := m[prefix+key]; add && id == none {
		if !set {
			return false, nil
		}
		return false, fmt.Errorf("key %q is true, but the file does not say which token: %w", prefix+key, models.ErrCorrupt)
	}
	return add, nil
}
