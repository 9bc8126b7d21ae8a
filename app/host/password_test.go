package host

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/models/apr"
	"soberano/models/convert"
	"soberano/models/registry"
)

// encrypted returns the entry of a model whose password is sesame.
func encrypted(t *testing.T) registry.Entry {
	t.Helper()
	f, err := registry.Read(tiny.New("llama").Write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := filepath.Join(t.TempDir(), "secret.apr")
	if err := convert.Convert(t.Context(), f, out, convert.Options{APR: apr.Options{Lock: apr.NewLock([]byte("sesame"))}}); err != nil {
		t.Fatal(err)
	}
	e := resolve(t, out)
	if !e.Encrypted || !e.Runs {
		t.Fatalf("%+v", e.Info)
	}
	return e
}

// TestAskPassword checks that the password of an encrypted model is asked for, once for callers at the same time, and that without it the error says so.
func TestAskPassword(t *testing.T) {
	t.Setenv(PasswordFileVariable, "")
	h := hostOf(t, Options{Budget: Unlimited})
	e := encrypted(t)
	open := func() error {
		l, err := Chats(h).Acquire(context.Background(), e, Settings{Threads: 1, GPU: GPUUse{Choice: GPUOff}}, nil)
		if err == nil {
			defer l.Release()
			_, err = generate(context.Background(), l, "abc", 2, func(engine.Piece) {})
		}
		return err
	}
	if err := open(); !errors.Is(err, apr.ErrPassword) {
		t.Fatalf("nobody is asked: %v", err)
	}
	asked := 0
	h.SetAskPassword(func(context.Context, registry.Entry, func([]byte) error) bool { asked++; return false })
	if err := open(); !errors.Is(err, apr.ErrPassword) || asked != 1 {
		t.Fatalf("no password is given, %d times: %v", asked, err)
	}
	h.SetAskPassword(func(ctx context.Context, of registry.Entry, unlock func([]byte) error) bool {
		asked++
		if err := unlock([]byte("open")); !errors.Is(err, apr.ErrWrongPassword) || of.Name != e.Name {
			t.Errorf("%q: %v", of.Name, err)
		}
		if err := unlock([]byte("sesame")); err != nil {
			t.Error(err)
		}
		return true
	})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			f, err := h.unlocked(context.Background(), e)
			if err != nil {
				t.Error(err)
				return
			}
			_ = f.Close()
		})
	}
	wait.Wait()
	if err := open(); err != nil || asked != 2 {
		t.Errorf("with the password, asked %d times: %v", asked, err)
	}
}
