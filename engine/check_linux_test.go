package engine

import (
	"strings"
	"syscall"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

// TestCheckReadsNoMatrix checks models whose matrices lie in memory that can't be read: touching it
// ends the process.
func TestCheckReadsNoMatrix(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		s := tiny.New(kind)
		hidden := 0
		for i, x := range s.Tensors {
			// The device copies vectors, several of which may be one tensor, and the taps of convolutions.
			cols := x.Shape[len(x.Shape)-1]
			vectors := strings.Contains(x.Name, "norm") || strings.Contains(x.Name, "lerp") || strings.HasSuffix(x.Name, "ssm_a")
			if vectors || x.Len() == cols || cols < 2*tiny.Taps {
				continue
			}
			data, err := syscall.Mmap(-1, 0, len(x.Data), syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := syscall.Munmap(data); err != nil {
					t.Error(err)
				}
			})
			s.Tensors[i].Data = data
			hidden++
		}
		f := &models.File{Format: "gguf", Path: kind, Meta: s.Meta, Tensors: s.Tensors}
		if _, err := Check(f); err != nil || hidden < 5 {
			t.Errorf("%s, %d hidden matrices: %v", kind, hidden, err)
		}
	}
}
