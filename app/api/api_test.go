package api

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"soberano/app/host"
	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/engine/sample"
	"soberano/engine/serve"
	"soberano/models/registry"
)

// catalogOf returns a catalog of tiny models, the paths of which are given.
func catalogOf(t *testing.T, budget int64, paths ...string) *Catalog {
	t.Helper()
	h := host.New(host.Options{Budget: budget})
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	c := NewCatalog(h)
	c.Entries = func() (list []registry.Entry) {
		for _, path := range paths {
			e, err := registry.Resolve(nil, path, host.Check)
			if err != nil {
				t.Error(err)
			}
			list = append(list, e)
		}
		return list
	}
	c.Chosen = func(registry.Kind) string { return "" }
	c.Settings = func(registry.Entry) host.Settings { return host.Settings{Threads: 1} }
	return c
}

// write writes a tiny model under a name.
func write(t *testing.T, kind, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".gguf")
	if err := os.Rename(tiny.New(kind).Write(t), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCatalog checks which model a request gets, and that models of several kinds are open at the same time.
func TestCatalog(t *testing.T) {
	c := catalogOf(t, host.Unlimited, write(t, "bert", "embeds"), write(t, "qwen3", "first"), write(t, "llama", "second"), write(t, "qwen3-rank", "ranks"))
	list, err := c.List()
	if err != nil || len(list) != 4 || list[0].ID != "first" || list[0].Kind != serve.Chat || list[2].Kind != serve.Embedding || list[3].Kind != serve.Reranker {
		t.Fatalf("%+v, %v", list, err)
	}
	c.Chosen = func(registry.Kind) string { return "second" }
	if list, _ := c.List(); list[0].ID != "second" || list[1].ID != "first" {
		t.Errorf("the chosen model is not the first: %+v", list)
	}
	for name, want := range map[string]string{"": "second", "first": "first"} {
		l, err := c.Chat(t.Context(), name, serve.Beside{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Free()
		requests(t, c, l.Model)
		if l.About.ID != want {
			t.Errorf("%q gives %q", name, l.About.ID)
		}
	}
	all := c.Entries
	c.Entries = func() []registry.Entry {
		list := all()
		list[1].Aliases = []registry.Alias{{Name: "mine:latest"}}
		list[2].Name = "second-7b-q4"
		return list
	}
	for name, want := range map[string]string{"mine:latest": "first", "second:q4": "second-7b-q4", "second": "second-7b-q4"} {
		if e, err := c.find(registry.Chat, name); err != nil || e.Name != want {
			t.Errorf("%q is %q, %v; expected %q", name, e.Name, err, want)
		}
	}
	if err := chat(c, "econd"); err == nil { // part of a name
		t.Error("a part of a name was taken for it")
	}
	c.Entries = all
	e, err := c.Encoder(t.Context(), serve.Embedding, "")
	if err != nil || e.About.ID != "embeds" {
		t.Fatalf("%+v, %v", e, err)
	}
	defer e.Free()
	for _, wrong := range []struct {
		err   error
		cause serve.Cause
	}{{chat(c, "embeds"), serve.WrongKind}, {chat(c, "nothing"), serve.Unknown}, {transcribe(c), serve.Unknown}} {
		if m, ok := errors.AsType[*serve.ModelError](wrong.err); !ok || m.Cause != wrong.cause {
			t.Errorf("%v, expected the cause %v", wrong.err, wrong.cause)
		}
	}
	small := catalogOf(t, 1000, write(t, "llama", "large"))
	if m, ok := errors.AsType[*serve.ModelError](chat(small, "")); !ok || m.Cause != serve.Unavailable {
		t.Errorf("without memory: %v", m)
	}
}

// requests checks that the requests of a model that is asked are counted while it answers, and no longer.
func requests(t *testing.T, c *Catalog, m serve.Generator) {
	t.Helper()
	counted := 0
	for _, err := range m.Generate(t.Context(), engine.Request{Prompt: "a", N: engine.MaxChoices, Sampling: sample.Params{Temperature: 1}}) {
		if err != nil {
			t.Error(err)
		}
		if _, counted = c.Requests(); counted > 0 {
			break
		}
	}
	if waiting, running := c.Requests(); counted == 0 || waiting != 0 || running != 0 {
		t.Errorf("%d answers were under way; afterwards %d wait and %d are", counted, waiting, running)
	}
}

func chat(c *Catalog, name string) error {
	l, err := c.Chat(context.Background(), name, serve.Beside{})
	if err == nil {
		l.Free()
	}
	return err
}

func transcribe(c *Catalog) error {
	_, err := c.Transcribe(context.Background(), "", serve.Recording{})
	return err
}

// TestKey checks that the key is made once, can be replaced, and is readable by the user only.
func TestKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	key, made, err := Key(dir)
	if err != nil || !made || len(key) < 40 {
		t.Fatalf("%q %v %v", key, made, err)
	}
	path := filepath.Join(dir, KeyFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if again, made, err := Key(dir); again != key || made || err != nil {
		t.Errorf("%q %v %v", again, made, err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	other, err := NewKey(dir)
	if now, _, _ := Key(dir); err != nil || other == key || now != other {
		t.Errorf("%q, then %q, %v", other, now, err)
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, _, err := Key(dir); err == nil {
		t.Errorf("an empty file is the key %q", key)
	}
}

// TestNewKeyIsTaken checks that a server that is running takes another key, and no longer the earlier one.
func TestNewKeyIsTaken(t *testing.T) {
	dir := t.TempDir()
	first, _, err := Key(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(Options{Address: "127.0.0.1:0", Key: first, Folder: dir, Models: catalogOf(t, host.Unlimited)})
	if err != nil {
		t.Fatal(err)
	}
	status := func(key string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/v1/models", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if n := status(first); n != http.StatusOK {
		t.Fatalf("status %d", n)
	}
	second, err := NewKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); status(second) != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new key is not taken")
		}
	}
	if n := status(first); n != http.StatusUnauthorized {
		t.Errorf("status %d with the earlier key", n)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// TestAddresses checks which addresses only this machine reaches, and the error of one that is taken.
func TestAddresses(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true, "0.0.0.0:1": false, ":1": false, "192.168.0.1:1": false, "[::]:1": false, "desk:1": false} {
		if got, err := Loopback(address); err != nil || got != want {
			t.Errorf("%s: %v, %v", address, got, err)
		}
	}
	s, err := Start(Options{Address: "127.0.0.1:0", Key: "key"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(Options{Address: s.URL()[len("http://"):], Key: "key"})
	if a, ok := errors.AsType[*AddressError](err); !ok || !a.Taken {
		t.Errorf("%v", err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := Start(Options{Address: "256.0.0.1:1", Key: "key"}); err == nil {
		t.Error("an address that does not exist was listened on")
	}
}

// TestBeside checks the names of adapters and draft models, and that those that do not fit are refused, without a lease that remains.
func TestBeside(t *testing.T) {
	llama := tiny.New("llama")
	c := catalogOf(t, host.Unlimited, write(t, "llama", "first"), write(t, "llama", "second"), write(t, "qwen2", "other"))
	c.Chosen = func(registry.Kind) string { return "first" }
	c.Adapters = []Adapter{{"mine", llama.Adapter(4, 8, 1).Write(t)}, {"yours", llama.Adapter(4, 8, 2).Write(t)}, {"gone", filepath.Join(t.TempDir(), "none.gguf")}}
	list, err := c.List()
	if err != nil || len(list) != 6 || list[3].ID != "mine" || list[3].Base != "first" || list[3].Kind != serve.Chat {
		t.Errorf("%+v, %v", list, err)
	}
	for name, base := range map[string]string{"second": "", "mine": "first", "second:mine": "second"} {
		if m, err := c.Named(name); err != nil || m.ID != name || m.Base != base {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	for _, name := range []string{"none", "none:mine", "second:none", ""} {
		if m, err := c.Named(name); err == nil {
			t.Errorf("%q: %+v", name, m)
		}
	}
	one := func(id string) serve.Beside {
		return serve.Beside{Adapters: []serve.AdapterChoice{{ID: id, Scale: 0.5}}}
	}
	for _, w := range []struct {
		name  string
		with  serve.Beside
		uses  int
		base  string // "": refused
		cause serve.Cause
	}{
		{"", serve.Beside{}, 0, "", 0}, {"mine", serve.Beside{}, 1, "first", 0}, {"second:mine", serve.Beside{}, 1, "second", 0}, {"first", one("yours"), 1, "", 0}, {"mine", one("1"), 1, "first", 0},
		{"second", serve.Beside{Draft: "first"}, 0, "", 0}, {"mine", serve.Beside{Draft: "second"}, 1, "first", 0},
		{"other:mine", serve.Beside{}, 0, "", serve.WrongAdapter}, {"first", one("3"), 0, "", serve.WrongAdapter}, {"first", one("-1"), 0, "", serve.WrongAdapter}, {"none:mine", serve.Beside{}, 0, "", serve.Unknown},
		{"mine:mine", serve.Beside{}, 0, "", serve.Unknown}, {":mine", serve.Beside{}, 0, "", serve.Unknown}, {"gone", serve.Beside{}, 0, "", serve.WrongAdapter},
		{"first", serve.Beside{Draft: "first"}, 0, "", serve.WrongDraft}, {"first", serve.Beside{Draft: "none"}, 0, "", serve.WrongDraft}, {"first", serve.Beside{Draft: "mine"}, 0, "", serve.WrongDraft},
	} {
		l, err := c.Chat(t.Context(), w.name, w.with)
		if m, ok := errors.AsType[*serve.ModelError](err); err != nil && (!ok || w.cause != m.Cause) || err == nil && w.cause != 0 {
			t.Errorf("%q %+v: %v", w.name, w.with, err)
		}
		if err != nil {
			continue
		}
		if len(l.Adapters) != w.uses || l.About.Base != w.base || (l.Draft != nil) != (w.with.Draft != "") || w.name != "" && l.About.ID != w.name {
			t.Errorf("%q %+v: %+v", w.name, w.with, l)
		}
		ctx, end := l.Within(t.Context())
		for _, err := range l.Model.Generate(ctx, engine.Request{Prompt: "a", MaxTokens: 2, Adapters: l.Adapters, Draft: l.Draft}) {
			if err != nil {
				t.Errorf("%q %+v: %v", w.name, w.with, err)
			}
		}
		end()
		l.Free()
	}
	for _, m := range c.host.Loaded() {
		if m.Users != 0 {
			t.Errorf("%+v is in use", m)
		}
	}
}

// TestAdapterMemory checks that an adapter is counted with its model, once, and refused if there is no memory for it.
func TestAdapterMemory(t *testing.T) {
	c := catalogOf(t, host.Unlimited, write(t, "llama", "first"))
	c.Adapters = []Adapter{{"mine", tiny.New("llama").Adapter(4, 8, 1).Write(t)}}
	bytes := func(name string) int64 {
		l, err := c.Chat(t.Context(), name, serve.Beside{})
		if err != nil {
			t.Fatal(err)
		}
		l.Free()
		return c.host.Loaded()[0].Bytes
	}
	plain, with := bytes(""), bytes("mine")
	if again := bytes("mine"); with <= plain || again != with {
		t.Errorf("%d bytes, with an adapter %d, then %d", plain, with, again)
	}
	c.host.SetBudget(with)
	c.Adapters = append(c.Adapters, Adapter{"more", tiny.New("llama").Adapter(4, 8, 2).Write(t)})
	if _, err := c.Chat(t.Context(), "more", serve.Beside{}); err == nil {
		t.Error("an adapter is loaded without memory")
	} else if m, ok := errors.AsType[*serve.ModelError](err); !ok || m.Cause != serve.Unavailable {
		t.Error(err)
	}
	if now := bytes("mine"); now != with {
		t.Errorf("%d bytes after a refusal, %d before", now, with)
	}
}
