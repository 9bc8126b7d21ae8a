package transcript

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"time"

	"soberano/asr"
)

type jsonHead struct {
	File     string  `json:"file,omitempty"`
	Title    string  `json:"title"`
	Model    string  `json:"model,omitempty"`
	Task     string  `json:"task,omitempty"`
	Language string  `json:"language"`
	Sure     float64 `json:"language_probability,omitempty"` // if it was detected
	Duration float64 `json:"duration"`
	Text     string  `json:"text"`
	Error    string  `json:"error,omitempty"`

	Unheard []jsonUnheard `json:"unheard,omitempty"`
}

type jsonUnheard struct {
	Start  float64    `json:"start"`
	End    float64    `json:"end"`
	Reason asr.Reason `json:"reason"`
}

type jsonSegment struct {
	Start    float64 `json:"start"`
	End      float64 `json:"end"`
	Text     string  `json:"text"`
	Language string  `json:"language,omitempty"` // if it is not the transcript's
	*jsonFigures
	Looped bool       `json:"looped,omitempty"`
	Words  []jsonWord `json:"words,omitempty"`
}

type jsonFigures struct {
	AvgLogprob  float64 `json:"avg_logprob"`
	NoSpeech    float64 `json:"no_speech_prob"`
	Compression float64 `json:"compression_ratio"`
	Temperature float64 `json:"temperature"`
}

type jsonWord struct {
	Word  string  `json:"word"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Prob  float64 `json:"probability"`
}

// writeJSON writes JSON with the names of OpenAI's whisper, one segment in a line:
//
//	{"file", "title", "model", ["task": "translate",] "language", ["language_probability",] "duration", "text", ["error",]
//	 ["unheard": [{"start", "end", "reason"}],] "segments": [
//	  {"start", "end", "text", ["language",] ["avg_logprob", "no_speech_prob", "compression_ratio",
//	   "temperature",] ["looped",] ["words": [{"word", "start", "end", "probability"}]]}
//	]}
//
// Times are in seconds. With the task, the text is English and language is the spoken one. The four
// figures of a segment are left out if they are not known. The reason why a section with sound has no text
// is "too-soft", "no-speech" or "unclear".
func writeJSON(w io.Writer, t *Transcript) error {
	task := ""
	if t.Translated {
		task = "translate"
	}
	var unheard []jsonUnheard
	for _, u := range t.Unheard {
		unheard = append(unheard, jsonUnheard{seconds(u.Start), seconds(u.End), u.Reason})
	}
	head := compact(jsonHead{t.Path, t.title(), t.Model, task, t.Language, t.sure(), seconds(t.Duration), t.Text(), t.Error, unheard})
	b := bufio.NewWriter(w)
	b.Write(bytes.TrimSuffix(head, []byte("}")))
	b.WriteString(`,"segments":[`)
	for i := range t.Segments {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		b.Write(compact(segmentJSON(&t.Segments[i], t.Language)))
	}
	if len(t.Segments) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString("]}\n")
	return b.Flush()
}

// sure returns the probability of the transcript's language, 0 if it was not detected.
func (t *Transcript) sure() float64 {
	for i := range t.Segments {
		if s := &t.Segments[i]; s.Language == t.Language {
			return figure(s.Sure)
		}
	}
	return 0
}

func segmentJSON(s *asr.Segment, language string) jsonSegment {
	out := jsonSegment{Start: seconds(s.Start), End: seconds(s.End), Text: s.Text, Looped: s.Looped}
	if s.Language != language {
		out.Language = s.Language
	}
	if f := (jsonFigures{figure(s.AvgLogprob), figure(s.NoSpeech), figure(s.Compression), figure(float64(s.Temperature))}); f != (jsonFigures{}) {
		out.jsonFigures = &f
	}
	for _, w := range s.Words {
		out.Words = append(out.Words, jsonWord{w.Text, seconds(w.Start), seconds(w.End), figure(w.Prob)})
	}
	return out
}

// compact encodes v, of a type that can always be encoded, in one line.
func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

func seconds(d time.Duration) float64 { return float64(milliseconds(d)) / 1000 }

// figure rounds to six decimals and replaces values that are not finite, which JSON does not have.
func figure(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return math.Round(v*1e6) / 1e6
}
