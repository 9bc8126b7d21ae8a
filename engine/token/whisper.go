package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"soberano/models"
)

// maxJSON is the largest size of a tokenizer.json or vocabulary in bytes. Real ones have 1 to 4 MB.
const maxJSON = 64 << 20

const endOfText = "<|endoftext|>"

// NewWhisper returns a Whisper tokenizer (openai/whisper, tokenizer.py) for Hugging Face's tokenizer.json
// and CTranslate2's vocabulary. It is byte-level BPE with the words of GPT-2.
//
//	id  0 … 50256  text (English-only: … 50255)
//	    then       <|endoftext|> <|startoftranscript|> <|en|> <|zh|> … languages
//	               <|translate|> <|transcribe|> <|startoflm|> <|startofprev|>
//	               <|nospeech|> <|notimestamps|> <|0.00|> <|0.02|> … <|30.00|>
//
// All tokens from <|endoftext|> on are control tokens.
//
// tokenizerJSON must have a BPE model. vocabulary is a JSON list of spellings, a JSON object that maps
// spellings to ids, or a text with one spelling a line. It may be empty if tokenizer.json has every
// token. If both contain a token, they must agree. Errors wrap models.ErrCorrupt.
func NewWhisper(tokenizerJSON, vocabulary []byte) (*Tokenizer, error) {
	t, err := readWhisper(tokenizerJSON, vocabulary)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w: %w", err, models.ErrCorrupt)
	}
	return t, nil
}

// tokenizerFile holds the parts of tokenizer.json that are used.
type tokenizerFile struct {
	Model struct {
		Type   string
		Vocab  map[string]int
		Merges []mergePair
	}
	Added []struct {
		ID      int
		Content string
	} `json:"added_tokens"`
}

// UnmarshalJSON reads "left right" or, in newer files, ["left", "right"].
func (m *mergePair) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var line string
		err := json.Unmarshal(b, &line)
		*m = cutMerge(line)
		return err
	}
	var pair []string
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a merge of %d parts", len(pair))
	}
	*m = mergePair{pair[0], pair[1]}
	return nil
}

func readWhisper(tokenizerJSON, vocabulary []byte) (*Tokenizer, error) {
	if len(tokenizerJSON) > maxJSON || len(vocabulary) > maxJSON {
		return nil, fmt.Errorf("tokenizer.json or vocabulary is larger than %d MiB", maxJSON>>20)
	}
	var f tokenizerFile
	if err := json.Unmarshal(tokenizerJSON, &f); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	if f.Model.Type != "" && f.Model.Type != "BPE" {
		return nil, fmt.Errorf("tokenizer.json: model type is %s, expected BPE", models.Quote(f.Model.Type))
	}
	texts, err := readVocabulary(vocabulary)
	if err != nil {
		return nil, fmt.Errorf("vocabulary: %w", err)
	}
	if texts, err = f.join(texts); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	return f.whisper(texts)
}

// readVocabulary returns the spellings by id, or nil for an empty file.
func readVocabulary(b []byte) ([]string, error) {
	b = bytes.TrimRight(b, "\r\n")
	start := bytes.TrimLeft(b, " \t\r\n")
	if len(start) == 0 {
		return nil, nil
	}
	if start[0] == '[' && json.Valid(b) {
		var list []string
		err := json.Unmarshal(b, &list)
		return list, err
	}
	if start[0] == '{' && json.Valid(b) {
		var ids map[string]int
		if err := json.Unmarshal(b, &ids); err != nil {
			return nil, err
		}
		return place(nil, ids)
	}
	lines := strings.Split(string(b), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return lines, nil
}

// place sets the spelling of each id in texts and extends texts if needed. The ids must leave no gaps
// and agree with the spellings that texts already has.
func place(texts []string, ids map[string]int) ([]string, error) {
	size := len(texts)
	for s, id := range ids {
		if id < 0 || id >= len(texts)+len(ids) {
			return nil, fmt.Errorf("token %s has id %d, out of range", models.Quote(s), id)
		}
		size = max(size, id+1)
	}
	known := len(texts)
	texts = append(texts, make([]string, size-known)...)
	for s, id := range ids {
		switch {
		case texts[id] == "" || texts[id] == s:
			texts[id] = s
		case id < known && renamed(texts[id], s):
		default:
			return nil, fmt.Errorf("token %d is %s here and %s elsewhere", id, models.Quote(s), models.Quote(texts[id]))
		}
	}
	return texts, nil
}

// renamed reports whether two spellings are both special. Names of special tokens have changed (<|iw|>
// to <|he|>, <|nocaptions|> to <|nospeech|>), but their ids have not.
func renamed(a, b string) bool {
	is := func(s string) bool { return strings.HasPrefix(s, "<|") && strings.HasSuffix(s, "|>") }
	return is(a) && is(b)
}

// join returns the spellings of the vocabulary, the model and the added tokens.
func (f *tokenizerFile) join(texts []string) ([]string, error) {
	texts, err := place(texts, f.Model.Vocab)
	if err != nil {
		return nil, err
	}
	added := make(map[string]int, len(f.Added))
	for _, a := range f.Added {
		if old, dup := added[a.Content]; dup && old != a.ID {
			return nil, fmt.Errorf("added token %s has ids %d and %d", models.Quote(a.Content), old, a.ID)
		}
		added[a.Content] = a.ID
	}
	return place(texts, added)
}

// newWhisper returns a tokenizer with these spellings and without merges. <|endoftext|> is the first
// special token.
func newWhisper(texts []string) (*Tokenizer, error) {
	t := &Tokenizer{texts: texts, kinds: make([]kind, len(texts)), bos: none, eos: none}
	if a, b, ok := t.index(); !ok {
		return nil, fmt.Errorf("tokens %d and %d are both spelled %s", a, b, models.Quote(texts[b]))
	}
	end, ok := t.ids.find(endOfText)
	if !ok {
		return nil, fmt.Errorf("there is no token %s", endOfText)
	}
	for i := range t.kinds {
		t.kinds[i] = normal
		if i >= int(end) {
			t.kinds[i] = control
		}
	}
	t.eos = end
	t.ends = map[int32]bool{end: true}
	t.decode = decodeBytes
	return t, nil
}

func (f *tokenizerFile) whisper(texts []string) (*Tokenizer, error) {
	if len(texts) > maxTokens {
		return nil, fmt.Errorf("%d tokens, expected at most %d", len(texts), maxTokens)
	}
	t, err := newWhisper(texts)
	if err != nil {
		return nil, err
	}
	for _, a := range f.Added { // make older names available as well
		if _, known := t.ids.find(a.Content); !known && a.Content != "" {
			t.ids.add(a.Content, int32(a.ID))
		}
	}
	b, err := newBPE(t, len(f.Model.Merges), func(i int) mergePair { return f.Model.Merges[i] }, preTokenizer{split: splitGPT2})
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	t.words = b
	t.setSpecial()
	return t, nil
}
