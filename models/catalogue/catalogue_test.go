package catalogue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/defaults"
	"soberano/models/download"
	"soberano/models/gguf"
	"soberano/models/registry"
)

// TestCatalogue checks the list of the program.
func TestCatalogue(t *testing.T) {
	list, err := Models()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 3 {
		t.Errorf("%d models", len(list))
	}
	for _, m := range list {
		if m.Host() != "huggingface.co" || !strings.HasPrefix(m.Page(), "https://huggingface.co/") || strings.Contains(m.Page(), "resolve") {
			t.Errorf("%s: the page is %s", m.Name, m.Page())
		}
		revision := strings.Split(strings.TrimPrefix(m.URL, m.Page()+"/resolve/"), "/")[0]
		if _, err := hex.DecodeString(revision); err != nil || len(revision) != 40 {
			t.Errorf("%s: %q is no revision", m.Name, revision)
		}
		if !slices.Contains([]string{"Apache-2.0", "MIT"}, m.Info.Licence) {
			t.Errorf("%s: the licence %s is not one that allows any use", m.Name, m.Info.Licence)
		}
		if found, ok := Find(strings.ToUpper(m.Name)); !ok || found.URL != m.URL {
			t.Errorf("%s is not found", m.Name)
		}
	}
	if _, ok := Find("none"); ok {
		t.Error("found what is not there")
	}
}

// TestIncluded compares the entries of models that make fetches with what the program knows of these, and with their files where they are there.
func TestIncluded(t *testing.T) {
	compared := 0
	for _, d := range defaults.Models {
		m, ok := Find(d.Name)
		if !ok {
			continue
		}
		compared++
		if m.SHA256 != d.SHA256 || m.Info.Licence != d.Licence || m.Info.Title != d.Title || m.Options().Note != d.Note || m.Options().Sampling != d.Sampling {
			t.Errorf("%s differs: %+v", d.Name, m)
		}
		path, err := d.Path()
		if err != nil {
			t.Fatal(err)
		}
		got, err := registry.Inspect(path, nil)
		if errors.Is(err, os.ErrNotExist) || err != nil && os.Getenv("SOBERANO_REQUIRE_MODELS") == "" {
			continue
		}
		got.Title, got.Licence = m.Info.Title, m.Info.Licence // which the import sets
		if err != nil || got != m.Info {
			t.Errorf("%s: the file says %+v (%v), the catalogue %+v", d.Name, got, err, m.Info)
		}
	}
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// TestParse plants each fault that an entry can have.
func TestParse(t *testing.T) {
	list, err := Models()
	if err != nil {
		t.Fatal(err)
	}
	speech, ok := Find("whisper-small")
	if !ok {
		t.Fatal("the speech model is missing")
	}
	for name, spoil := range map[string]func(*Model){
		"no hash": func(m *Model) { m.SHA256 = "" }, "a short hash": func(m *Model) { m.SHA256 = m.SHA256[2:] }, "no hexadecimal digits": func(m *Model) { m.SHA256 = strings.Repeat("z", 64) },
		"capital letters": func(m *Model) { m.SHA256 = strings.ToUpper(m.SHA256) },
		"no size":         func(m *Model) { m.Info.Bytes = 0 }, "no licence": func(m *Model) { m.Info.Licence = "" }, "no title": func(m *Model) { m.Info.Title = "" },
		"no purpose": func(m *Model) { m.Purpose = "" }, "no name": func(m *Model) { m.Name = "" }, "a name of another form": func(m *Model) { m.Name = "Two Words" },
		"no encryption": func(m *Model) { m.URL = strings.Replace(m.URL, "https", "http", 1) }, "a query": func(m *Model) { m.URL += "?download=true" }, "no address": func(m *Model) { m.URL = "" },
		"a kind without use": func(m *Model) { m.Info.Kind = registry.Embedding }, "no layers": func(m *Model) { m.Info.Layers = 0 }, "twice": func(m *Model) { m.Name = list[1].Name },
		"the same file twice": func(m *Model) { m.URL = list[1].URL },
	} {
		spoiled := slices.Clone(list)
		spoil(&spoiled[0])
		b, err := json.Marshal(spoiled)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(b); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := parse([]byte(`[{"label": "x"}]`)); err == nil {
		t.Error("an unknown field is accepted")
	}
	if err := speech.check(); err != nil {
		t.Errorf("a speech model needs no layers: %v", err)
	}
}

// TestGet downloads a model into a library. When the import fails, the file is kept, and is not fetched again.
func TestGet(t *testing.T) {
	var file bytes.Buffer
	meta := models.Metadata{"general.architecture": "llama", "llama.context_length": uint64(256), "llama.block_count": uint64(1), "llama.embedding_length": uint64(4),
		"llama.attention.head_count": uint64(1), "tokenizer.ggml.model": "gpt2"}
	if err := gguf.Write(&file, meta, []models.Tensor{{Name: "token_embd.weight", Type: quant.F32, Shape: []int{2, 4}, Data: bytes.Repeat([]byte{1}, 32)}}); err != nil {
		t.Fatal(err)
	}
	b := file.Bytes()
	sum := sha256.Sum256(b)
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write(b) // the test looks at what arrives
	}))
	defer s.Close()
	m := Model{Name: "small", URL: s.URL + "/x/resolve/1/small.gguf", SHA256: hex.EncodeToString(sum[:]), Info: registry.Info{Title: "Small", Licence: "MIT", Bytes: int64(len(b))}}
	l, err := registry.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &download.Fetcher{Folder: l.Downloads()}
	broken := errors.New("broken")
	if _, err := Get(t.Context(), failing{broken}, d, m, nil, nil); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	e, err := Get(t.Context(), l, d, m, nil, nil)
	if err != nil || asked != 1 || e.Name != "small" || e.Title != "Small" || e.Licence != "MIT" || e.Linked {
		t.Errorf("%+v, %v after %d requests", e, err, asked)
	}
	if err := l.Verify(t.Context(), "small", nil); err != nil {
		t.Error(err)
	}
	if list, _ := os.ReadDir(filepath.Clean(l.Downloads())); len(list) != 0 {
		t.Errorf("there is still %v", list)
	}
	entries, _ := l.List()
	if got, ok := m.In(entries); !ok || got.Name != "small" {
		t.Error("the library has it, and it is not found there")
	}
	entries[0].Files[0].SHA256 = "" // of a file that was not read yet
	if _, ok := m.In(entries); !ok {
		t.Error("a file of that size is not found")
	}
	entries[0].Files[0].Bytes++
	if _, ok := m.In(entries); ok {
		t.Error("a file of another size is found")
	}
	if _, ok := m.In(nil); ok {
		t.Error("found in an empty library")
	}
}

type failing struct{ err error }

func (f failing) Import(context.Context, string, registry.How, registry.ImportOptions, func(done, total int64)) (registry.Entry, error) {
	return registry.Entry{}, f.err
}
