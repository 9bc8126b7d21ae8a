package whisper

import (
	"encoding/json"
	"slices"
	"strings"

	"soberano/models"
)

// timestamps is the number of time tokens: 0 to 30 s, every 20 ms.
const timestamps = 1501

// Specials holds the numbers of a model's special tokens. They follow the text vocabulary in a fixed
// order, so the size of the vocabulary determines them (openai/whisper, whisper/tokenizer.py):
//
//	text … | endoftext | startoftranscript | languages (99 or 100) | translate
//	transcribe | startoflm | startofprev | nospeech | notimestamps | <|0.00|> … <|30.00|>
type Specials struct {
	EndOfText, Start                             int32
	Languages                                    int32 // of the first language
	LanguageCount                                int
	Translate, Transcribe                        int32
	StartPrevious, NoSpeech, NoTimes, TimesBegin int32
	Multilingual                                 bool
}

// specials returns the special tokens of a vocabulary of that size (checked by Dims).
func specials(vocab int) Specials {
	s := Specials{TimesBegin: int32(vocab - timestamps), Multilingual: vocab >= 51865, LanguageCount: 99}
	if vocab > 51865 {
		s.LanguageCount = 100
	}
	s.NoTimes, s.NoSpeech, s.StartPrevious = s.TimesBegin-1, s.TimesBegin-2, s.TimesBegin-3
	s.Transcribe, s.Translate = s.TimesBegin-5, s.TimesBegin-6
	s.Languages = s.Translate - int32(s.LanguageCount)
	s.Start, s.EndOfText = s.Languages-1, s.Languages-2
	return s
}

// codes lists the languages in the order of their tokens.
var codes = strings.Fields(`en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da
hu ta no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa
si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue`)

// Codes returns the codes of the model's languages; only "en" for an English-only model.
func (s Specials) Codes() []string {
	if !s.Multilingual {
		return codes[:1]
	}
	return codes[:s.LanguageCount]
}

// Language returns the token of a language code.
func (s Specials) Language(code string) (int32, bool) {
	for i, c := range s.Codes() {
		if c == code {
			return s.Languages + int32(i), true
		}
	}
	return 0, false
}

// suppression lists the tokens that a file suppresses, always and as the first token.
type suppression struct{ always, first []int32 }

// lists reads the suppressed tokens from generation_config.json or config.json; files of Hugging
// Face and CTranslate2 name them differently. It returns false if there are no lists.
func lists(f *models.File) (s suppression, ok bool, err error) {
	for _, name := range []string{"generation_config.json", "config.json"} {
		b := f.Aux[name]
		if b == nil {
			continue
		}
		var c struct {
			CT2      *[]int32 `json:"suppress_ids"`
			CT2First *[]int32 `json:"suppress_ids_begin"`
			HF       *[]int32 `json:"suppress_tokens"`
			HFFirst  *[]int32 `json:"begin_suppress_tokens"`
		}
		if err := json.Unmarshal(b, &c); err != nil {
			return s, false, models.Corrupt(f.Path, "is damaged: %s: %v", name, err)
		}
		for _, l := range []struct {
			from *[]int32
			to   *[]int32
		}{{c.CT2, &s.always}, {c.HF, &s.always}, {c.CT2First, &s.first}, {c.HFFirst, &s.first}} {
			if l.from != nil {
				*l.to, ok = append(*l.to, *l.from...), true
			}
		}
		if ok {
			return s, true, nil
		}
	}
	return s, false, nil
}

// suppressed returns the tokens that are never sampled, and those that are not sampled first: the
// file's lists and the special tokens that only occur in prompts.
func suppressed(f *models.File, s Specials) (always, first []int32, err error) {
	own, _, err := lists(f)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range slices.Concat(own.always, own.first) {
		if id < 0 || id >= s.TimesBegin+timestamps {
			return nil, nil, models.Corrupt(f.Path, "is damaged: it suppresses token %d, outside the vocabulary", id)
		}
	}
	always = append(always, own.always...)
	for id := s.Start; id < s.TimesBegin; id++ {
		always = append(always, id)
	}
	return always, append(own.first, s.EndOfText), nil
}
