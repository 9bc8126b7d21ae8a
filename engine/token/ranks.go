package token

import (
	"encoding/json"
	"fmt"
	"strings"

	"soberano/models"
)

// Whisper's vocabulary in the forms that have no tokenizer.json: the lists of whisper.cpp
// and tiktoken, which hold no merges, and Hugging Face's older vocab.json and merges.txt.

// NewWhisperRanks makes a Whisper tokenizer of a list without merges: text holds the
// bytes of the tokens in the order in which they were learnt, single bytes first, special
// the spellings of those that follow, <|endoftext|> first.
//
// Tiktoken joins the two neighbours whose union stands first in the list. A token's own
// bytes, joined by what stands before it, leave two parts: the merge that makes it. So the
// merges come back one by one, each from those before. Errors wrap models.ErrCorrupt.
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
	if len(texts)+len(special) > most || size > mostJSON {
		return nil, fmt.Errorf("%s tokens of %s bytes are too many", models.Grouped(len(texts)+len(special)), models.Grouped(size))
	}
	t, err := newWhisper(append(texts, special...))
	if err != nil {
		return nil, err
	}
	b, err := newBPE(t, nil, splitGPT2, false)
	if err != nil {
		return nil, err
	}
	b.recover(text)
	t.words = b
	t.setSpecial()
	return t, nil
}

// recover finds the merges from the tokens that they make. A token that what stands
// before it does not leave as two parts is never made of text.
func (b *bpe) recover(text []string) {
	w := &word{bpe: b, queue: queue[candidate]{before: candidate.before}}
	var parts []int32
	for id, s := range text {
		if len(s) < 2 || b.t.ordinary(b.t.texts[id]) != int32(id) {
			continue
		}
		if parts = w.encode(parts[:0], s); len(parts) == 2 {
			b.merges[[2]int32(parts)] = merge{int32(id), int32(id)}
		}
	}
}

// NewWhisperFiles makes a Whisper tokenizer of a JSON object of spellings to ids, a list
// of merges, one "left right" a line, best first, and a JSON object of the special
// tokens' spellings to ids, which may be empty. Errors wrap models.ErrCorrupt.
func NewWhisperFiles(vocab, merges, added []byte) (*Tokenizer, error) {
	t, err := readFiles(vocab, merges, added)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w: %w", err, models.ErrCorrupt)
	}
	return t, nil
}

func readFiles(vocab, merges, added []byte) (*Tokenizer, error) {
	if len(vocab) > mostJSON || len(merges) > mostJSON || len(added) > mostJSON {
		return nil, fmt.Errorf("vocab.json, merges.txt or added_tokens.json is larger than %d MiB", mostJSON>>20)
	}
	var f tokenizerFile
	if err := json.Unmarshal(vocab, &f.Model.Vocab); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	for line := range strings.Lines(string(merges)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#version") {
			f.Model.Merges = append(f.Model.Merges, mergeLine(line))
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
