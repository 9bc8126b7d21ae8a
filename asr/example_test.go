package asr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"path/filepath"

	"soberano/asr"
	"soberano/asr/audio"
	"soberano/kernels/cpu"
	"soberano/models/registry"
)

// open opens the model at path on the CPU, with weights in 8 bits.
func open(path string) (*asr.Model, error) {
	f, err := registry.Read(path)
	if err != nil {
		return nil, err
	}
	dev, err := cpu.New(cpu.Options{Floats: cpu.Bits8})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return asr.Open(f, dev, asr.Options{})
}

// Transcribe yields the segments of a recording as they are decoded.
func ExampleModel_Transcribe() {
	m, err := open("whisper-base")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	src, err := audio.Open(filepath.Join("testdata", "audio", "jfk.wav"))
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	for s, err := range m.Transcribe(context.Background(), src, asr.Params{Language: "en"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v to %v: %s\n", s.Start, s.End, s.Text)
	}
}

// microphone is a live source; asr/mic's Stream is one.
type microphone struct{ src *audio.Source }

func (m microphone) Read(ctx context.Context, p []float32) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return m.src.Read(p)
}

// Listen yields text that may change while someone speaks, and final text after each pause.
func ExampleModel_Listen() {
	m, err := open("whisper-base")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	src, err := audio.Open(filepath.Join("testdata", "audio", "goforward.wav"))
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	for s, err := range m.Listen(context.Background(), microphone{src}, asr.Params{}) {
		if err != nil {
			log.Fatal(err)
		}
		if s.Final {
			fmt.Println(s.Text)
		} else {
			fmt.Printf("%s (%d bytes are stable)\r", s.Text, s.Stable)
		}
	}
}

func ExampleLanguageCode() {
	code, ok := asr.LanguageCode("Castilian")
	fmt.Println(code, ok, asr.LanguageName(code))
	// Output: es true Spanish
}

// A Source decodes a sound file of any supported format to 16 kHz mono.
func ExampleSource() {
	src, err := audio.Open(filepath.Join("testdata", "audio", "jfk.wav"))
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	length := src.Duration()
	var s asr.Source = src
	samples, buf := 0, make([]float32, asr.SampleRate)
	for err == nil {
		var n int
		n, err = s.Read(buf)
		samples += n
	}
	fmt.Println(length, samples, err == io.EOF)
	// Output: 11s 176000 true
}
