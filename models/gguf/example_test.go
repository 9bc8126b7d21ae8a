package gguf_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// Example writes a file and opens it again. Shapes are given rows first, as in all of models.
func Example() {
	dir, err := os.MkdirTemp("", "gguf-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "small.gguf")
	file, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	weights := models.Tensor{Name: "output.weight", Type: quant.F32, Shape: []int{3, 2}, Data: make([]byte, 3*2*4)}
	if err := gguf.Write(file, models.Metadata{"general.architecture": "llama", "general.name": "Small"}, []models.Tensor{weights}); err != nil {
		log.Fatal(err)
	}
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}

	f, err := gguf.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	name, err := f.Meta.String("general.name", "")
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range f.Tensors {
		fmt.Println(name, t.Name, t.Type, t.Rows(), t.Cols())
	}
	// Output: Small output.weight F32 3 2
}
