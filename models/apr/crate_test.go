package apr

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
)

// TestCrate checks that the reference implementation, the Rust crate apr-format, reads what Language and Write write, with a signature as without one, and of an encrypted file all but the values. It runs where cargo is installed and the
// crate has been fetched (cargo fetch in testdata/crate): building it opens no connection.
func TestCrate(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Rust program")
	}
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("cargo is not installed")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	target := filepath.Join(cache, "soberano", "apr-crate")
	source := filepath.Join(target, "source") // a copy, since cargo writes beside it
	if err := os.MkdirAll(filepath.Join(source, "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Cargo.toml", "src/main.rs"} {
		b, err := os.ReadFile(filepath.Join("testdata", "crate", name))
		if err != nil {
			t.Fatal(err)
		}
		if old, err := os.ReadFile(filepath.Join(source, name)); err != nil || string(old) != string(b) {
			save(t, filepath.Join(source, name), b)
		}
	}
	build := exec.Command("cargo", "build", "--quiet", "--offline", "--target-dir", target)
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("the crate can't be built without a connection: %v: %s", err, out)
	}
	tensors := []models.Tensor{
		tensor("token_embd.weight", quant.Q6_K, 2, 256), tensor("blk.0.attn_q.weight", quant.F16, 3, 8), tensor("blk.0.ffn_down.weight", quant.Q4_K, 1, 512),
		tensor("output_norm.weight", quant.F32, 5), tensor("output.weight", quant.BF16, 2, 4),
	}
	meta := models.Metadata{"general.architecture": "qwen2", "general.name": "Tiny", "qwen2.embedding_length": uint64(896), "qwen2.rope.freq_base": 1e6,
		"tokenizer.ggml.tokens": []string{"a", "<|im_end|>", "\"ü\""}, "tokenizer.ggml.scores": []float64{0, -1, 2.5}, "tokenizer.chat_template": "{{ x }}"}
	keys, sources := Language(meta, models.Sources(tensors))
	lists := map[string][]byte{"__vocab__": {1, 2, 3}}
	want := []string{"qwen2|Tiny|Some(896)|Some(1000000.0)|true", "__vocab__|u8|[3]|6"}
	for _, i := range []int{4, 3, 1, 2, 0} { // in the order of the names of a folder
		x, sum := tensors[i], 0
		name := map[int]string{4: "lm_head.weight", 3: "model.norm.weight", 1: "model.layers.0.self_attn.q_proj.weight", 2: "model.layers.0.mlp.down_proj.weight", 0: "model.embed_tokens.weight"}[i]
		for _, b := range x.Data {
			sum += int(b)
		}
		want = append(want, fmt.Sprintf("%s|%s|%s|%d", name, strings.ToLower(x.Type.String()), strings.ReplaceAll(fmt.Sprint(x.Shape), " ", ", "), sum))
	}
	for name, o := range map[string]Options{"plain": {}, "signed": {Key: testKey}, "encrypted": {Lock: testLock, Key: testKey}} {
		path := filepath.Join(t.TempDir(), "x.apr")
		var b bytes.Buffer
		if err := WriteSources(&b, keys, sources, lists, o); err != nil {
			t.Fatal(err)
		}
		save(t, path, b.Bytes())
		out, err := exec.Command(filepath.Join(target, "debug", "read"), path).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		got := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(got) != len(want) || got[0] != want[0] {
			t.Errorf("%s: got %q, expected %q", name, got, want)
		}
		for _, line := range want {
			if o.Lock != nil { // the bytes differ, and with them their sum
				line = line[:strings.LastIndexByte(line, '|')+1]
			} else {
				line += "\n"
			}
			if !strings.Contains(string(out), line) {
				t.Errorf("%s: %q is missing in %q", name, line, got)
			}
		}
	}
}
