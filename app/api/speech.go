package api

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"soberano/app/problem"
	"soberano/asr"
	"soberano/asr/audio"
	"soberano/asr/transcript"
	"soberano/engine/serve"
	"soberano/models/registry"
)

// beam is the number of hypotheses with which recordings are decoded, as by `soberano transcribe`.
const beam = 5

// Transcribe implements serve.Models.
func (c *Catalog) Transcribe(ctx context.Context, name string, r serve.Recording) (out serve.Transcription, err error) {
	e, err := c.find(registry.Speech, name)
	if err != nil {
		return out, err
	}
	l, err := acquire(ctx, c, c.speech, e)
	if err != nil {
		return out, err
	}
	defer l.Release()
	ctx, cancel := l.Context(ctx)
	defer cancel()
	p, err := params(r)
	if err != nil {
		return out, err
	}
	src, err := audio.OpenContext(ctx, r.Path)
	if err != nil {
		return out, unreadable(ctx, err)
	}
	defer src.Close()
	m := &counted{src: src}
	t := &transcript.Transcript{Translated: r.Translate, Model: e.Title}
	for s, err := range l.Model.Transcribe(ctx, m, p) {
		switch {
		case errors.Is(err, asr.ErrLanguage):
			return out, &serve.ModelError{Cause: serve.Language, Text: err.Error(), Err: err}
		case err != nil:
			return out, unreadable(ctx, err)
		}
		if t.Language == "" {
			t.Language = s.Language
		}
		t.Segments = append(t.Segments, s)
		if r.Heard != nil {
			r.Heard(segment(s))
		}
	}
	t.Duration = time.Duration(m.samples) * time.Second / asr.SampleRate
	return whole(e.Name, t), nil
}

// params returns the parameters for a recording.
func params(r serve.Recording) (asr.Params, error) {
	p := asr.Params{Translate: r.Translate, Beam: beam, Prompt: r.Prompt, Words: r.Words}
	if r.Tempered && r.Temperature > 0 {
		p.Temperatures = []float32{r.Temperature}
	}
	if r.Language != "" {
		code, ok := asr.LanguageCode(r.Language)
		if !ok {
			return p, &serve.ModelError{Cause: serve.Language, Text: "There is no language " + r.Language + "; use a code like en, de or zh."}
		}
		p.Language = code
	}
	return p, nil
}

// unreadable returns the error of a recording that can't be read.
func unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &serve.ModelError{Cause: serve.Unreadable, Text: problem.Text(err), Err: err}
}

func segment(s asr.Segment) serve.Segment {
	out := serve.Segment{Text: s.Text, Start: s.Start, End: s.End, AvgLogprob: s.AvgLogprob, NoSpeech: s.NoSpeech, Compression: s.Compression, Temperature: s.Temperature}
	for _, w := range s.Words {
		out.Words = append(out.Words, serve.Word{Text: strings.TrimSpace(w.Text), Start: w.Start, End: w.End})
	}
	return out
}

// whole returns a transcript in the form of package serve.
func whole(model string, t *transcript.Transcript) serve.Transcription {
	out := serve.Transcription{Model: model, Language: strings.ToLower(asr.LanguageName(t.Language)), Duration: t.Duration, Text: t.Text(),
		Write: func(w io.Writer, format string) error { return transcript.Write(w, format, t) }}
	for _, s := range t.Segments {
		out.Segments = append(out.Segments, segment(s))
	}
	return out
}

// counted is a source that counts the samples read from it.
type counted struct {
	src     *audio.Source
	samples int64
}

func (m *counted) Read(p []float32) (int, error) {
	n, err := m.src.Read(p)
	m.samples += int64(n)
	return n, err
}
