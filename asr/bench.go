package asr

// Speed on a clip of 11 s that is part of the program, so that numbers of different
// machines compare.

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"time"

	"soberano/asr/whisper"
)

// jfk is a part of John F. Kennedy's inaugural address (public domain), 16 bit, 16 kHz.
//
//go:embed testdata/audio/jfk.wav
var jfk []byte

// Bench is what Model.Bench measures, a value for each repetition.
type Bench struct {
	AudioSeconds      float64
	EncoderMS         []float64 // of a window of 30 s
	DecoderMSPerToken []float64 // greedy
	RealTimeFactor    []float64 // time for mel, encoder and decoder over the clip's length
}

// Bench transcribes a clip of 11 s rounds times, after once to warm up.
func (m *Model) Bench(ctx context.Context, rounds int) (Bench, error) {
	samples := pcm(jfk)
	b := Bench{AudioSeconds: float64(len(samples)) / SampleRate}
	for i := range rounds + 1 {
		start := time.Now()
		h, err := m.hear(ctx, samples, whisper.Options{Language: "en"})
		if err != nil {
			return b, err
		}
		if i == 0 {
			continue
		}
		b.RealTimeFactor = append(b.RealTimeFactor, time.Since(start).Seconds()/b.AudioSeconds)
		b.EncoderMS = append(b.EncoderMS, 1000*h.Encoder.Seconds())
		b.DecoderMSPerToken = append(b.DecoderMSPerToken, 1000*h.Decoder.Seconds()/float64(h.Steps))
	}
	return b, nil
}

// pcm returns the samples of a WAV whose data chunk is its last: the clip above.
func pcm(wav []byte) []float32 {
	data := wav[bytes.Index(wav, []byte("data"))+8:]
	out := make([]float32, len(data)/2)
	for i := range out {
		out[i] = float32(int16(binary.LittleEndian.Uint16(data[2*i:]))) / 32768
	}
	return out
}
