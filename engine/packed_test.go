package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"soberano/engine/arch/tiny"
	"soberano/engine/sample"
)

// TestPackedExperts checks that repacked experts are found again, in the order in which they were loaded.
func TestPackedExperts(t *testing.T) {
	for _, kind := range []string{"mixtral", "lfm2moe"} {
		path, dir := tiny.New(kind).Write(t), filepath.Join(t.TempDir(), "packed")
		var answers []string
		var written []os.FileInfo
		for _, d := range []string{"", dir, dir} {
			answers = append(answers, answerPacked(t, path, d))
			files, err := filepath.Glob(filepath.Join(dir, "*.packed"))
			if err != nil || len(files) != min(1, len(answers)-1) {
				t.Fatalf("%s: files %v, %v", kind, files, err)
			}
			for _, f := range files {
				info, err := os.Stat(f)
				if err != nil {
					t.Fatal(err)
				}
				written = append(written, info)
			}
		}
		if answers[0] != answers[1] || answers[0] != answers[2] {
			t.Errorf("%s: %q", kind, answers)
		}
		if len(written) != 2 || !os.SameFile(written[0], written[1]) {
			t.Errorf("%s: the file was written again", kind)
		}
	}
}

// TestPacked checks that the first run writes repacked weights and that the next run gives the same answer with them;
// a damaged file, a changed model and a folder that can't be written must do no harm.
func TestPacked(t *testing.T) {
	path, dir := tiny.New("llama").Write(t), filepath.Join(t.TempDir(), "packed")
	answer := func(dir string) string {
		t.Helper()
		return answerPacked(t, path, dir)
	}
	files := func() []string {
		t.Helper()
		f, err := filepath.Glob(filepath.Join(dir, "*.packed"))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	want := answer("")
	if got := answer(dir); got != want || len(files()) != 1 {
		t.Fatalf("%q, want %q; files %v", got, want, files())
	}
	before, err := os.Stat(files()[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(dir); got != want {
		t.Fatalf("from the file: %q, want %q", got, want)
	}
	if after, err := os.Stat(files()[0]); err != nil || !os.SameFile(before, after) {
		t.Error("the file was written again")
	}
	if err := os.Truncate(files()[0], before.Size()/2); err != nil {
		t.Fatal(err)
	}
	if got := answer(dir); got != want || len(files()) != 1 {
		t.Fatalf("from half a file: %q, want %q", got, want)
	}
	if after, err := os.Stat(files()[0]); err != nil || after.Size() != before.Size() {
		t.Error("half a file was not replaced")
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := answer(dir); got != want || len(files()) != 2 {
		t.Fatalf("a model that was changed: %q, want %q; files %v", got, want, files())
	}
	if got := answer(filepath.Join(path, "no folder")); got != want {
		t.Fatalf("without a folder: %q, want %q", got, want)
	}
}

// answerPacked opens the model at path with repacked weights in dir, "" for none, and returns its
// greedy answer to a fixed prompt.
func answerPacked(t *testing.T, path, dir string) string {
	t.Helper()
	m, err := openFile(path, settings{Threads: 2, Packed: dir})
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := collect(m, context.Background(), Request{Tokens: []int32{5, 6, 7}, MaxTokens: 20, Sampling: sample.Params{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil { // Close waits until the file has been written
		t.Fatal(err)
	}
	return text
}
