package token

import (
	"encoding/json"
	"strings"
)

// loadWords reads a WordPiece of vocab.txt, a token a line in the order of their ids. It makes the tokenizer.json of them that the library tokenizers
// makes for BERT.
func loadWords(files map[string][]byte) (*Tokenizer, error) {
	added, c, err := addedTokens(files)
	if err != nil {
		return nil, err
	}
	ids, last := map[string]int{}, 0
	for line := range strings.Lines(string(files["vocab.txt"])) {
		ids[strings.TrimRight(line, "\r\n")] = last
		last++
	}
	special := map[string]string{"cls": orElse(c.CLS, "[CLS]"), "sep": orElse(c.SEP, "[SEP]"), "unk": orElse(c.Unknown, "[UNK]"), "pad": "[PAD]", "mask": "[MASK]"}
	for _, text := range special {
		if id, ok := ids[text]; ok {
			added = append(added, jsonAdded{ID: id, Content: text, Special: true})
		}
	}
	cls, sep := special["cls"], special["sep"]
	whole, err := json.Marshal(map[string]any{
		"added_tokens": unique(added),
		"normalizer": map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": isSet(c.Chinese, true), "strip_accents": c.StripAccents,
			"lowercase": isSet(c.Lowercase, true)},
		"pre_tokenizer":  map[string]any{"type": "BertPreTokenizer"},
		"post_processor": map[string]any{"type": "BertProcessing", "sep": []any{sep, ids[sep]}, "cls": []any{cls, ids[cls]}},
		"decoder":        map[string]any{"type": "WordPiece", "prefix": "##", "cleanup": true},
		"model":          map[string]any{"type": "WordPiece", "unk_token": special["unk"], "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": ids},
	})
	if err != nil {
		return nil, err
	}
	return loadMade(files, whole)
}
