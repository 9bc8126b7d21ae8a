package asr

import (
	"fmt"
	"math"
	"strings"
	"time"

	"soberano/asr/whisper"
	"soberano/engine/token"
)

// Params says how speech is transcribed. Zero values mean the default.
type Params struct {
	Language  string // "en", "de", …; "": detected from the audio
	Likely    string // for Listen, where Language is "": the language of what was spoken before; "": not known
	Translate bool   // the text is English, whatever the language
	Beam      int    // hypotheses kept while decoding, at most 8; 0 or 1: greedy

	// Prompt is text that might precede the speech; the model follows its spelling and style.
	Prompt string
	// Vocabulary lists names and terms, spelled as they should be written, that become more
	// likely.
	Vocabulary []string
	// Follow, for a file, decodes each window of 30 s with the text of those before it, so that
	// names stay spelled alike. It takes longer, and one error may cause the next.
	Follow bool
	// Progress, if not nil, is called while a file is transcribed with how much of it is done,
	// from the goroutine that runs the loop. Windows that are still decoded count in part.
	Progress func(done time.Duration)
	// Stop, if not nil, ends the transcription of a file early when it is closed: nothing more is read
	// or encoded, what has been encoded is decoded and yielded, and the loop ends with ErrStopped.
	Stop <-chan struct{}
	// Unheard, if not nil, is called for each section of a file that has sound but no text, from the
	// goroutine that runs the loop. Sections and segments come in the order of their beginnings. Listen calls it
	// for speech without text of which detection is sure.
	Unheard func(Unheard)
	// Words fills Segment.Words, for a file.
	Words bool

	Decoding
}

// Decoding holds the decoding options of openai/whisper. Zero values mean its defaults.
type Decoding struct {
	Patience      float64 // a beam search ends when Patience·Beam hypotheses have; 0: 1
	LengthPenalty float64 // a: hypotheses are ranked by log-probability/((5+tokens)/6)ᵃ; 0: by its mean
	BestOf        int     // texts sampled at a temperature above 0, at most 8; 0: as many as Beam

	Temperatures   []float32     // of successive attempts, until one is accepted; nil: 0, 0.2, … 1
	MaxCompression float64       // text with a higher compression ratio may be a loop of the model; 0: 2.4
	MinLogprob     float64       // an attempt with a lower mean log-probability is rejected; 0: -1
	MaxNoSpeech    float64       // a rejected attempt with a higher no-speech probability is silence; 0: 0.6
	MaxInitial     time.Duration // latest start of the first segment of a window; 0: 1 s
	NoTimes        bool          // the model predicts no times: a segment is a whole window
	Suppress       []int         // tokens that are never sampled, in addition to the model's own list
}

// Check returns an error for values that no model accepts. Whether the model knows the language
// is checked by Transcribe and Listen.
func (p Params) Check() error { return p.within(math.MaxInt) }

// within is Check for a model with a vocabulary of so many tokens.
func (p Params) within(vocab int) error {
	if p.Beam < 0 || p.Beam > 8 {
		return fmt.Errorf("asr: a beam of %d hypotheses is not possible, use 1 to 8", p.Beam)
	}
	return p.Decoding.check(vocab)
}

// check checks p for this model and normalizes its language. Errors say which values are valid.
func (m *Model) check(p Params) (Params, error) {
	if err := p.within(m.net.Vocab); err != nil {
		return p, err
	}
	switch {
	case p.Translate && !m.net.Multilingual:
		return p, fmt.Errorf("%s supports English only and can't translate; use a multilingual model", m.info.Name)
	case p.Language == "" || p.Language == "auto":
		p.Language = ""
		return p, nil
	}
	if _, ok := m.net.Specials.Language(p.Language); !ok {
		if !m.net.Multilingual {
			return p, fmt.Errorf("%s: %w %q: it supports English (en) only", m.info.Name, ErrLanguage, p.Language)
		}
		return p, fmt.Errorf("%s: %w %q; use a code like en, de, fr, es or zh", m.info.Name, ErrLanguage, p.Language)
	}
	return p, nil
}

func (d *Decoding) check(vocab int) error {
	for _, c := range []struct {
		name        string
		value       float64
		least, most float64
	}{
		{"patience", d.Patience, 0, 8},
		{"length penalty", d.LengthPenalty, -8, 8},
		{"best of", float64(d.BestOf), 0, 8},
		{"compression threshold", d.MaxCompression, 0, math.Inf(1)},
		{"log-probability threshold", d.MinLogprob, math.Inf(-1), 0},
		{"no-speech threshold", d.MaxNoSpeech, 0, math.Inf(1)},
		{"latest first time in seconds", d.MaxInitial.Seconds(), 0, 30},
	} {
		if !(c.value >= c.least && c.value <= c.most) {
			return fmt.Errorf("asr: the %s is %g, it must be %s", c.name, c.value, bounds(c.least, c.most))
		}
	}
	for _, t := range d.Temperatures {
		if !(t >= 0 && t <= 2) {
			return fmt.Errorf("asr: the temperature is %g, it must be %s", t, bounds(0, 2))
		}
	}
	for _, id := range d.Suppress {
		if id < 0 {
			return fmt.Errorf("asr: token %d can't be suppressed: tokens are numbered from 0", id)
		}
		if id >= vocab {
			return fmt.Errorf("asr: token %d can't be suppressed: the model has the tokens 0 to %d", id, vocab-1)
		}
	}
	return nil
}

// bounds describes a range, of which one end may be infinite.
func bounds(least, most float64) string {
	switch {
	case math.IsInf(least, -1):
		return fmt.Sprintf("%g or less", most)
	case math.IsInf(most, 1):
		return fmt.Sprintf("%g or more", least)
	}
	return fmt.Sprintf("from %g to %g", least, most)
}

// live returns p without the options that only apply to files.
func (p Params) live() Params {
	p.Words, p.Stop = false, nil
	return p
}

// options returns the options of a window for p, which was checked. Their Prompt precedes every
// window.
func (m *Model) options(p Params) whisper.Options {
	o := whisper.Options{
		Language: p.Language, Translate: p.Translate, WordTimes: p.Words, NoTimes: p.NoTimes,
		Vocabulary: m.net.NewVocabulary(p.Vocabulary),
		Beam:       p.Beam, Patience: p.Patience, LengthPenalty: p.LengthPenalty, BestOf: p.BestOf,
		Temperatures: p.Temperatures, MaxRatio: p.MaxCompression, MinLogprob: p.MinLogprob,
		MaxNoSpeech: p.MaxNoSpeech, MaxInitial: p.MaxInitial,
	}
	for _, id := range p.Suppress {
		o.Suppress = append(o.Suppress, int32(id))
	}
	// The vocabulary comes first, because the end of a prompt that is too long is kept.
	o.Prompt = head(o.Vocabulary.Prompt(), m.promptRoom()/2)
	if prompt := strings.TrimSpace(p.Prompt); prompt != "" {
		o.Prompt = append(o.Prompt, tail(m.text.Encode(" "+prompt, token.Options{}), m.promptRoom()-len(o.Prompt))...)
	}
	o.Hints = len(o.Prompt)
	return o
}

// promptRoom returns how many tokens of prompt a window may have.
func (m *Model) promptRoom() int { return m.net.TextContext/2 - 1 }

// head and tail return the first and the last n of ids, or all if there are fewer.
func head(ids []int32, n int) []int32 { return ids[:min(len(ids), n):min(len(ids), n)] }
func tail(ids []int32, n int) []int32 { return ids[max(0, len(ids)-max(0, n)):] }
