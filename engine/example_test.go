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
	"soberano/models"
)

// An answer comes in pieces, and the last one says why it ended. The model here has random weights: its answers
// mean nothing.
func ExampleModel_Generate() {
	dir, err := os.MkdirTemp("", "engine-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	data, err := tiny.New("llama").Bytes()
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "tiny.gguf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		log.Fatal(err)
	}
	m, err := engine.Open(path, engine.Options{Threads: 1})
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

// What is no model is refused with an error that names the file, and callers branch on its kind.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "engine-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "letter.gguf")
	if err := os.WriteFile(path, []byte("Dear model, this is a letter."), 0o600); err != nil {
		log.Fatal(err)
	}
	_, err = engine.Open(path, engine.Options{})
	fmt.Println(errors.Is(err, models.ErrUnknownFormat))
	// Output: true
}
