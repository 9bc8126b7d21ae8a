package asr

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"time"

	"soberano/asr/whisper"
	"soberano/engine/token"
)

// jfk is a part of John F. Kennedy's inaugural address (public domain), 11 s, 16 bit, 16 kHz. It is
// embedded so that measurements on different machines can be compared.
//
//go:embed testdata/audio/jfk.wav
var jfk []byte

// Bench holds the measurements of Model.Bench, one value for each round.
type Bench struct {
	AudioSeconds      float64
	EncoderMS         []float64 // of a window of 30 s
	DecoderMSPerToken []float64 // greedy
	RealTimeFactor    []float64 // time for mel, encoder and decoder over the clip's length
}

// Bench transcribes a clip of 11 s once to warm up and then rounds times.
func (m *Model) Bench(ctx context.Context, rounds int) (Bench, error) {
	samples := pcm(jfk)
	b := Bench{AudioSeconds: float64(len(samples)) / SampleRate}
	for i := range rounds + 1 {
		start := time.Now()
		r, err := m.transcribeWindow(ctx, samples, whisper.Options{Language: "en"})
		if err != nil {
			return b, err
		}
		if i == 0 {
			continue
		}
		b.RealTimeFactor = append(b.RealTimeFactor, time.Since(start).Seconds()/b.AudioSeconds)
		b.EncoderMS = append(b.EncoderMS, 1000*r.Encoder.Seconds())
		b.DecoderMSPerToken = append(b.DecoderMSPerToken, 1000*r.Decoder.Seconds()/float64(r.Steps))
	}
	return b, nil
}

// Trial returns the logits after some tokens that follow a clip of speech, for comparing devices, and how fast a pass over it is, in
// seconds of audio a second.
func (m *Model) Trial(ctx context.Context) (logits [][]float32, speed float64, err error) {
	samples := pcm(jfk)[:4*SampleRate]
	frames := quickFrames(len(samples), m.net.Frames())
	o := whisper.Options{Language: "en", Quick: true}
	for range 2 { // the first one warms up
		start := time.Now()
		if _, err := m.transcribeFrames(ctx, samples, frames, o); err != nil {
			return nil, 0, err
		}
		speed = duration(len(samples)).Seconds() / time.Since(start).Seconds()
	}
	if err := m.acquire(ctx); err != nil {
		return nil, 0, err
	}
	defer m.release()
	s, err := m.slot()
	if err != nil {
		return nil, 0, err
	}
	defer func() { m.slots = append(m.slots, s) }()
	if err := s.Encode(ctx, m.mel.Window(samples, frames), o.Priority); err != nil {
		return nil, 0, err
	}
	logits, err = s.Logits(ctx, m.text.Encode(" And so, my fellow Americans", token.Options{}))
	return logits, speed, err
}

// pcm returns the samples of a WAV file whose last chunk is its data.
func pcm(wav []byte) []float32 {
	data := wav[bytes.Index(wav, []byte("data"))+8:]
	out := make([]float32, len(data)/2)
	for i := range out {
		out[i] = float32(int16(binary.LittleEndian.Uint16(data[2*i:]))) / 32768
	}
	return out
}
