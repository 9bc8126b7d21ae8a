package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"soberano/asr"
	"soberano/asr/audio"
	"soberano/models"
)

// decodingFlags are the values of the flags for decoding speech, which are named as in openai/whisper where it has them.
type decodingFlags struct {
	p            asr.Params
	hints        hintFlags
	temperatures []float32
}

func (d *decodingFlags) add(fs *pflag.FlagSet) {
	p := &d.p
	languageFlag(fs, &p.Language, "language of the speech, as in en, de or German (default: detected)")
	fs.BoolVar(&p.Translate, "translate", false, "write English, whatever the language")
	d.hints.add(fs)
	fs.BoolVar(&p.Words, "words", false, "find when each word is said, and fit the segments to it")
	fs.BoolVar(&p.Follow, "follow", false, "hear each 30 s after the text before them, one after the other: names stay spelled alike; slower")
	p.Beam, p.Patience, p.MaxCompression, p.MinLogprob, p.MaxNoSpeech = 5, 1, 2.4, -1, 0.6
	numberFlag(fs, &p.Beam, "beam", "", 1, 8, "hypotheses kept while decoding; 1: greedy, faster")
	numberFlag(fs, &p.Patience, "patience", "", 0, 8, "how many times the beam's hypotheses have to end before the best counts")
	numberFlag(fs, &p.LengthPenalty, "length-penalty", "", -8, 8, "compare hypotheses by their log-probability over ((5+tokens)/6) to that power (default: by its mean)")
	numberFlag(fs, &p.BestOf, "best-of", "", 0, 8, "texts sampled at temperatures above 0, of which the likeliest counts (default: the beam)")
	fs.Float32SliceVar(&d.temperatures, "temperature", nil, "`temperatures` tried till a text is believable (default: 0,0.2,0.4,0.6,0.8,1)")
	fs.Lookup("temperature").DefValue = "" // otherwise the default would be shown as []
	numberFlag(fs, &p.MaxCompression, "compression-threshold", "", 0, math.MaxFloat64, "text that compresses more is compared with the sound: it may be a loop of the model")
	numberFlag(fs, &p.MinLogprob, "logprob-threshold", "", -math.MaxFloat64, 0, "text of a lower mean log-probability is a guess, which is not written")
	numberFlag(fs, &p.MaxNoSpeech, "no-speech-threshold", "", 0, math.MaxFloat64, "a guess where silence is more probable than that is silence")
	fs.DurationVar(&p.MaxInitial, "max-initial", time.Second, "latest begin of the first segment of a window")
	fs.BoolVar(&p.NoTimes, "no-times", false, "let the model write no times: a segment is a whole window")
	fs.IntSliceVar(&p.Suppress, "suppress", nil, "`tokens` that are never written, by number (soberano tokenize tells them)")
}

// params converts the flags to parameters.
func (d *decodingFlags) params(fs *pflag.FlagSet) (asr.Params, error) {
	p := d.p
	p.Temperatures = d.temperatures
	// A zero given by a flag is a value; in Params a zero is the default.
	for name, v := range map[string]*float64{"patience": &p.Patience, "length-penalty": &p.LengthPenalty,
		"compression-threshold": &p.MaxCompression, "logprob-threshold": &p.MinLogprob, "no-speech-threshold": &p.MaxNoSpeech} {
		if fs.Changed(name) && *v == 0 {
			*v = math.SmallestNonzeroFloat64
			if name == "logprob-threshold" {
				*v = -*v
			}
		}
	}
	if p.MaxInitial == 0 {
		p.MaxInitial = 1
	}
	if err := p.Check(); err != nil {
		return p, usagef("%s", strings.TrimPrefix(err.Error(), "asr: "))
	}
	return p, d.hints.into(&p)
}

// hintFlags are the flags that tell the model what text to expect.
type hintFlags struct {
	prompt     string
	vocabulary []string
}

func (h *hintFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&h.prompt, "prompt", "", "text as it might have been said before: its names and style are followed")
	fs.StringArrayVar(&h.vocabulary, "vocabulary", nil, "your own `words`, spelled as they should be, with commas between; @FILE: one a line")
}

// given reports whether there is a hint.
func (h *hintFlags) given() bool { return h.prompt != "" || len(h.vocabulary) > 0 }

// into stores the hints in p.
func (h *hintFlags) into(p *asr.Params) (err error) {
	p.Prompt = h.prompt
	p.Vocabulary, err = vocabulary(h.vocabulary)
	return err
}

// maxVocabulary is the largest number of bytes of a file of words.
const maxVocabulary = 1 << 20

// vocabulary returns the words of the flags: each flag is a list, or a file with one word a line.
func vocabulary(flags []string) (words []string, err error) {
	for _, f := range flags {
		sep := ","
		if path, ok := strings.CutPrefix(f, "@"); ok {
			text, err := readTextFile(path, maxVocabulary)
			if err != nil {
				return nil, usagef("--vocabulary: %s can't be read: %v", models.Printable(path), cause(err))
			}
			f, sep = text, "\n"
		}
		for w := range strings.SplitSeq(f, sep) {
			if w = strings.TrimSpace(w); w != "" {
				words = append(words, w)
			}
		}
	}
	return words, nil
}

// spoken is the JSON of the languages of a file.
type spoken struct {
	File      string             `json:"file"`
	Languages map[string]float64 `json:"languages"`
	Error     string             `json:"error,omitempty"`
}

// detectAll prints for each file the languages of its first minute of speech: the three most probable ones, or as JSON all.
func detectAll(ctx context.Context, m *asr.Model, files []recording, track int, out io.Writer, asJSON bool) error {
	var failed error
	all := []spoken{}
	for _, r := range files {
		file := r.path
		s := spoken{File: file, Languages: map[string]float64{}}
		var likely []asr.Likelihood
		err := r.err
		if err == nil {
			likely, err = detectFile(ctx, m, file, track)
		}
		if err != nil {
			s.Error = words(file, err)
			failed = errors.Join(failed, failure{file, s.Error, err})
		}
		for i, l := range likely {
			s.Languages[l.Language] = l.Prob
			if i < 3 && !asJSON {
				fmt.Fprintf(out, "%s: %s %s %.1f %%\n", models.Printable(file), l.Language, asr.LanguageName(l.Language), 100*l.Prob)
			}
		}
		if len(likely) == 0 && err == nil && !asJSON {
			fmt.Fprintf(out, "%s: nobody speaks\n", models.Printable(file))
		}
		if all = append(all, s); ctx.Err() != nil {
			break
		}
	}
	if asJSON {
		failed = errors.Join(printJSON(out, all), failed)
	}
	return failed
}

func detectFile(ctx context.Context, m *asr.Model, file string, track int) ([]asr.Likelihood, error) {
	src, err := audio.OpenTrack(ctx, file, track)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return m.Detect(ctx, src)
}
