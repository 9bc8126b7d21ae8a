package registry_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
	"soberano/models/registry"
)

// writeSmall writes a GGUF file that describes a model of the llama family.
func writeSmall(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	meta := models.Metadata{
		"general.architecture": "llama", "general.name": "Small", "general.file_type": uint64(0),
		"llama.context_length": uint64(256), "llama.block_count": uint64(2), "llama.embedding_length": uint64(64),
		"llama.attention.head_count": uint64(4), "tokenizer.ggml.model": "gpt2",
	}
	weights := models.Tensor{Name: "token_embd.weight", Type: quant.F32, Shape: []int{4, 64}, Data: make([]byte, 4*64*4)}
	return gguf.Write(file, meta, []models.Tensor{weights})
}

// Example adds a model file to a library without copying it, and finds the entry by its name.
func Example() {
	dir, err := os.MkdirTemp("", "registry-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "Small-F32.gguf")
	if err := writeSmall(path); err != nil {
		log.Fatal(err)
	}

	// A program passes engine.Check instead of nil, so that Runs says whether it can open the model.
	library, err := registry.Open(filepath.Join(dir, "data"), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := library.Import(context.Background(), path, registry.Link, registry.ImportOptions{}, nil); err != nil {
		log.Fatal(err)
	}
	e, err := library.Find("small-f32")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Title, e.Family, e.Quantization, e.Runs, e.Linked, e.Path() == path)
	// Output: Small llama F32 true true true
}
