package library

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"

	"soberano/app/host"
	"soberano/app/ui"
	"soberano/engine/arch/tiny"
	"soberano/models/apr"
	"soberano/models/convert"
	"soberano/models/registry"
)

// TestSealed checks that the card of a dropped model, its row and its details say that it is encrypted, and who has signed it.
func TestSealed(t *testing.T) {
	data := t.TempDir()
	t.Setenv("SOBERANO_HOME", data)
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	f, err := registry.Read(tiny.New("llama").Write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path := filepath.Join(t.TempDir(), "secret.apr")
	if err := convert.Convert(t.Context(), f, path, convert.Options{APR: apr.Options{Lock: apr.NewLock([]byte("sesame")), Key: key}}); err != nil {
		t.Fatal(err)
	}
	lib, err := registry.Open(data, host.Check)
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, lib, lib.Inspect, ui.Light)
	encrypted, public := "Its weights are encrypted; the password is asked for when it is opened.", registry.PublicKey(key)
	s.im.Drop([]string{path})
	s.Until("the import", func() bool { return len(s.added) == 1 })
	s.Shot("sealed")
	s.Expect("Added to the library.", encrypted+" It is signed with the key "+public+", which is not among those that you trust.")
	if err := os.WriteFile(filepath.Join(data, registry.TrustedKeysFile), []byte(public+" Anna\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.im.Close()
	s.page.Refresh()
	s.Expect(encrypted + " It is signed by Anna.")
	s.page.openDetails(s.added[0])
	s.UntilShown("About this model", encrypted+" It is signed by Anna.")
	s.Shot("sealed-details")
}
