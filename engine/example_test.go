package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// open creates a model with random weights, reads it like any other model file, and opens it on the CPU.
func open(s *tiny.Source) (*engine.Model, error) {
	dir, err := os.MkdirTemp("", "engine-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	data, err := s.Bytes()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "tiny.gguf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, err
	}
	file, err := registry.Read(path)
	if err != nil {
		return nil, err
	}
	device, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return engine.Open(file, device, engine.Options{}) // on success and on failure, the model takes over file and device and closes them
}

// An answer is returned in pieces; the last one says why it ended. This model has random weights, so its answer has no meaning.
func ExampleModel_Generate() {
	m, err := open(tiny.New("llama"))
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	request := engine.Request{Messages: []engine.Message{{Role: "user", Content: "Why is the sky blue?"}}, MaxTokens: 8}
	var text string
	for piece, err := range m.Generate(context.Background(), request) {
		if err != nil {
			log.Fatal(err)
		}
		text += piece.Text
		if piece.Reason != "" {
			fmt.Println(text != "", piece.Usage.Generated, piece.Reason)
		}
	}
	// Output: true 8 length
}

// A file of an unknown family is refused; callers branch on the kind of the error.
func ExampleOpen() {
	s := tiny.New("llama")
	s.Meta["general.architecture"] = "unheard-of"
	_, err := open(s)
	fmt.Println(errors.Is(err, models.ErrUnsupported))
	// Output: true
}
