package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
)

// TestDamagedPackedIsSaid checks that `models verify` and `doctor` name a damaged file of repacked weights, and that the next use of
// the model replaces it.
func TestDamagedPackedIsSaid(t *testing.T) {
	home := t.TempDir()
	t.Setenv("SOBERANO_HOME", home)
	t.Setenv("SOBERANO_PACKED", "")
	model := tiny.New("llama").Write(t)
	if _, code := verb(t, "", "models", "import", "--link", model); code != 0 {
		t.Fatal("import failed")
	}
	use := func() string {
		out, code := verb(t, "", "chat", "-m", "tiny", "-p", "hello", "--raw", "-n", "8", "--temp", "0")
		if code != 0 {
			t.Fatalf("chat: %d", code)
		}
		return out
	}
	want := use()
	files, err := filepath.Glob(filepath.Join(home, "packed", "*.packed"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if out, code := verb(t, "", "models", "verify", "tiny"); code != 0 || !strings.Contains(out, "intact, with its repacked weights") {
		t.Errorf("verify: %d %s", code, out)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 2; i < len(data); i++ {
		data[i] ^= 0x55
	}
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := verb(t, "", "models", "verify", "--json", "tiny"); code != 1 || !strings.Contains(out, `"ok": false`) {
		t.Errorf("verify after damage: %d %s", code, out)
	}
	if out, code := verb(t, "", "doctor"); code != 1 || !strings.Contains(out, "are damaged") {
		t.Errorf("doctor after damage: %s", out)
	}
	if got := use(); got != want {
		t.Errorf("with damaged weights %q, expected %q", got, want)
	}
	if got := use(); got != want {
		t.Errorf("with weights that were made again %q, expected %q", got, want)
	}
	if out, code := verb(t, "", "models", "verify", "tiny"); code != 0 || !strings.Contains(out, "intact, with its repacked weights") {
		t.Errorf("verify at last: %d %s", code, out)
	}
	if out, _ := verb(t, "", "doctor"); !strings.Contains(out, "all weights are intact") {
		t.Errorf("doctor at last: %s", out)
	}
}
