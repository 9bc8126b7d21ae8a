package token

import (
	"encoding/json"
	"fmt"
	"strings"

	"soberano/models"
)

// NewWhisperRanks returns a Whisper tokenizer for a list of tokens without merges, the form in which
// whisper.cpp and tiktoken store the vocabulary. text holds the bytes of the tokens in the order in
// which they were learnt, single bytes first. special holds the spellings of the tokens that follow,
// <|endoftext|> first. Errors wrap models.ErrCorrupt.
//
// Tiktoken merges the two neighbours whose union comes first in the list. So the merge that makes a
// token can be recovered: encoding the token's bytes with the merges of the tokens before it gives
// the two parts of the merge.
func NewWhisperRanks(text, special []string) (*Tokenizer, error) {
	t, err := readRanks(text, special)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w: %w", err, models.ErrCorrupt)
	}
	return t, nil
}

func readRanks(text, special []string) (*Tokenizer, error) {
	size := 0
	texts := make([]string, 0, len(text)+len(special))
	for _, s := range text {
		size += len(s)
		texts = append(texts, spellBytes(s))
	}
	if len(texts)+len(special) > maxTokens || size > maxJSON {
		return nil, fmt.Errorf("%s tokens of %s bytes are too many", models.Grouped(len(texts)+len(special)), models.Grouped(size))
	}
	t, err := newWhisper(append(texts, special...))
	if err != nil {
		return nil, err
	}
	b, err := newBPE(t, 0, nil, preTokenizer{split: splitGPT2})
	if err != nil {
		return nil, err
	}
	b.recover(text)
	t.words = b
	t.setSpecial()
	return t, nil
}

// recover finds the merge of each token, given all merges before it. Tokens whose encoding does
// not give two parts have no merge and can't result from text.
func (b *bpe) recover(text []string) {
	w := &word{bpe: b, queue: queue[candidate]{before: candidate.before}}
	var parts []int32
	for id, s := range text {
		if len(s) < 2 || b.t.ordinary(b.t.texts[id]) != int32(id) {
			continue
		}
		if parts = w.encode(parts[:0], s); len(parts) == 2 {
			b.merges.add(merge{[2]int32(parts), int32(id)})
		}
	}
}

// NewWhisperFiles returns a Whisper tokenizer for Hugging Face's older files: vocab.json, a JSON object
// that maps spellings to ids; merges.txt, a list with one merge "left right" a line, best first; and
// added_tokens.json, a JSON object that maps the spellings of the special tokens to ids, which may be
// empty. Errors wrap models.ErrCorrupt.
func NewWhisperFiles(vocab, merges, added []byte) (*Tokenizer, error) {
	t, err := readFiles(vocab, merges, added)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w: %w", err, models.ErrCorrupt)
	}
	return t, nil
}

func readFiles(vocab, merges, added []byte) (*Tokenizer, error) {
	if len(vocab) > maxJSON || len(merges) > maxJSON || len(added) > maxJSON {
		return nil, fmt.Errorf("vocab.json, merges.txt or added_tokens.json is larger than %d MiB", maxJSON>>20)
	}
	var f tokenizerFile
	if err := json.Unmarshal(vocab, &f.Model.Vocab); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	for line := range strings.Lines(string(merges)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#version") {
			f.Model.Merges = append(f.Model.Merges, cutMerge(line))
		}
	}
	var special map[string]int
	if len(added) > 0 {
		if err := json.Unmarshal(added, &special); err != nil {
			return nil, fmt.Errorf("added_tokens.json: %w", err)
		}
	}
	texts, err := place(nil, f.Model.Vocab)
	if err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	if texts, err = place(texts, special); err != nil {
		return nil, fmt.Errorf("added_tokens.json: %w", err)
	}
	return f.whisper(texts)
}
