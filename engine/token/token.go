// Package token turns text into the numbers a language model reads, and back.
//
//	text ──special tokens──▶ stretches ──pre-tokenizer──▶ words ──merges──▶ ids
//	"<|im_start|>Hi all"     [1] "Hi all"                  "Hi" " all"       [1 26843 511]
//
// Two kinds of vocabulary are known, both as GGUF files carry them: byte-level BPE
// (bpe.go; GPT-2, Llama 3, Qwen, SmolLM, Whisper) and SentencePiece with scores
// (sentencepiece.go; Llama 2, Gemma). Special tokens typed by a person stay plain
// text unless Options.ParseSpecial says otherwise: ordinary text never yields a
// control token. stream.go hands out text while tokens arrive.
package token

import "strings"

// Options says what Encode does beside the text itself.
type Options struct {
	AddSpecial   bool // add the beginning and end tokens that the model asks for
	ParseSpecial bool // read special tokens spelled in the text ("<|im_end|>") as such
}

// kind is what a token is for, numbered as in GGUF files (tokenizer.ggml.token_type).
type kind uint8

const (
	normal      kind = 1
	unknown     kind = 2
	control     kind = 3
	userDefined kind = 4 // found in any text, before everything else
	unused      kind = 5
	byteToken   kind = 6 // "<0x0A>"
)

// none is the id of a token that a vocabulary lacks.
const none int32 = -1

// Tokenizer is a vocabulary with its rules. It is read-only and safe for concurrent use.
type Tokenizer struct {
	texts  []string // as the file spells them, by id
	kinds  []kind
	ids    map[string]int32 // id by spelling, every kind
	pieces [][]byte         // bytes of each token in running text; nil for control tokens

	special  specials
	bos, eos int32 // none where the model has none
	addBOS   bool
	addEOS   bool
	ends     map[int32]bool
	note     string

	// spacePrefix: text starts with a space that Decode takes away again (Llama 2).
	spacePrefix bool
	words       wordEncoder
}

// wordEncoder turns a stretch of text without special tokens into ids.
type wordEncoder interface {
	encode(dst []int32, text string) []int32
}

// Encode returns the ids of text. Text that is not UTF-8 is read as its vocabulary's
// makers do: byte-level BPE takes each wrong byte for U+FFFD, SentencePiece falls
// back to byte tokens. The time is O(n log n) in the length of the text, whatever it says.
func (t *Tokenizer) Encode(text string, o Options) []int32 {
	ids := make([]int32, 0, len(text)/3+2)
	if o.AddSpecial && t.addBOS {
		ids = append(ids, t.bos)
	}
	afterSpecial := true // the start counts as one
	for len(text) > 0 {
		at, n, id := t.special.find(text, o.ParseSpecial)
		if at > 0 {
			ids = t.encodeText(ids, text[:at], afterSpecial)
			afterSpecial = false
		}
		if id != none {
			ids = append(ids, id)
			afterSpecial = true
		}
		text = text[at+n:]
	}
	if o.AddSpecial && t.addEOS {
		ids = append(ids, t.eos)
	}
	return ids
}

func (t *Tokenizer) encodeText(ids []int32, text string, afterSpecial bool) []int32 {
	if t.spacePrefix && afterSpecial {
		text = " " + text
	}
	return t.words.encode(ids, text)
}

// Decode returns the text of ids, special tokens spelled out; ids outside the
// vocabulary give nothing. The space that Encode put before a text is taken away.
func (t *Tokenizer) Decode(ids []int32) []byte {
	var out []byte
	for i, id := range ids {
		if !t.has(id) {
			continue
		}
		p := t.pieces[id]
		if p == nil && t.kinds[id] != unused {
			p = []byte(t.texts[id])
		}
		if i == 0 && t.spacePrefix && len(p) > 0 && p[0] == ' ' {
			p = p[1:]
		}
		out = append(out, p...)
	}
	return out
}

// Piece returns the bytes that a token adds to a running text: part of a UTF-8
// character perhaps, nothing for control tokens and ids outside the vocabulary.
// The caller must not change them.
func (t *Tokenizer) Piece(id int32) []byte {
	if !t.has(id) {
		return nil
	}
	return t.pieces[id]
}

// IsControl reports whether a token stands for no text.
func (t *Tokenizer) IsControl(id int32) bool {
	return t.has(id) && (t.kinds[id] == control || t.kinds[id] == unknown)
}

// IsEnd reports whether a token ends a model's answer: end of sequence, of turn, of message.
func (t *Tokenizer) IsEnd(id int32) bool { return t.ends[id] }

// BOS returns the token that begins a sequence, false where the model has none.
func (t *Tokenizer) BOS() (int32, bool) { return t.bos, t.bos != none }

// EOS returns the token that ends a sequence, false where the model has none.
func (t *Tokenizer) EOS() (int32, bool) { return t.eos, t.eos != none }

// AddsBOS reports whether Encode begins with BOS where Options.AddSpecial is set.
func (t *Tokenizer) AddsBOS() bool { return t.addBOS }

// AddsEOS reports whether Encode ends with EOS where Options.AddSpecial is set.
func (t *Tokenizer) AddsEOS() bool { return t.addEOS }

// Size is the number of tokens; ids are 0 … Size-1.
func (t *Tokenizer) Size() int { return len(t.texts) }

// Text returns a token's spelling in the vocabulary ("Ġthe", "▁the", "<|im_end|>"),
// "" for ids outside it.
func (t *Tokenizer) Text(id int32) string {
	if !t.has(id) {
		return ""
	}
	return t.texts[id]
}

// ID returns the token spelled so in the vocabulary, special ones included.
func (t *Tokenizer) ID(text string) (int32, bool) {
	id, ok := t.ids[text]
	return id, ok
}

// Note says in words what this program could not follow exactly in the file's
// tokenizer, "" where nothing.
func (t *Tokenizer) Note() string { return t.note }

func (t *Tokenizer) has(id int32) bool { return id >= 0 && int(id) < len(t.texts) }

// ordinary returns the id of the token that plain text spelled so becomes, or none:
// control, unknown and byte tokens come from no plain text.
func (t *Tokenizer) ordinary(text string) int32 {
	id, ok := t.ids[text]
	if !ok || t.kinds[id] == control || t.kinds[id] == unknown || t.kinds[id] == byteToken {
		return none
	}
	return id
}

// index fills ids from texts and returns the first duplicate pair, if any. Empty
// spellings are no text's tokens and may repeat.
func (t *Tokenizer) index() (first, second int32, ok bool) {
	t.ids = make(map[string]int32, len(t.texts))
	for i, s := range t.texts {
		if s == "" {
			continue
		}
		if old, dup := t.ids[s]; dup {
			return old, int32(i), false
		}
		t.ids[s] = int32(i)
	}
	return 0, 0, true
}

// setPieces computes the bytes of every token by decode, the vocabulary's own spelling.
func (t *Tokenizer) setPieces(decode func(text string) []byte) {
	t.pieces = make([][]byte, len(t.texts))
	for i, s := range t.texts {
		switch t.kinds[i] {
		case normal:
			t.pieces[i] = decode(s)
		case userDefined:
			t.pieces[i] = []byte(s)
		case byteToken:
			b, _ := byteOf(s)
			t.pieces[i] = []byte{b}
		}
	}
}

// byteOf reads "<0x0A>".
func byteOf(s string) (byte, bool) {
	if len(s) != 6 || !strings.HasPrefix(s, "<0x") || s[5] != '>' {
		return 0, false
	}
	hi, ok1 := hexDigit(s[3])
	lo, ok2 := hexDigit(s[4])
	return hi<<4 | lo, ok1 && ok2
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
