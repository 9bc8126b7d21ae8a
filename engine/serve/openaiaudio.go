package serve

import (
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// audioRequest are the fields of the form of POST /v1/audio/transcriptions and /v1/audio/translations.
type audioRequest struct {
	file    string // the path of a temporary file
	model   string
	format  string // "json", "text", "srt", "verbose_json", "vtt"
	stream  bool
	heard   Recording
	segment bool // the times of segments are wanted
}

// transcribes answers POST /v1/audio/transcriptions.
func transcribes(c *call) error { return c.transcribe(false) }

// translates answers POST /v1/audio/translations.
func translates(c *call) error { return c.transcribe(true) }

func (c *call) transcribe(translate bool) (err error) {
	r, err := c.form(translate)
	if r.file != "" {
		defer os.Remove(r.file)
	}
	if err != nil {
		return err
	}
	if r.stream {
		return c.streamTranscript(r)
	}
	t, err := c.models.Transcribe(c.ctx, r.model, r.heard)
	if err != nil {
		return err
	}
	switch r.format {
	case "json":
		return c.reply(http.StatusOK, audioText{Text: t.Text, Usage: audioUsageOf(t)})
	case "verbose_json":
		return c.reply(http.StatusOK, verbose(t, r))
	}
	c.sent = true
	kind := map[string]string{"text": "text/plain", "srt": "application/x-subrip", "vtt": "text/vtt"}[r.format]
	c.w.Header().Set("Content-Type", kind+"; charset=utf-8")
	_ = c.rc.SetWriteDeadline(time.Now().Add(c.limits.WriteTime))
	if r.format == "text" {
		_, err := io.WriteString(c.w, t.Text+"\n")
		return err
	}
	return t.Write(c.w, r.format)
}

// form reads the form. The recording is in a temporary file, also if there is an error.
func (c *call) form(translate bool) (r audioRequest, err error) {
	_ = c.rc.SetReadDeadline(time.Now().Add(c.limits.UploadTime))
	defer func() { _ = c.rc.SetReadDeadline(time.Time{}) }()
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, c.limits.Upload)
	parts, err := c.r.MultipartReader()
	if err != nil {
		return r, refuse("", "The body must be a form with a file (multipart/form-data).")
	}
	r = audioRequest{format: "json", heard: Recording{Translate: translate}}
	for {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return r, bodyFailure(err)
		}
		if p.FormName() == "file" {
			if err := r.receive(p); err != nil {
				return r, err
			}
			continue
		}
		if err := r.field(p); err != nil {
			return r, err
		}
	}
	if r.file == "" {
		return r, refuse("file", "There is no file.")
	}
	return r, r.check(translate)
}

// receive writes the recording to a temporary file, which only the user can read.
func (r *audioRequest) receive(p *multipart.Part) error {
	if r.file != "" {
		return refuse("file", "There may be one file only.")
	}
	f, err := os.CreateTemp("", "soberano-*"+filepath.Ext(filepath.Base(p.FileName())))
	if err != nil {
		return err
	}
	r.file, r.heard.Path = f.Name(), f.Name()
	n, err := io.Copy(f, p)
	if closed := f.Close(); closed != nil {
		return closed
	}
	if err != nil {
		return bodyFailure(err)
	}
	if n == 0 {
		return refuse("file", "The file is empty.")
	}
	return nil
}

// mostField is the largest number of bytes of a field that is no file.
const mostField = 64 << 10

// field reads a field of the form.
func (r *audioRequest) field(p *multipart.Part) error {
	raw, err := io.ReadAll(io.LimitReader(p, mostField+1))
	if err != nil {
		return bodyFailure(err)
	}
	if len(raw) > mostField {
		return refuse(p.FormName(), "The parameter %q is too long.", p.FormName())
	}
	value := string(raw)
	switch name := strings.TrimSuffix(p.FormName(), "[]"); name {
	case "model":
		r.model = value
	case "language":
		r.heard.Language = value
	case "prompt":
		r.heard.Prompt = value
	case "response_format":
		r.format = value
	case "temperature":
		n, err := strconv.ParseFloat(value, 32)
		if err != nil || !(n >= 0 && n <= 1) {
			return refuse(name, "The temperature must be from 0 to 1.")
		}
		r.heard.Temperature, r.heard.Tempered = float32(n), true
	case "stream":
		if r.stream, err = strconv.ParseBool(strings.ToLower(value)); err != nil {
			return refuse(name, "The parameter \"stream\" must be true or false.")
		}
	case "timestamp_granularities":
		switch value {
		case "word":
			r.heard.Words = true
		case "segment":
			r.segment = true
		default:
			return refuse(name, "The parameter \"timestamp_granularities\" must be word or segment.")
		}
	default:
		return &failure{class: invalid, code: "unknown_parameter", param: name, message: "The parameter " + quoted(name) + " is not known here."}
	}
	return nil
}

// check refuses what does not fit together.
func (r *audioRequest) check(translate bool) error {
	switch r.format {
	case "json", "text", "srt", "verbose_json", "vtt":
	default:
		return refuse("response_format", "The parameter \"response_format\" must be json, text, srt, verbose_json or vtt.")
	}
	switch {
	case (r.heard.Words || r.segment) && r.format != "verbose_json":
		return refuse("timestamp_granularities", "Times need the response_format verbose_json.")
	case r.stream && r.format != "json" && r.format != "text":
		return refuse("stream", "A stream needs the response_format json or text.")
	case translate && r.heard.Language != "":
		return refuse("language", "A translation finds the language itself.")
	}
	return nil
}

// audioText is an answer with the response_format json.
type audioText struct {
	Text  string     `json:"text"`
	Usage audioUsage `json:"usage"`
}

// audioUsage is the length of a recording.
type audioUsage struct {
	Type    string  `json:"type"`
	Seconds float64 `json:"seconds"`
}

func audioUsageOf(t Transcription) audioUsage { return audioUsage{"duration", t.Duration.Seconds()} }

// audioVerbose is an answer with the response_format verbose_json.
type audioVerbose struct {
	Task     string         `json:"task"`
	Language string         `json:"language"`
	Duration float64        `json:"duration"`
	Text     string         `json:"text"`
	Segments []audioSegment `json:"segments,omitempty"`
	Words    []audioWord    `json:"words,omitempty"`
	Usage    audioUsage     `json:"usage"`
}

type audioSegment struct {
	ID          int     `json:"id"`
	Seek        int     `json:"seek"`
	Start       float64 `json:"start"`
	End         float64 `json:"end"`
	Text        string  `json:"text"`
	Tokens      []int   `json:"tokens"` // always empty
	Temperature float64 `json:"temperature"`
	AvgLogprob  float64 `json:"avg_logprob"`
	Compression float64 `json:"compression_ratio"`
	NoSpeech    float64 `json:"no_speech_prob"`
}

type audioWord struct {
	Word  string  `json:"word"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// verbose returns a transcription with times: of segments, unless only those of words are asked for.
func verbose(t Transcription, r audioRequest) audioVerbose {
	out := audioVerbose{Task: "transcribe", Language: t.Language, Duration: t.Duration.Seconds(), Text: t.Text, Usage: audioUsageOf(t)}
	if r.heard.Translate {
		out.Task = "translate"
	}
	for i, s := range t.Segments {
		if r.segment || !r.heard.Words {
			out.Segments = append(out.Segments, audioSegment{ID: i, Seek: int(s.Start / (10 * time.Millisecond)), Start: s.Start.Seconds(), End: s.End.Seconds(), Text: s.Text, Tokens: []int{},
				Temperature: float64(s.Temperature), AvgLogprob: s.AvgLogprob, Compression: s.Compression, NoSpeech: s.NoSpeech})
		}
		for _, w := range s.Words {
			if !r.heard.Words {
				break
			}
			out.Words = append(out.Words, audioWord{w.Text, w.Start.Seconds(), w.End.Seconds()})
		}
	}
	return out
}

// audioEvent is an event of a stream.
type audioEvent struct {
	Type  string      `json:"type"`
	Delta string      `json:"delta,omitempty"`
	Text  *string     `json:"text,omitempty"`
	Usage *audioUsage `json:"usage,omitempty"`
}

// streamTranscript sends the text of each segment as soon as it is certain.
func (c *call) streamTranscript(r audioRequest) error {
	var s *stream
	var failed error
	send := func(e audioEvent) {
		if s == nil {
			s = c.events(openAIFails)
		}
		if failed == nil {
			failed = s.send("", e)
		}
	}
	space := ""
	r.heard.Heard = func(seg Segment) {
		send(audioEvent{Type: "transcript.text.delta", Delta: space + seg.Text})
		space = " "
	}
	t, err := c.models.Transcribe(c.ctx, r.model, r.heard)
	if err != nil {
		return err
	}
	u := audioUsageOf(t)
	send(audioEvent{Type: "transcript.text.done", Text: &t.Text, Usage: &u})
	return failed
}
