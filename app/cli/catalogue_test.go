package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"soberano/engine/arch/tiny"
	"soberano/models/catalogue"
	"soberano/models/registry"
)

func TestCatalogue(t *testing.T) {
	home(t)
	out, code := verb(t, "", "models", "catalogue")
	if code != 0 || !strings.Contains(out, "qwen3-4b") || !strings.Contains(out, "Apache-2.0") || !strings.Contains(out, "2.5 GB") {
		t.Errorf("%d: %s", code, out)
	}
	out, code = verb(t, "", "models", "catalogue", "--json")
	var list []offered
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list) < 3 || list[0].Page == "" || list[0].Library != "" {
		t.Errorf("%d, %v: %s", code, err, out)
	}
}

// Without --yes no connection is opened, and the error says what it would be.
func TestGetAsksFirst(t *testing.T) {
	home(t)
	for args, want := range map[string]string{"Qwen3-4B whisper-small": "this opens a connection to huggingface.co", "nosuch --yes": `the catalogue has no model named "nosuch"`} {
		root := command(nil)
		root.SetArgs(append([]string{"models", "get"}, strings.Fields(args)...))
		_, err := root.ExecuteContextC(t.Context())
		if _, usage := errors.AsType[usageError](err); !usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	list, err := catalogue.Models()
	if err != nil {
		t.Fatal(err)
	}
	if got := consent(list[:2]); !strings.Contains(got, list[1].Page()+" (Apache-2.0)") || !strings.Contains(got, "1.6 GB") {
		t.Error(got)
	}
}

// TestGet downloads from a server of the test, and then knows that the library has the model.
func TestGet(t *testing.T) {
	home(t)
	b, err := tiny.New("llama").Bytes()
	if err != nil {
		t.Fatal(err)
	}
	found := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !found {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(b) // the test looks at what arrives
	}))
	defer s.Close()
	sum := sha256.Sum256(b)
	m := catalogue.Model{Name: "small", URL: s.URL + "/x/resolve/1/small.gguf", SHA256: hex.EncodeToString(sum[:]), Info: registry.Info{Title: "Small", Licence: "MIT", Bytes: int64(len(b))}}
	lib, err := openLibrary()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := &cobra.Command{}
	cmd.SetOut(&out)
	cmd.SetContext(t.Context())
	found = false
	if err := get(cmd, lib, m); errorText(err) != "127.0.0.1 does not have this file any more. Choose another model." {
		t.Error(errorText(err))
	}
	found = true
	for range 2 {
		if err := get(cmd, lib, m); err != nil {
			t.Fatal(err)
		}
	}
	if want := "Small is in the library as small.\nSmall is in the library already, as small.\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
	if out, code := verb(t, "", "models", "verify", "small"); code != 0 || !strings.Contains(out, "small: intact") {
		t.Errorf("%d: %s", code, out)
	}
}
