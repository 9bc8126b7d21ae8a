package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/engine/vision"
	"soberano/models"
	"soberano/models/registry"
)

// saved writes a tiny model file.
func saved(t *testing.T, dir, name string, s *tiny.Source) string {
	t.Helper()
	data, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// seeing returns the text model of the projector gemma3.
func seeing() *tiny.Source {
	s := tiny.New("gemma3")
	s.Tokens("<start_of_image>", "<end_of_image>")
	return s
}

// foreign is a vision encoder of an unknown kind.
func foreign() *tiny.Source {
	s := tiny.Vision("gemma3")
	s.Meta["clip.projector_type"] = "unknown"
	return s
}

func shaded() *vision.Image {
	m := vision.New(40, 30)
	for i := range m.Pix {
		m.Pix[i] = byte(i)
	}
	return m
}

// What a model lacks to see is found out from the files beside it.
func TestLook(t *testing.T) {
	t.Setenv("SOBERANO_PACKED", "off")
	dir := t.TempDir()
	e := resolve(t, saved(t, dir, "model.gguf", seeing()))
	if s := Look(e); !s.Takes || s.Made || s.Projector != "" || s.Folder != dir || s.Err != nil {
		t.Errorf("without a projector: %+v", s)
	}
	saved(t, dir, "mmproj-a.gguf", foreign())
	if s := Look(e); s.Projector != "" || !errors.Is(s.Err, models.ErrUnsupported) {
		t.Errorf("with one of an unknown kind: %+v", s)
	}
	saved(t, dir, "mmproj-b.gguf", tiny.Vision("idefics3"))
	if s := Look(e); s.Projector != "" {
		t.Errorf("with one of a model that marks images otherwise: %+v", s)
	}
	fits := saved(t, dir, "MMPROJ-c.gguf", tiny.Vision("gemma3"))
	if s := Look(e); s.Projector != fits || s.Err != nil {
		t.Errorf("with its own: %+v", s)
	}
	if s := Look(resolve(t, saved(t, dir, "rwkv.gguf", tiny.New("rwkv7")))); s.Takes || s.Projector != "" || s.Err != nil {
		t.Errorf("a family that takes no images: %+v", s)
	}
	if s := Look(registry.Entry{Files: []registry.Stored{{Path: filepath.Join(dir, "gone.gguf")}}}); s.Err == nil {
		t.Errorf("a missing model: %+v", s)
	}
}

// A projector that is added while its model is open is found, and its memory counts from the first image on.
func TestProjectorOfAnOpenModel(t *testing.T) {
	t.Setenv("SOBERANO_PACKED", "off")
	dir := t.TempDir()
	e := resolve(t, saved(t, dir, "model.gguf", seeing()))
	h := hostOf(t, Options{Budget: 1 << 30})
	l, err := Chats(h).Acquire(context.Background(), e, Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	ask := func() error {
		r := engine.Request{Messages: []engine.Message{{Role: "user", Content: "What?"}}, Images: []engine.Attachment{{Message: 0, Image: shaded()}}, MaxTokens: 1}
		for _, err := range l.Model.Generate(context.Background(), r) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := ask(); !errors.Is(err, engine.ErrNoVision) {
		t.Errorf("without a projector: %v", err)
	}
	saved(t, dir, "mmproj.gguf", tiny.Vision("gemma3"))
	before := h.Loaded()[0].Bytes
	h.SetBudget(before + 1000)
	if _, ok := errors.AsType[*MemoryError](ask()); !ok {
		t.Errorf("without memory for the projector: %v", ask())
	}
	h.SetBudget(1 << 30)
	if err := errors.Join(ask(), ask()); err != nil {
		t.Errorf("with it: %v", err)
	}
	if grown := h.Loaded()[0].Bytes - before; grown < 64<<20 || grown > 80<<20 { // it is counted once: mostly the rows that are kept
		t.Errorf("the projector counts as %d bytes", grown)
	}
}

// A projector that is attached to a model while that is open is used by it.
func TestAttachToAnOpenModel(t *testing.T) {
	t.Setenv("SOBERANO_PACKED", "off")
	ctx := context.Background()
	lib, err := registry.Open(t.TempDir(), Check)
	if err != nil {
		t.Fatal(err)
	}
	e, err := lib.Import(ctx, saved(t, t.TempDir(), "model.gguf", seeing()), registry.Link, registry.ImportOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Chats(hostOf(t, Options{Budget: Unlimited})).Acquire(ctx, e, Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	projector := saved(t, t.TempDir(), "mmproj.gguf", tiny.Vision("gemma3"))
	if _, err := lib.Attach(ctx, e.Name, projector, registry.Link, nil); err != nil {
		t.Fatal(err)
	}
	if s := Look(e); s.Projector != projector {
		t.Errorf("the entry of before sees by %q: %v", s.Projector, s.Err)
	}
	r := engine.Request{Messages: []engine.Message{{Role: "user", Content: "What?"}}, Images: []engine.Attachment{{Message: 0, Image: shaded()}}, MaxTokens: 1}
	for _, err := range l.Model.Generate(ctx, r) {
		if err != nil {
			t.Error(err)
		}
	}
}

// A copied model gets a copy of its projector; a projector is attached to the models that it fits, and is checked like their files.
func TestImportWithProjector(t *testing.T) {
	t.Setenv("SOBERANO_PACKED", "off")
	dir, ctx := t.TempDir(), context.Background()
	lib, err := registry.Open(t.TempDir(), Check)
	if err != nil {
		t.Fatal(err)
	}
	model := saved(t, dir, "model.gguf", seeing())
	projector := saved(t, t.TempDir(), "mmproj-model.gguf", tiny.Vision("gemma3"))
	e, err := Import(ctx, lib, model, registry.Copy, registry.ImportOptions{}, nil)
	if err != nil || e.Projector != nil || Look(e).Projector != "" {
		t.Fatalf("without a projector: %+v, %v", e, err)
	}
	other, err := lib.Import(ctx, saved(t, dir, "other.gguf", tiny.New("llama")), registry.Link, registry.ImportOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := lib.List()
	fitting, err := Fitting(projector, entries)
	if err != nil || len(fitting) != 1 || fitting[0].Name != e.Name {
		t.Errorf("it fits %+v, %v; %s must not be among them", fitting, err, other.Name)
	}
	if _, err := Fitting(saved(t, t.TempDir(), "foreign.gguf", foreign()), entries); !errors.Is(err, models.ErrUnsupported) {
		t.Errorf("a projector of an unknown kind: %v", err)
	}
	for _, how := range []registry.How{registry.Link, registry.Copy} {
		if e, err = lib.Attach(ctx, e.Name, projector, how, nil); err != nil {
			t.Fatal(err)
		}
		if e, err = lib.Find(e.Name); err != nil || Look(e).Projector != e.FilePath(*e.Projector) || (e.FilePath(*e.Projector) == projector) != (how == registry.Link) {
			t.Errorf("attached: %+v, %v; it sees by %s", e.Projector, err, Look(e).Projector)
		}
		if err := lib.Verify(ctx, e.Name, nil); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(e.FilePath(*e.Projector), []byte(strings.Repeat("x", int(e.Projector.Bytes))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := lib.Verify(ctx, e.Name, nil); err == nil {
		t.Error("a changed projector is taken for intact")
	}
	if err := errors.Join(lib.Remove(e.Name), os.Rename(projector, filepath.Join(dir, "mmproj.gguf"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "other.gguf"), filepath.Join(t.TempDir(), "other.gguf")); err != nil {
		t.Fatal(err)
	}
	if e, err = Import(ctx, lib, dir, registry.Copy, registry.ImportOptions{}, nil); err != nil || e.Projector == nil || Look(e).Projector != e.FilePath(*e.Projector) {
		t.Errorf("copied with its projector: %+v, %v", e, err)
	}
}

// A linked model whose times have changed is recorded with the new ones, and with the projector that was attached meanwhile.
func TestProjectorOfATouchedModel(t *testing.T) {
	ctx := context.Background()
	lib, err := registry.Open(t.TempDir(), Check)
	if err != nil {
		t.Fatal(err)
	}
	model := saved(t, t.TempDir(), "model.gguf", seeing())
	e, err := Import(ctx, lib, model, registry.Link, registry.ImportOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lib.Attach(ctx, e.Name, saved(t, t.TempDir(), "mmproj.gguf", tiny.Vision("gemma3")), registry.Link, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chtimes(model, time.Time{}, time.Now().Add(-time.Hour)), e.Unchanged(ctx, nil)); err != nil {
		t.Fatal(err)
	}
	if e, err = lib.Find(e.Name); err != nil || e.Projector == nil {
		t.Errorf("%+v, %v", e, err)
	}
}
