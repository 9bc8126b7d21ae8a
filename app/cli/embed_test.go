package cli

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
)

// TestEmbed checks that each text is a line of JSON with a vector of length 1, whether it is given as text, by standard input or as tokens.
func TestEmbed(t *testing.T) {
	home(t)
	path := tiny.New("bert").Write(t)
	read := func(out string) (vectors [][]float64) {
		t.Helper()
		for line := range strings.Lines(out) {
			var v struct{ Embedding []float64 }
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			length := 0.0
			for _, x := range v.Embedding {
				length += x * x
			}
			if len(v.Embedding) != tiny.Dim || math.Abs(length-1) > 1e-4 {
				t.Errorf("%d values, squares sum to %v", len(v.Embedding), length)
			}
			vectors = append(vectors, v.Embedding)
		}
		return vectors
	}
	out, code := verb(t, "from input", "embed", "-m", path, "first", "-", "first")
	vectors := read(out)
	if code != 0 || len(vectors) != 3 || vectors[0][5] != vectors[2][5] || vectors[0][5] == vectors[1][5] {
		t.Errorf("%d: %s", code, out)
	}
	first, code := verb(t, "", "embed", "-m", path, "--exact", "--json", "ab")
	second, _ := verb(t, "", "embed", "-m", path, "--exact", "--tokens", "1,259,100,101")
	if code != 0 || first != second || len(read(first)) != 1 {
		t.Errorf("%d: %s and %s", code, first, second)
	}
}

// TestRerank checks the scores of a reranker, with their labels, of texts and of tokens.
func TestRerank(t *testing.T) {
	home(t)
	path := tiny.New("bert-labels").Write(t)
	out, code := verb(t, "", "rerank", "-m", path, "--json", "query", "document")
	var got struct {
		Scores []float64
		Labels []string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || len(got.Scores) != 3 || strings.Join(got.Labels, " ") != "no perhaps yes" {
		t.Errorf("%d: %s, %v", code, out, err)
	}
	if out, code := verb(t, "", "rerank", "-m", path, "query", "document"); code != 0 || strings.Count(out, "\n") != 3 || !strings.Contains(out, "perhaps") {
		t.Errorf("%d: %s", code, out)
	}
	if out, code := verb(t, "", "rerank", "-m", path, "--json", "--tokens", "1,100,101"); code != 0 || !strings.Contains(out, `"scores":[`) {
		t.Errorf("%d: %s", code, out)
	}
}

// TestWrongKind checks that a command names the kind of a model that it does not take, what it needs, and the command that takes it.
func TestWrongKind(t *testing.T) {
	home(t)
	chat, embeds, ranks := tiny.New("llama").Write(t), tiny.New("modern-bert").Write(t), tiny.New("qwen3-rank").Write(t)
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"embed", "-m", chat, "x"}, 2, []string{"is a chat model", "`soberano chat`", "needs an embedding model"}},
		{[]string{"embed", "-m", ranks, "x"}, 2, []string{"is a reranker", "`soberano rerank`"}},
		{[]string{"rerank", "-m", embeds, "x", "y"}, 2, []string{"is an embedding model", "needs a reranker"}},
		{[]string{"chat", "-m", embeds, "-p", "x"}, 2, []string{"is an embedding model", "`soberano embed`", "needs a chat model"}},
		{[]string{"logits", "-m", embeds, "-p", "x"}, 2, []string{"is an embedding model"}},
		{[]string{"bench", "-m", embeds}, 2, []string{"is an embedding model"}},
		{[]string{"transcribe", "-m", embeds, chat}, 2, []string{"is an embedding model", "needs a speech model"}},
		{[]string{"embed", "x"}, 1, []string{"needs an embedding model", "soberano models import FILE"}},
		{[]string{"embed", "-m", embeds}, 2, []string{"texts"}},
		{[]string{"embed", "-m", embeds, "--tokens", "1", "x"}, 2, []string{"either"}},
		{[]string{"embed", "-m", embeds, "--tokens", "-1"}, 2, []string{"-1"}},
		{[]string{"embed", "-m", embeds, "--tokens", "999"}, 1, []string{"999", "vocabulary"}},
		{[]string{"embed", "-m", embeds, strings.Repeat("x", 300)}, 1, []string{"text 1 has", "at most 256"}},
		{[]string{"rerank", "-m", ranks, "x"}, 2, []string{"document is missing"}},
		{[]string{"rerank", "-m", ranks, "x", "y", "z"}, 2, []string{"unexpected"}},
	} {
		out, code := complaint(t, c.args...)
		for _, want := range c.want {
			if code != c.code || !strings.Contains(out, want) {
				t.Errorf("%v: exit code %d, %q; expected %d and %q", c.args, code, out, c.code, want)
			}
		}
	}
	if out, code := verb(t, "", "tokenize", "-m", embeds, "ab"); code != 0 || !strings.Contains(out, "100\n101\n") {
		t.Errorf("%d: %s", code, out)
	}
}

// TestEncodersInLibrary checks that the library lists an encoder with its kind, and that no chat uses it.
func TestEncodersInLibrary(t *testing.T) {
	home(t)
	for name, kind := range map[string]string{"bert": "embedding", "qwen3-embedding": "embedding", "bert-rank": "reranker"} {
		if out, code := verb(t, "", "models", "import", "--name", name, tiny.New(name).Write(t)); code != 0 {
			t.Fatal(out)
		}
		if out, code := verb(t, "", "models", "show", name); code != 0 || !strings.Contains(out, kind+" (") || strings.Contains(out, "chat template") {
			t.Errorf("%s: %s", name, out)
		}
	}
	if out, code := verb(t, "", "models", "list"); code != 0 || strings.Count(out, "embedding") < 2 || !strings.Contains(out, "reranker") {
		t.Errorf("%d: %s", code, out)
	}
	if out, code := complaint(t, "chat", "-p", "x"); code != 1 || !strings.Contains(out, "needs a chat model") {
		t.Errorf("%d: %s", code, out)
	}
	if out, code := verb(t, "", "embed", "x"); code != 0 || !strings.Contains(out, `{"embedding":[`) {
		t.Errorf("%d: %s", code, out)
	}
	if out, code := verb(t, "", "doctor"); code != 0 || !strings.Contains(out, "bert-rank is intact, a reranker") || !strings.Contains(out, "bert is intact, an embedding model") {
		t.Errorf("%d: %s", code, out)
	}
}

// complaint returns the error text and the exit code of a command.
func complaint(t *testing.T, args ...string) (string, int) {
	t.Helper()
	root := command(nil)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	root.SetIn(strings.NewReader(""))
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	if err == nil {
		return "", 0
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return errorText(err), 2
	}
	return errorText(err), 1
}
