package whisper

import (
	"errors"
	"fmt"

	"soberano/engine/token"
	"soberano/models"
)

// Text returns the tokenizer of a Whisper file of any format that New reads.
func Text(f *models.File) (*token.Tokenizer, error) {
	r, err := readerOf(f)
	if err != nil {
		return nil, err
	}
	t, err := r.text(f)
	var said *models.FileError
	if err != nil && !errors.As(err, &said) {
		err = fmt.Errorf("%s: %w", f.Path, err)
	}
	return t, err
}

// fromJSON reads tokenizer.json, and the vocabulary beside it if there is one.
func fromJSON(f *models.File, vocabulary ...string) (*token.Tokenizer, error) {
	for _, name := range vocabulary {
		if b := f.Aux[name]; b != nil {
			return token.NewWhisper(f.Aux["tokenizer.json"], b)
		}
	}
	return token.NewWhisper(f.Aux["tokenizer.json"], nil)
}

// Tokens returns the bytes of the tokens of text of the model f, all before <|endoftext|>, in the order of their numbers.
func Tokens(f *models.File) ([]string, error) {
	r, err := readerOf(f)
	if err != nil {
		return nil, err
	}
	t, err := r.text(f)
	if err != nil {
		return nil, models.InFile(f.Path, err)
	}
	end, _ := t.EOS()
	list := make([]string, max(0, end))
	for i := range list {
		list[i] = string(t.Piece(int32(i)))
	}
	return list, nil
}

// fromRanks returns a tokenizer for a list of tokens' bytes. Only those before <|endoftext|> are
// used: the special tokens follow from the size of the vocabulary.
func fromRanks(f *models.File, list []string, vocab int) (*token.Tokenizer, error) {
	if vocab < leastVocab || vocab > layoutVocab {
		return nil, models.Unsupported(f.Path, "use this model as safetensors with its tokenizer.json", "has a vocabulary of %d tokens, expected %d to %d", vocab, leastVocab, layoutVocab)
	}
	s := specials(vocab)
	if len(list) < int(s.EndOfText) {
		return nil, models.Corrupt(f.Path, "is damaged: it has %d tokens of text, expected %d", len(list), s.EndOfText)
	}
	return token.NewWhisperRanks(list[:s.EndOfText], s.names())
}

// names returns the spellings of the special tokens from EndOfText on.
func (s Specials) names() []string {
	out := []string{"<|endoftext|>", "<|startoftranscript|>"}
	for _, code := range codes[:s.LanguageCount] {
		out = append(out, "<|"+code+"|>")
	}
	out = append(out, "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")
	for i := range timestamps {
		out = append(out, fmt.Sprintf("<|%.2f|>", float64(i)/50))
	}
	return out
}

// finder is a Tokenizer that finds tokens by their spelling.
type finder interface {
	ID(text string) (int32, bool)
}

// layout returns the special tokens of a vocabulary. A vocabulary larger than all published ones
// has further tokens after the special ones; its tokenizer shows which published vocabulary it
// extends.
func layout(vocab int, text Tokenizer) (Specials, bool) {
	if vocab <= layoutVocab {
		return specials(vocab), true
	}
	t, ok := text.(finder)
	for size := leastVocab; ok && size <= layoutVocab; size++ {
		s := specials(size)
		start, _ := t.ID("<|startoftranscript|>")
		transcribe, _ := t.ID("<|transcribe|>")
		if start == s.Start && transcribe == s.Transcribe {
			return s, true
		}
	}
	return Specials{}, false
}

// encoder is a Tokenizer that also encodes text.
type encoder interface {
	Encode(text string, o token.Options) []int32
}

// Symbols that do not represent speech (openai/whisper, tokenizer.py, non_speech_tokens). Musical
// notes take several tokens, of which the first is suppressed.
var (
	signs = []string{`"`, "#", "(", ")", "*", "+", "/", ":", ";", "<", "=", ">", "@", "[", `\`, "]", "^", "_", "`", "{", "|", "}", "~", "「", "」", "『", "』",
		"<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", `("`, "((", "))", "(((", ")))", "[[", "]]", "{{", "}}", "♪♪", "♪♪♪"}
	notes = []string{"♩", "♪", "♫", "♬", "♭", "♮", "♯"}
)

// nonSpeech returns the tokens that are suppressed if the file has no list.
func nonSpeech(text Tokenizer) []int32 {
	t, ok := text.(encoder)
	if !ok {
		return nil
	}
	var out []int32
	add := func(s string, most int) {
		if ids := t.Encode(s, token.Options{}); len(ids) > 0 && len(ids) <= most {
			out = append(out, ids[0])
		}
	}
	add(" -", 9) // dashes and quotes within words are allowed
	add(" '", 9)
	for _, s := range signs {
		add(s, 1)
		add(" "+s, 1)
	}
	for _, s := range notes {
		add(s, 9)
		add(" "+s, 9)
	}
	return out
}

// blank returns the token of a single space, which is not sampled first if the file has no list.
func blank(text Tokenizer) []int32 {
	if t, ok := text.(encoder); ok {
		return t.Encode(" ", token.Options{})
	}
	return nil
}
