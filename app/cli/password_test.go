package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/app/host"
	"soberano/engine/arch/tiny"
	"soberano/models/registry"
)

// TestEncrypted checks that a model is encrypted and signed by a conversion, that it runs with its password only, and that its signature is checked and its signer named.
func TestEncrypted(t *testing.T) {
	home(t)
	dir, err := registry.DataDir()
	if err != nil {
		t.Fatal(err)
	}
	model, out := tiny.New("llama").Write(t), filepath.Join(t.TempDir(), "secret.apr")
	do := func(code int, want string, args ...string) string {
		t.Helper()
		text, notes, got := run(t, nil, args...)
		if got != code || !strings.Contains(text+notes, want) {
			t.Errorf("%v: exit code %d, %q %q; expected %d and %q", args, got, text, notes, code, want)
		}
		return text
	}
	do(1, "keygen` makes one", "models", "convert", model, out, "--sign")
	do(2, "can't be compressed", "models", "convert", model, out, "--encrypt", "--compress", "lz4")
	do(2, "are for .apr files", "models", "convert", model, out+".gguf", "--encrypt")
	key := strings.TrimSpace(do(0, "=", "models", "keygen"))
	do(0, key, "models", "keygen")
	if st, err := os.Stat(filepath.Join(dir, registry.SigningKeyFile)); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	do(1, "a password is needed", "models", "convert", model, out, "--encrypt")
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("open sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do(0, "is written", "models", "convert", model, out, "--encrypt", "--sign", "--password-file", file)
	chat := []string{"tokenize", "-m", out, "--json", "a"}
	do(1, "a password is needed", chat...)
	t.Setenv(host.PasswordVariable, "open")
	do(1, "has another password", chat...)
	t.Setenv(host.PasswordVariable, "")
	if err := os.Unsetenv(host.PasswordVariable); err != nil {
		t.Fatal(err)
	}
	do(0, "signed by your own key", "models", "verify", out)
	do(0, "is in the library", "models", "import", out)
	do(0, "", "models", "trust", key, "Anna")
	do(0, "Anna", "models", "trust")
	do(2, "is no public key", "models", "trust", "abc", "Anna")
	do(0, "signed by Anna", "models", "verify", out)
	do(0, "", "models", "trust", "--remove", "Anna")
	t.Setenv(host.PasswordFileVariable, file)
	do(0, "", chat...)
}
