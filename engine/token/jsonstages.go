package token

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"soberano/models"
)

// pipeline is what a tokenizer.json does with a text before the model.
type pipeline struct {
	prepare func(text string, first bool) string // the normalizer, and a metaspace that comes first
	split   splitter                             // the pre-tokenizer
	bytes   bool                                 // the model's characters are bytes
	spaced  bool                                 // a space is added before a text
}

// jsonStage has the fields of all normalizers and pre-tokenizers.
type jsonStage struct {
	Type          string
	Normalizers   []json.RawMessage
	PreTokenizers []json.RawMessage `json:"pretokenizers"`
	Pattern       jsonPattern
	Content       string
	Behavior      string
	Invert        bool
	Prepend       string
	Charsmap      string `json:"precompiled_charsmap"`
	StripLeft     *bool  `json:"strip_left"`
	StripRight    *bool  `json:"strip_right"`
	Clean         *bool  `json:"clean_text"`
	Chinese       *bool  `json:"handle_chinese_chars"`
	StripAccents  *bool  `json:"strip_accents"`
	Lowercase     *bool
	PrefixSpace   *bool `json:"add_prefix_space"`
	UseRegex      *bool `json:"use_regex"`
	Individual    bool  `json:"individual_digits"`
	Replacement   string
	Scheme        string `json:"prepend_scheme"`
	Split         *bool
	Delimiter     string
}

// jsonPattern is a text or a regular expression.
type jsonPattern struct{ String, Regex *string }

func isSet(b *bool, def bool) bool {
	if b == nil {
		return def
	}
	return *b
}

func parseStage(raw json.RawMessage) (s jsonStage, err error) {
	if len(raw) > 0 {
		err = json.Unmarshal(raw, &s)
	}
	return s, err
}

// list returns a stage, or those that it consists of.
func (s jsonStage) list(depth int) ([]jsonStage, error) {
	if s.Type == "" {
		return nil, nil
	}
	if s.Type != "Sequence" {
		return []jsonStage{s}, nil
	}
	if depth > 8 {
		return nil, fmt.Errorf("sequences are nested too deeply")
	}
	var all []jsonStage
	for _, raw := range append(s.Normalizers, s.PreTokenizers...) {
		x, err := parseStage(raw)
		if err != nil {
			return nil, err
		}
		inner, err := x.list(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, inner...)
	}
	return all, nil
}

func stagesOf(raw json.RawMessage, what string) ([]jsonStage, error) {
	s, err := parseStage(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	all, err := s.list(0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return all, nil
}

func newPipeline(f *jsonFile, model string) (*pipeline, error) {
	normalizers, err := stagesOf(f.Normalizer, "normalizer")
	if err != nil {
		return nil, err
	}
	splits, err := stagesOf(f.PreTokenizer, "pre_tokenizer")
	if err != nil {
		return nil, err
	}
	p := &pipeline{}
	var steps []func(string, bool) string
	for _, s := range normalizers {
		step, err := s.normalizer()
		if err != nil {
			return nil, err
		}
		p.spaced = p.spaced || s.Type == "Prepend"
		steps = append(steps, func(text string, _ bool) string { return step(text) })
	}
	if len(splits) > 0 && splits[0].Type == "Metaspace" {
		steps = append(steps, splits[0].metaspace)
		p.spaced = p.spaced || splits[0].scheme() != "never"
	}
	if len(splits) > 0 && splits[0].Type == "ByteLevel" && isSet(splits[0].PrefixSpace, true) {
		steps = append(steps, func(text string, _ bool) string {
			if text == "" || text[0] == ' ' {
				return text
			}
			return " " + text
		})
		p.spaced = true
	}
	p.prepare = func(text string, first bool) string {
		text = validText(text)
		for _, step := range steps {
			text = step(text, first)
		}
		return text
	}
	if p.split, err = p.chain(splits); err != nil {
		return nil, err
	}
	decoder, err := parseStage(f.Decoder)
	if err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	p.bytes = p.bytes || model == "BPE" && decoder.Type == "ByteLevel"
	if p.bytes && model != "BPE" {
		return nil, fmt.Errorf("the model %s of bytes is not known: %w", models.Quote(model), models.ErrUnsupported)
	}
	return p, nil
}

// chain returns the splitter of all pre-tokenizers.
func (p *pipeline) chain(stages []jsonStage) (splitter, error) {
	all := []splitter{func(s string, emit func(string)) {
		if s != "" {
			emit(s)
		}
	}}
	for i, s := range stages {
		if p.bytes {
			return nil, fmt.Errorf("a pre-tokenizer %s after ByteLevel is not known: %w", models.Quote(s.Type), models.ErrUnsupported)
		}
		split, err := s.splitter(i == 0)
		if err != nil {
			return nil, err
		}
		if split != nil {
			all = append(all, split)
		}
		p.bytes = s.Type == "ByteLevel"
	}
	return chain(all...), nil
}

// normalizer returns the function that a normalizer is.
func (s *jsonStage) normalizer() (func(string) string, error) {
	switch s.Type {
	case "NFC":
		return norm.NFC.String, nil
	case "NFD":
		return norm.NFD.String, nil
	case "NFKC":
		return norm.NFKC.String, nil
	case "NFKD":
		return norm.NFKD.String, nil
	case "Lowercase":
		return lower, nil
	case "StripAccents":
		return stripCombining, nil
	case "Strip":
		return s.strip, nil
	case "Prepend":
		return func(text string) string {
			if text == "" {
				return ""
			}
			return s.Prepend + text
		}, nil
	case "Replace":
		return s.replacer()
	case "BertNormalizer":
		lowercase := isSet(s.Lowercase, true)
		n := bertNormalizer{isSet(s.Clean, true), isSet(s.Chinese, true), isSet(s.StripAccents, lowercase), lowercase}
		return n.apply, nil
	case "Precompiled":
		return s.precompiled()
	}
	return nil, fmt.Errorf("the normalizer %s is not known: %w", models.Quote(s.Type), models.ErrUnsupported)
}

func stripCombining(s string) string {
	return strings.Map(func(r rune) rune {
		if isCombining(r) {
			return -1
		}
		return r
	}, s)
}

func (s *jsonStage) strip(text string) string {
	if isSet(s.StripLeft, true) {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
	}
	if isSet(s.StripRight, true) {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	return text
}

func (s *jsonStage) replacer() (func(string) string, error) {
	switch {
	case s.Pattern.String != nil && *s.Pattern.String != "":
		return strings.NewReplacer(*s.Pattern.String, s.Content).Replace, nil
	case s.Pattern.Regex != nil:
		re, err := compile(*s.Pattern.Regex)
		if err != nil {
			return nil, err
		}
		return func(text string) string { return re.ReplaceAllLiteralString(text, s.Content) }, nil
	}
	return nil, fmt.Errorf("normalizer: a replacement of nothing")
}

// precompiled returns SentencePiece's map of characters.
func (s *jsonStage) precompiled() (func(string) string, error) {
	data, err := base64.StdEncoding.DecodeString(s.Charsmap)
	if err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	m, err := newCharsMap(data)
	if err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	return func(text string) string {
		var b strings.Builder
		for len(text) > 0 {
			mapped, n := m.next(text)
			b.WriteString(mapped)
			text = text[n:]
		}
		return b.String()
	}, nil
}

// scheme is when a metaspace is added before a text: "always", "never", or "first", before a text that
// begins with it.
func (s *jsonStage) scheme() string {
	switch {
	case s.Scheme != "":
		return s.Scheme
	case isSet(s.PrefixSpace, true):
		return "always"
	}
	return "never"
}

// metaspace spells spaces.
func (s *jsonStage) metaspace(text string, first bool) string {
	if text == "" {
		return ""
	}
	mark := s.mark()
	text = strings.ReplaceAll(text, " ", mark)
	if scheme := s.scheme(); (scheme == "always" || scheme == "first" && first) && !strings.HasPrefix(text, mark) {
		text = mark + text
	}
	return text
}

func (s *jsonStage) mark() string {
	if s.Replacement == "" {
		return space
	}
	return s.Replacement
}

// splitter returns the splitter that a pre-tokenizer is, nil if it does not divide the text. first says that
// it is the first one.
func (s *jsonStage) splitter(first bool) (splitter, error) {
	switch s.Type {
	case "ByteLevel":
		if !first && isSet(s.PrefixSpace, true) {
			return nil, fmt.Errorf("ByteLevel with add_prefix_space after another pre-tokenizer is not known: %w", models.ErrUnsupported)
		}
		if isSet(s.UseRegex, true) {
			return splitGPT2, nil
		}
		return nil, nil
	case "Digits":
		if s.Individual {
			return isolate(isNumber, 1, 1), nil
		}
		return isolate(isNumber, 1, 0), nil
	case "BertPreTokenizer":
		return splitBERT, nil
	case "Punctuation":
		mark := func(text string) (at, n int) { return indexFunc(text, isBERTMark) }
		return behavior(mark, s.Behavior, "Isolated", false)
	case "Whitespace":
		return splitWhitespace, nil
	case "WhitespaceSplit":
		return splitFields, nil
	case "CharDelimiterSplit":
		return behavior(finds(s.Delimiter), "Removed", "Removed", false)
	case "Metaspace":
		return s.splitMetaspace(first)
	case "Split":
		return s.splitPattern()
	}
	return nil, fmt.Errorf("the pre-tokenizer %s is not known: %w", models.Quote(s.Type), models.ErrUnsupported)
}

// splitMetaspace divides a text before each metaspace. As the first pre-tokenizer it finds the spaces
// already spelled.
func (s *jsonStage) splitMetaspace(first bool) (splitter, error) {
	split := splitter(nil)
	if isSet(s.Split, true) {
		var err error
		if split, err = behavior(finds(s.mark()), "MergedWithNext", "", false); err != nil {
			return nil, err
		}
	}
	switch {
	case first:
		return split, nil
	case s.scheme() == "first":
		return nil, fmt.Errorf("the scheme %q of a Metaspace after another pre-tokenizer is not known: %w", s.scheme(), models.ErrUnsupported)
	case split == nil:
		return func(text string, emit func(string)) { emit(s.metaspace(text, false)) }, nil
	}
	return func(text string, emit func(string)) { split(s.metaspace(text, false), emit) }, nil
}
