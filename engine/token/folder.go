package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"soberano/models"
)

// NewFolder reads the tokenizer of a folder of Hugging Face from its files by base name: that of tokenizer.json (see NewJSON), of tokenizer.model, of
// vocab.json and merges.txt, or of vocab.txt. It returns nil if the folder has none of them. The error wraps models.ErrCorrupt or models.ErrUnsupported and names the file.
func NewFolder(files map[string][]byte) (*Tokenizer, error) {
	switch {
	case len(files["tokenizer.json"]) > 0:
		return NewJSON(files)
	case len(files["tokenizer.model"]) > 0:
		t, err := loadPieces(files)
		return t, inAux("tokenizer.model", err)
	case len(files["vocab.json"]) > 0 && len(files["merges.txt"]) > 0:
		t, err := loadMerges(files)
		return t, inAux("vocab.json", err)
	case len(files["vocab.txt"]) > 0:
		t, err := loadWords(files)
		return t, inAux("vocab.txt", err)
	}
	return nil, nil
}

// inAux returns err as that of a file; an error of no other kind is that of a damaged file.
func inAux(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, models.ErrUnsupported), errors.Is(err, models.ErrCorrupt):
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s: %w: %w", name, err, models.ErrCorrupt)
}

// tokenizerConfig is what tokenizer_config.json says of the tokens.
type tokenizerConfig struct {
	Class   string  `json:"tokenizer_class"`
	AddBOS  *bool   `json:"add_bos_token"`
	AddEOS  *bool   `json:"add_eos_token"`
	BOS     spelled `json:"bos_token"`
	EOS     spelled `json:"eos_token"`
	Unknown spelled `json:"unk_token"`
	CLS     spelled `json:"cls_token"`
	SEP     spelled `json:"sep_token"`
	Prefix  *bool   `json:"add_prefix_space"`
	// Of BERT.
	Lowercase    *bool                   `json:"do_lower_case"`
	StripAccents *bool                   `json:"strip_accents"`
	Chinese      *bool                   `json:"tokenize_chinese_chars"`
	Decoders     map[string]decodedToken `json:"added_tokens_decoder"`
}

// decodedToken is a token in added_tokens_decoder.
type decodedToken struct {
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	Left       bool   `json:"lstrip"`
	Right      bool   `json:"rstrip"`
	Special    bool   `json:"special"`
}

// addedTokens returns the tokens of added_tokens.json and of tokenizer_config.json, and the latter. Of those that only the former has, the ones that are
// spelled like marks are special.
func addedTokens(files map[string][]byte) (added []jsonAdded, c tokenizerConfig, err error) {
	if err = readAux(files, "tokenizer_config.json", &c); err != nil {
		return nil, c, err
	}
	ids := map[string]int{}
	if err = readAux(files, "added_tokens.json", &ids); err != nil {
		return nil, c, err
	}
	for text, id := range ids {
		if _, again := c.Decoders[fmt.Sprint(id)]; !again {
			added = append(added, jsonAdded{ID: id, Content: text, Special: isMarker(text)})
		}
	}
	for number, d := range c.Decoders {
		var id int
		if _, err := fmt.Sscanf(number, "%d", &id); err != nil {
			return nil, c, fmt.Errorf("tokenizer_config.json: token %s has no number: %w", models.Quote(number), models.ErrCorrupt)
		}
		added = append(added, jsonAdded{ID: id, Content: d.Content, SingleWord: d.SingleWord, Left: d.Left, Right: d.Right, Special: d.Special})
	}
	for _, a := range added {
		if a.ID < 0 || a.ID >= maxTokens {
			return nil, c, fmt.Errorf("token %s has id %d, out of range: %w", models.Quote(a.Content), a.ID, models.ErrCorrupt)
		}
	}
	return added, c, nil
}

// classes are the tokenizers that consist of vocab.json and merges.txt, by tokenizer_class without Fast. Their pre-tokenizers are known, those of other
// classes are not.
var classes = map[string]string{"GPT2Tokenizer": "gpt2", "CodeGenTokenizer": "gpt2", "Qwen2Tokenizer": "qwen2", "RobertaTokenizer": "roberta", "BartTokenizer": "roberta"}

// loadMerges reads a byte-level BPE of vocab.json, the ids by spelling, and merges.txt, a pair a line in the order of their ranks. It makes the
// tokenizer.json of them that the library tokenizers makes.
func loadMerges(files map[string][]byte) (*Tokenizer, error) {
	added, c, err := addedTokens(files)
	if err != nil {
		return nil, err
	}
	class, known := classes[strings.TrimSuffix(c.Class, "Fast")]
	if !known {
		return nil, fmt.Errorf("the tokenizer class %s is known from tokenizer.json only: %w", models.Quote(c.Class), models.ErrUnsupported)
	}
	var ids map[string]int
	if err := json.Unmarshal(files["vocab.json"], &ids); err != nil {
		return nil, err
	}
	for _, a := range []*spelled{&c.BOS, &c.EOS, &c.Unknown, &c.CLS, &c.SEP} {
		if id, ok := ids[string(*a)]; ok && *a != "" {
			added = append(added, jsonAdded{ID: id, Content: string(*a), Special: true})
		}
	}
	whole, err := json.Marshal(map[string]any{
		"added_tokens": unique(added), "normalizer": normalizerOf(class), "pre_tokenizer": preTokenizerOf(class, c.Prefix != nil && *c.Prefix),
		"post_processor": postProcessorOf(class, ids, c), "decoder": map[string]any{"type": "ByteLevel"},
		"model": map[string]any{"type": "BPE", "vocab": ids, "merges": mergeLines(files["merges.txt"])},
	})
	if err != nil {
		return nil, err
	}
	return loadMade(files, whole)
}

// loadMade reads a tokenizer.json that was made of other files of a folder.
func loadMade(files map[string][]byte, whole []byte) (*Tokenizer, error) {
	with := map[string][]byte{"tokenizer.json": whole}
	for _, name := range []string{"tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "config.json"} {
		with[name] = files[name]
	}
	return loadJSON(with)
}

// unique returns the tokens without repetitions; the first of an id counts.
func unique(added []jsonAdded) (list []jsonAdded) {
	seen := map[int]bool{}
	for _, a := range added {
		if !seen[a.ID] {
			list = append(list, a)
		}
		seen[a.ID] = true
	}
	return list
}

// mergeLines returns the lines of merges.txt without the version at the beginning.
func mergeLines(data []byte) []string {
	list := []string{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !(len(list) == 0 && strings.HasPrefix(line, "#version")) {
			list = append(list, line)
		}
	}
	return list
}

func normalizerOf(class string) any {
	if class == "qwen2" {
		return map[string]any{"type": "NFC"}
	}
	return nil
}

func preTokenizerOf(class string, prefix bool) any {
	bytes := map[string]any{"type": "ByteLevel", "add_prefix_space": prefix, "use_regex": class != "qwen2"}
	if class != "qwen2" {
		return bytes
	}
	const pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	split := map[string]any{"type": "Split", "pattern": map[string]any{"Regex": pattern}, "behavior": "Isolated", "invert": false}
	return map[string]any{"type": "Sequence", "pretokenizers": []any{split, bytes}}
}

// postProcessorOf returns what puts tokens around a text: those of RoBERTa, or the beginning where the configuration asks for it.
func postProcessorOf(class string, ids map[string]int, c tokenizerConfig) any {
	if class == "roberta" {
		cls, sep := orElse(c.CLS, "<s>"), orElse(c.SEP, "</s>")
		return map[string]any{"type": "RobertaProcessing", "sep": []any{sep, ids[sep]}, "cls": []any{cls, ids[cls]}}
	}
	if bos := string(c.BOS); c.AddBOS != nil && *c.AddBOS && bos != "" {
		first := map[string]any{"SpecialToken": map[string]any{"id": bos}}
		text := func(id string) any { return map[string]any{"Sequence": map[string]any{"id": id}} }
		return map[string]any{"type": "TemplateProcessing", "single": []any{first, text("A")}, "pair": []any{first, text("A"), first, text("B")},
			"special_tokens": map[string]any{bos: map[string]any{"ids": []int{ids[bos]}}}}
	}
	return nil
}

func orElse(s spelled, def string) string {
	if s == "" {
		return def
	}
	return string(s)
}
