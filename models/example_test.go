package models_test

import (
	"errors"
	"fmt"

	"soberano/kernels/quant"
	"soberano/models"
)

// A model family takes its tensors from the file by name and shape. The error names what is wrong, and callers
// branch on its kind.
func ExampleFile_Need() {
	f := &models.File{Path: "small.gguf", Tensors: []models.Tensor{
		{Name: "output_norm.weight", Type: quant.F32, Shape: []int{2}, Data: make([]byte, 8)},
	}}
	norm, err := f.Need("output_norm.weight", 2)
	fmt.Println(norm.Len(), err)
	_, err = f.Need("output_norm.weight", 4)
	fmt.Println(err)
	fmt.Println(errors.Is(err, models.ErrCorrupt))
	// Output:
	// 2 <nil>
	// small.gguf is damaged: tensor "output_norm.weight" has shape [2], expected [4]; download it again
	// true
}

// An absent key gives the default; a key of another type is an error.
func ExampleMetadata_Int() {
	meta := models.Metadata{"llama.block_count": uint64(12), "general.name": "Small"}
	fmt.Println(meta.Int("llama.block_count", 0))
	fmt.Println(meta.Int("llama.context_length", 2048))
	_, err := meta.Int("general.name", 0)
	fmt.Println(err)
	// Output:
	// 12 <nil>
	// 2048 <nil>
	// key "general.name" is string, expected an integer: the file is damaged
}

// A Cursor reads the bytes of a file that may be damaged. After the first error every read returns zero, so the error
// is checked only once.
func ExampleCursor() {
	c := models.NewCursor("small.bin", []byte{2, 0, 0, 0, 'h', 'i'})
	c.Field = "the name"
	name := c.Next(uint64(c.U32()))
	fmt.Printf("%s %v\n", name, c.Err())
	c.Field = "the number of layers"
	fmt.Println(c.U32(), errors.Is(c.Err(), models.ErrCorrupt))
	// Output:
	// hi <nil>
	// 0 true
}
