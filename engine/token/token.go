package token

import (
	"runtime"
	"strings"
	"sync"
	"unicode"
)

// Options are options of Encode.
type Options struct {
	AddSpecial   bool // add the beginning and end tokens that the model asks for
	ParseSpecial bool // control tokens that are spelled in the text ("<|im_end|>") become these tokens
}

// Part is a part of a text. Special allows control tokens to be spelled in it.
type Part struct {
	Text    string
	Special bool
}

// kind is the type of a token, numbered as in GGUF files (tokenizer.ggml.token_type).
type kind uint8

const (
	normal      kind = 1
	unknown     kind = 2
	control     kind = 3
	userDefined kind = 4 // found in any text, before words and merges
	unused      kind = 5
	byteToken   kind = 6 // "<0x0A>"

	// lookalike is not a type of GGUF files. The token is spelled like a control token that ends an
	// answer, but it does not end one: it stands for its spelling. Text becomes this token only if
	// it may spell control tokens.
	lookalike kind = 7
)

// none is the id that stands for a missing token.
const none int32 = -1

// Tokenizer is a vocabulary with its rules. It is read-only and safe for concurrent use.
type Tokenizer struct {
	texts  []string // spelling in the file, by id
	kinds  []kind
	ids    vocabulary               // of tokens of every kind
	decode func(text string) []byte // converts the spelling of a normal token to bytes

	special  specials
	strips   map[int32]strip // special tokens that take white space away
	bos, eos int32           // none where the model has none
	sep      int32
	before   []int32    // what AddSpecial adds before a text
	after    []int32    // and after it
	pair     []pairPart // how two texts are put together; nil: not said
	ends     map[int32]bool
	note     string

	suppressed []int32 // tokens that are never chosen

	// spacePrefix: Encode adds a space before a text (Llama 2); dropSpace: Decode removes it.
	spacePrefix, dropSpace bool
	prepare                func(text string, first bool) string // what is done to a text before words; nil: nothing
	words                  wordEncoder
}

// pairPart is a part of two texts that are put together: a token, or one of the texts.
type pairPart struct {
	token int32
	text  int // 1 or 2; 0: token
}

// EncodePair returns the tokens of two texts in the form that tokenizer.json gives for a pair, as of a query and a document. Control
// tokens that are spelled in them stay text. ok is false if the vocabulary's file does not say the form.
func (t *Tokenizer) EncodePair(first, second string) (ids []int32, ok bool) {
	for _, p := range t.pair {
		switch p.text {
		case 0:
			ids = append(ids, p.token)
		case 1:
			ids = append(ids, t.Encode(first, Options{})...)
		default:
			ids = append(ids, t.Encode(second, Options{})...)
		}
	}
	return ids, t.pair != nil
}

// strip says that a special token takes the white space before or after it away.
type strip struct{ left, right bool }

// wordEncoder converts text without special tokens to ids.
type wordEncoder interface {
	encode(dst []int32, text string) []int32
}

// Encode returns the ids of text. Invalid UTF-8 is treated as in the reference implementations of the
// vocabularies: byte-level BPE replaces each invalid byte by U+FFFD, SentencePiece uses byte tokens. The
// time is O(n log n) in the length of the text.
func (t *Tokenizer) Encode(text string, o Options) []int32 {
	return t.encode([]Part{{text, o.ParseSpecial}}, o.AddSpecial, false)
}

// EncodeParts returns the ids of the joined text of parts. A control token can come only from text that
// lies completely in parts with Special set; the same is true for user-defined tokens that are spelled
// like control tokens (<|…|>). Otherwise the borders of parts have no effect: words, merges and other
// user-defined tokens may extend over them. addSpecial is Options.AddSpecial.
func (t *Tokenizer) EncodeParts(parts []Part, addSpecial bool) []int32 {
	return t.encode(parts, addSpecial, true)
}

func (t *Tokenizer) encode(parts []Part, addSpecial, strict bool) []int32 {
	find := newFinder(&t.special, parts, strict)
	ids := make([]int32, 0, len(find.text)/3+2)
	if addSpecial {
		ids = append(ids, t.before...)
	}
	afterSpecial := true // the start of the text counts as one
	for done := 0; done < len(find.text); {
		at, n, id := find.next(done)
		text := find.text[done:at]
		if t.strips[id].left {
			text = strings.TrimRightFunc(text, unicode.IsSpace)
		}
		if text != "" {
			ids = t.encodeText(ids, text, afterSpecial, done == 0)
			afterSpecial = false
		}
		if id != none {
			ids = append(ids, id)
			afterSpecial = true
		}
		done = at + n
		if t.strips[id].right {
			done = len(find.text) - len(strings.TrimLeftFunc(find.text[done:], unicode.IsSpace))
		}
	}
	if addSpecial {
		ids = append(ids, t.after...)
	}
	return ids
}

// encodeText encodes text without special tokens. afterSpecial says that one is before it, first that
// nothing is.
func (t *Tokenizer) encodeText(ids []int32, text string, afterSpecial, first bool) []int32 {
	if t.spacePrefix && afterSpecial {
		text = " " + text
	}
	if t.prepare != nil {
		text = t.prepare(text, first)
	}
	return t.words.encode(ids, text)
}

// Decode returns the text of ids. Control tokens are spelled out; ids outside the vocabulary are
// ignored. Decode removes the space that Encode adds before a text.
func (t *Tokenizer) Decode(ids []int32) []byte {
	var out []byte
	for i, id := range ids {
		if !t.has(id) {
			continue
		}
		p := t.Piece(id)
		if p == nil && t.kinds[id] != unused {
			p = []byte(t.texts[id])
		}
		if i == 0 && t.dropSpace && len(p) > 0 && p[0] == ' ' {
			p = p[1:]
		}
		out = append(out, p...)
	}
	return out
}

// Piece returns the bytes that a token adds to the text before it. They may be a part of a UTF-8
// character; control tokens and ids outside the vocabulary add none.
func (t *Tokenizer) Piece(id int32) []byte {
	if !t.has(id) {
		return nil
	}
	switch s := t.texts[id]; t.kinds[id] {
	case normal:
		return t.decode(s)
	case userDefined, lookalike:
		return []byte(s)
	case byteToken:
		b, _ := byteOf(s)
		return []byte{b}
	}
	return nil
}

// IsControl reports whether a token stands for no text.
func (t *Tokenizer) IsControl(id int32) bool {
	return t.has(id) && (t.kinds[id] == control || t.kinds[id] == unknown)
}

// IsEnd reports whether a token ends a model's answer: the end of a sequence, turn or message.
func (t *Tokenizer) IsEnd(id int32) bool { return t.ends[id] }

// BOS returns the token that begins a sequence, false where the model has none.
func (t *Tokenizer) BOS() (int32, bool) { return t.bos, t.bos != none }

// EOS returns the token that ends a sequence, false where the model has none.
func (t *Tokenizer) EOS() (int32, bool) { return t.eos, t.eos != none }

// SEP returns the token that separates two texts, false where the model has none.
func (t *Tokenizer) SEP() (int32, bool) { return t.sep, t.sep != none }

// AddsBOS reports whether Encode begins with BOS where Options.AddSpecial is set.
func (t *Tokenizer) AddsBOS() bool { return len(t.before) > 0 && t.before[0] == t.bos }

// AddsEOS reports whether Encode ends with EOS where Options.AddSpecial is set.
func (t *Tokenizer) AddsEOS() bool { return len(t.after) > 0 && t.after[len(t.after)-1] == t.eos }

// Size returns the number of tokens. Ids are 0 … Size-1.
func (t *Tokenizer) Size() int { return len(t.texts) }

// Text returns a token's spelling in the vocabulary ("Ġthe", "▁the", "<|im_end|>"), or "" for ids
// outside the vocabulary.
func (t *Tokenizer) Text(id int32) string {
	if !t.has(id) {
		return ""
	}
	return t.texts[id]
}

// ID returns the id of the token with this spelling, of any kind.
func (t *Tokenizer) ID(text string) (int32, bool) {
	id, ok := t.ids.find(text)
	return id, ok
}

// Note describes in a sentence where this program deviates from the file's tokenizer. It is "" if it
// does not.
func (t *Tokenizer) Note() string { return t.note }

// Suppressed returns the tokens that the model's files say are never chosen, such as those that stand for images.
func (t *Tokenizer) Suppressed() []int32 { return t.suppressed }

func (t *Tokenizer) has(id int32) bool { return id >= 0 && int(id) < len(t.texts) }

// ordinary returns the id of the token with this spelling that plain text can become, or none. Plain
// text never becomes a control, unknown or byte token.
func (t *Tokenizer) ordinary(text string) int32 {
	id, ok := t.ids.find(text)
	if !ok {
		return none
	}
	return t.plain(id)
}

// plain returns id, or none if plain text can't become that token.
func (t *Tokenizer) plain(id int32) int32 {
	switch t.kinds[id] {
	case control, unknown, byteToken, lookalike:
		return none
	}
	return id
}

// index fills ids from texts. If two spellings are equal, it returns the first such pair and false.
func (t *Tokenizer) index() (first, second int32, ok bool) {
	t.ids, first, second, ok = newVocabulary(t.texts)
	return first, second, ok
}

// parts calls do on all cores for consecutive parts of n things: with the number of the part, and the things from … to-1.
func parts(n int, do func(part, from, to int)) {
	count := max(1, min(runtime.GOMAXPROCS(0), n/4096))
	var all sync.WaitGroup
	for i := range count {
		all.Go(func() { do(i, n*i/count, n*(i+1)/count) })
	}
	all.Wait()
}

// byteOf parses the spelling of a byte token, "<0x0A>".
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
