// Special tokens: finding them in text, and knowing which end an answer.
//
// The spellings are kept sorted. From each place in the text, the range of those
// that still agree narrows byte by byte, as a trie would, without a trie's memory:
//
//	text  <|im_end|>…     <     all of  <bos> <eos> <|im_end|> <|im_start|>
//	                      <|                        <|im_end|> <|im_start|>
//	                      …                         <|im_end|>  ← whole: a match
//
// The longest match at the leftmost place wins.
package token

import (
	"cmp"
	"slices"
	"sort"
)

type special struct {
	text    string
	id      int32
	control bool // found only where the caller asks for it
}

type specials struct {
	all   []special      // sorted by text
	start [256][2]uint32 // range of all by first byte
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

// find returns the place, length and id of the first special token in text; without
// one the place is the text's end, the length 0 and the id none.
func (s *specials) find(text string, parse bool) (at, n int, id int32) {
	for at := range len(text) {
		if s.start[text[at]][1] == 0 {
			continue
		}
		if n, id := s.match(text[at:], parse); id != none {
			return at, n, id
		}
	}
	return len(text), 0, none
}

// match returns the longest special token that text begins with.
func (s *specials) match(text string, parse bool) (n int, id int32) {
	r := s.start[text[0]]
	lo, hi := int(r[0]), int(r[1])
	n, id = 0, none
	for d := 1; lo < hi; d++ {
		// all[lo:hi] agree with text[:d]; a whole one sorts first.
		if x := s.all[lo]; len(x.text) == d {
			if parse || !x.control {
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

// setSpecial prepares finding the special tokens of t.
func (t *Tokenizer) setSpecial() {
	var all []special
	for i, k := range t.kinds {
		if t.texts[i] == "" || k != control && k != unknown && k != userDefined {
			continue
		}
		all = append(all, special{t.texts[i], int32(i), k != userDefined})
	}
	t.special = newSpecials(all)
}

// endTexts are the spellings that end an answer in the families known so far;
// tokenizer files often name only one of them as their end of sequence.
// Source: llama.cpp, src/llama-vocab.cpp, the list of end-of-generation tokens.
var endTexts = []string{
	"</s>", "<eos>", "[EOS]", "<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>",
	"<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<end_of_turn>", "<end_of_utterance>",
	"<|end|>", "<|return|>", "<|call|>", "<|calls|>", "<|flush|>",
	"<EOT>", "_<EOT>", "[EOT]", "<turn|>", "<|tool_response>", "[e~[",
	// Fill-in-the-middle padding and file boundaries: an answer ends before the next file.
	"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]",
	"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>", "<|file_sep|>",
}

// setEnds marks the tokens that end an answer, those of ids (by the file's keys) among
// them. A token spelled so is a control token whatever the file says.
func (t *Tokenizer) setEnds(ids ...int32) {
	t.ends = map[int32]bool{}
	for _, id := range ids {
		if id != none {
			t.ends[id] = true
		}
	}
	for _, s := range endTexts {
		if id, ok := t.ids[s]; ok {
			t.ends[id] = true
			t.kinds[id] = control
		}
	}
	t.notEnds()
}

// notEnds takes back two spellings where others show that they mean something else:
// in harmony-like formats "<|end|>" ends a message within an answer, and beside
// "<|tool_response>" a "</s>" is plain text.
func (t *Tokenizer) notEnds() {
	has := func(s string) bool { _, ok := t.ids[s]; return ok }
	calls := has("<|call|>") || has("<|calls|>")
	if id, ok := t.ids["<|end|>"]; ok && calls && (has("<|return|>") || has("<|flush|>")) {
		delete(t.ends, id)
		t.kinds[id] = userDefined
	}
	if id, ok := t.ids["</s>"]; ok && has("<|tool_response>") {
		delete(t.ends, id)
		t.kinds[id] = normal
	}
}
