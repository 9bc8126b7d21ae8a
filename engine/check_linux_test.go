package engine

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

// copied are parts of the names of tensors with several rows that the device copies.
var copied = []string{".ssm_a", ".ssm_norm.", "_mix_lerp", ".time_mix_k_", ".time_mix_r_k", ".time_mix_w0", ".time_mix_a0", ".time_mix_v0", ".attn_q_norm.", ".attn_k_norm."}

// TestCheckReadsNoMatrix checks models whose matrices lie in memory that can't be read: touching it
// ends the process.
func TestCheckReadsNoMatrix(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		s := tiny.New(kind)
		hidden := 0
		for i, x := range s.Tensors {
			// The device copies vectors, the taps of convolutions and the parameters of state spaces.
			if len(x.Shape) < 2 || x.Shape[len(x.Shape)-1] < 2*tiny.Taps || slices.ContainsFunc(copied, func(part string) bool { return strings.Contains(x.Name, part) }) {
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
