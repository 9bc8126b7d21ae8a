package token

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// special is a token that is searched for in a text before the text is split into words.
type special struct {
	text    string
	id      int32
	control bool // found only in text that may spell control tokens
	marker  bool // user-defined, but spelled like a control token
}

// specials holds the special tokens, sorted by spelling. At a position of the text, each byte narrows
// the range of spellings that agree with the text so far. This works like a trie but needs less memory:
//
//	text  <|im_end|>…     <     all of  <bos> <eos> <|im_end|> <|im_start|>
//	                      <|                        <|im_end|> <|im_start|>
//	                      …                         <|im_end|>  ← complete: a match
//
// The leftmost match counts, and the longest one at that position.
type specials struct {
	all   []special      // sorted by text
	start [256][2]uint32 // range in all for each first byte
	words map[int32]bool // those that are found only where no letter, digit or underscore is beside them
}

func newSpecials(all []special) specials {
	slices.SortFunc(all, func(a, b special) int { return cmp.Compare(a.text, b.text) })
	s := specials{all: all}
	for i, x := range all {
		r := &s.start[x.text[0]]
		if r[1] == 0 {
			r[0] = uint32(i)
		}
		r[1] = uint32(i + 1)
	}
	return s
}

// finder finds the special tokens of a text from left to right.
type finder struct {
	*specials
	text    string
	allowed []span // ranges that may spell control tokens, ascending and not adjacent
	strict  bool   // markers, too, are found only there
}

// span is text[from:to].
type span struct{ from, to int }

func newFinder(s *specials, parts []Part, strict bool) finder {
	f := finder{specials: s, strict: strict}
	if len(parts) == 1 {
		f.text = parts[0].Text // avoid a copy
	} else {
		f.text = joined(parts)
	}
	at := 0
	for _, p := range parts {
		to := at + len(p.Text)
		switch last := len(f.allowed) - 1; {
		case !p.Special || at == to:
		case last >= 0 && f.allowed[last].to == at:
			f.allowed[last].to = to
		default:
			f.allowed = append(f.allowed, span{at, to})
		}
		at = to
	}
	return f
}

func joined(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// next returns the position, length and id of the first special token at or after from. Calls must
// have ascending values of from. If there is no token, it returns the end of the text, 0 and none.
func (f *finder) next(from int) (at, n int, id int32) {
	for at := from; at < len(f.text); at++ {
		if f.start[f.text[at]][1] == 0 {
			continue
		}
		if n, id := f.match(f.text[at:], f.control(at)); id != none && f.separate(at, at+n, id) {
			return at, n, id
		}
	}
	return len(f.text), 0, none
}

// separate reports whether the token id may stand for text[from:to] beside its neighbours.
func (f *finder) separate(from, to int, id int32) bool {
	if !f.words[id] {
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(f.text[:from])
	after, _ := utf8.DecodeRuneInString(f.text[to:])
	return !isWordCharacter(before) && !isWordCharacter(after)
}

// control returns the number of bytes from at on that may spell control tokens.
func (f *finder) control(at int) int {
	for len(f.allowed) > 0 && f.allowed[0].to <= at {
		f.allowed = f.allowed[1:]
	}
	if len(f.allowed) == 0 || f.allowed[0].from > at {
		return 0
	}
	return f.allowed[0].to - at
}

// match returns the longest special token at the start of text. Control tokens longer than control
// bytes do not count.
func (f *finder) match(text string, control int) (n int, id int32) {
	s := f.specials
	r := s.start[text[0]]
	lo, hi := int(r[0]), int(r[1])
	n, id = 0, none
	for d := 1; lo < hi; d++ {
		// The spellings all[lo:hi] begin with text[:d]; if one of them equals it, it is the first.
		if x := s.all[lo]; len(x.text) == d {
			if d <= control || !x.control && !(f.strict && x.marker) {
				n, id = d, x.id
			}
			lo++
		}
		if d == len(text) {
			break
		}
		c := text[d]
		lo += sort.Search(hi-lo, func(i int) bool { return s.all[lo+i].text[d] >= c })
		hi = lo + sort.Search(hi-lo, func(i int) bool { return s.all[lo+i].text[d] > c })
	}
	return n, id
}

// setSpecial collects the special tokens of t.
func (t *Tokenizer) setSpecial() {
	var all []special
	for i, k := range t.kinds {
		if t.texts[i] == "" {
			continue
		}
		switch k {
		case control, unknown, lookalike, userDefined:
		default:
			continue
		}
		all = append(all, special{t.texts[i], int32(i), k != userDefined, isMarker(t.texts[i])})
	}
	t.special = newSpecials(all)
}

// isMarker reports whether a token is spelled like the control tokens with which chat templates mark
// turns. Some files declare such tokens as user-defined.
func isMarker(text string) bool {
	for _, m := range [][2]string{{"<|", "|>"}, {"<｜", "｜>"}, {"<|", ">"}, {"<", "|>"}} {
		if len(text) >= len(m[0])+len(m[1]) && strings.HasPrefix(text, m[0]) && strings.HasSuffix(text, m[1]) {
			return true
		}
	}
	return text == "<start_of_turn>" || text == "[INST]" || text == "[/INST]"
}

// endTexts are the spellings of control tokens that end an answer in the known families. The keys of
// a file often name only one of them.
// Source: llama.cpp, src/llama-vocab.cpp, the list of end-of-generation tokens.
var endTexts = []string{
	"</s>", "<eos>", "[EOS]", "<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>",
	"<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<end_of_turn>", "<end_of_utterance>",
	"<|end|>", "<|return|>", "<|call|>", "<|calls|>", "<|flush|>",
	"<EOT>", "_<EOT>", "[EOT]", "<turn|>", "<|tool_response>", "[e~[",
	// Padding of fill-in-the-middle and separators of files: an answer ends before the next file.
	"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]",
	"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>", "<|file_sep|>",
}

// setEnds determines the tokens that end an answer: the tokens that keys of the file name (named) and
// the control tokens spelled as in endTexts. A token that a key names becomes a control token even if
// the file declares it as user-defined. In a file without token types (untyped), every token spelled as
// in endTexts is a control token.
func (t *Tokenizer) setEnds(untyped bool, named ...int32) {
	t.ends = map[int32]bool{}
	for _, id := range named {
		if id == none {
			continue
		}
		t.ends[id] = true
		if t.kinds[id] == userDefined {
			t.kinds[id] = control
		}
	}
	for _, s := range endTexts {
		id, ok := t.ids.find(s)
		switch {
		case !ok:
		case untyped || t.ends[id] || t.kinds[id] == control:
			t.ends[id] = true
			t.kinds[id] = control
		default:
			t.kinds[id] = lookalike
		}
	}
	t.excludeEnds()
	for _, s := range insertTexts {
		if id, ok := t.ids.find(s); ok && t.kinds[id] == userDefined {
			t.kinds[id] = lookalike
		}
	}
	for _, s := range channelTexts {
		if id, ok := t.ids.find(s); ok && t.kinds[id] == control {
			t.kinds[id] = userDefined
		}
	}
}

// insertTexts are the spellings of the tokens with which a text with a gap is marked. They come from
// templates only, even if a file declares them as user-defined.
var insertTexts = []string{
	"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>",
	"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>",
	"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>",
}

// channelTexts are the tokens of the format harmony that mark channels within an answer. They belong to
// the text of the answer, from which package reply removes them.
var channelTexts = []string{"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"}

// excludeEnds removes two tokens from the ends if other tokens show that they mean something else: in
// vocabularies like harmony's, "<|end|>" ends a message within an answer that continues; beside
// "<|tool_response>" and "<|plamo:eos|>", "</s>" is plain text.
func (t *Tokenizer) excludeEnds() {
	has := func(s string) bool { _, ok := t.ids.find(s); return ok }
	calls := has("<|call|>") || has("<|calls|>")
	if id, ok := t.ids.find("<|end|>"); ok && calls && (has("<|return|>") || has("<|flush|>")) {
		delete(t.ends, id)
		t.kinds[id] = userDefined
	}
	if id, ok := t.ids.find("</s>"); ok && (has("<|tool_response>") || has("<|plamo:eos|>")) {
		delete(t.ends, id)
		t.kinds[id] = normal
	}
}
