package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"soberano/models"
)

// TestTake imports a file that the caller then deletes: it is not written again on the library's disk, and copied where there can be no second link.
func TestTake(t *testing.T) {
	for _, linked := range []bool{true, false} {
		l, err := Open(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		path := save(t, t.TempDir(), "model.gguf", chatModel(t, 1, 4096, nil))
		if !linked {
			interrupted = func(op, _ string) error {
				if op == "link" {
					return errors.ErrUnsupported
				}
				return nil
			}
		}
		e := mustImport(t, l, path, Take, ImportOptions{Name: "taken"})
		interrupted = nil
		before, err := os.Stat(path)
		after, failed := os.Stat(e.Path())
		if err != nil || failed != nil || os.SameFile(before, after) != linked || e.Linked {
			t.Errorf("%v, %v: the same file %v, want %v", err, failed, os.SameFile(before, after), linked)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		mustVerify(t, l, "taken")
		again := save(t, t.TempDir(), "again.gguf", chatModel(t, 1, 4096, nil))
		if e := mustImport(t, l, again, Take, ImportOptions{}); e.Name != "taken" {
			t.Errorf("the same content is imported twice, as %s", e.Name)
		}
		if err := os.MkdirAll(l.Downloads(), 0o755); err != nil {
			t.Fatal(err)
		}
		if entries, broken := l.List(); len(entries) != 1 || len(broken) > 0 {
			t.Errorf("the folder of downloads is in the way: %v, %v", entries, broken)
		}
	}
}

func TestCopy(t *testing.T) {
	l, dir := library(t), t.TempDir()
	path := save(t, dir, "Tiny-Llama.Q8_0.gguf", chatModel(t, 1, 1<<16, nil))
	var steps []int64
	e, err := l.Import(context.Background(), path, Copy, ImportOptions{}, func(done, total int64) {
		if steps = append(steps, done); done > total || total != e0(t, path) {
			t.Errorf("progress %d of %d", done, total)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(steps) || steps[len(steps)-1] != e0(t, path) {
		t.Errorf("progress %v", steps)
	}
	if e.Name != "tiny-llama.q8_0" || e.Title != "Tiny Llama" || e.Linked || !strings.HasPrefix(e.Path(), l.dir) {
		t.Errorf("%+v", e)
	}
	if err := os.Remove(path); err != nil { // the library must not need the original
		t.Fatal(err)
	}
	mustVerify(t, l, e.Name)
	f, err := Read(e.Path())
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	found, err := l.Find(e.Name)
	if err != nil || found.Path() != e.Path() || !reflect.DeepEqual(found.Info, e.Info) || found.Sampling != e.Sampling {
		t.Errorf("found %+v, %v", found, err)
	}
	if err := l.Remove(e.Name); err != nil {
		t.Fatal(err)
	}
	mustHold(t, l)
	if _, err := l.Find(e.Name); !errors.Is(err, models.ErrNotFound) {
		t.Error(err)
	}
}

// e0 returns the size of a file.
func e0(t testing.TB, path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func TestLink(t *testing.T) {
	l, dir := library(t), t.TempDir()
	path := save(t, dir, "a.gguf", chatModel(t, 1, 4096, nil))
	e := mustImport(t, l, path, Link, ImportOptions{Name: "mine", Title: "Mine", Note: "small", Included: true, Sampling: Sampling{Temperature: 0.2}})
	if e.Path() != path || !e.Linked || e.Name != "mine" || e.Title != "Mine" || e.Note != "small" || !e.Included || e.Sampling.Temperature != 0.2 {
		t.Errorf("%+v", e)
	}
	mustVerify(t, l, "mine")

	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := map[string]func(){
		"has changed since it was imported": func() { b[len(b)-1] ^= 1; save(t, dir, "a.gguf", b) },
		"bytes, but had":                    func() { save(t, dir, "a.gguf", b[:100]) },
		"is no longer at":                   func() { os.Remove(path) },
	}
	for _, want := range []string{"has changed since it was imported", "bytes, but had", "is no longer at"} {
		wrong[want]()
		if err := l.Verify(context.Background(), "mine", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, got %v", want, err)
		}
	}
	save(t, dir, "a.gguf", b)
	if err := l.Remove("mine"); err != nil {
		t.Fatal(err)
	}
	if !exists(path) {
		t.Error("removing the model deleted a linked file")
	}
	mustHold(t, l)
}

// The name of a file may be any bytes: a model whose file has a name that is not UTF-8 is found again after a restart.
func TestNameNotUTF8(t *testing.T) {
	l, dir := library(t), t.TempDir()
	path := filepath.Join(dir, "bad\xff\xfe.gguf")
	if err := os.WriteFile(path, chatModel(t, 1, 4096, nil), 0o600); err != nil {
		t.Skip("this file system refuses such names: ", err)
	}
	mustImport(t, l, path, Link, ImportOptions{Name: "linked"})
	copied := filepath.Join(dir, "copied\xff.gguf")
	if err := os.WriteFile(copied, chatModel(t, 2, 4096, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	mustImport(t, l, copied, Copy, ImportOptions{Name: "copied"})
	for _, name := range []string{"linked", "copied"} {
		e, err := l.load(name)
		if err != nil || name == "linked" && e.Path() != path || !exists(e.Path()) {
			t.Errorf("%s: %q, %v", name, e.Path(), err)
		}
		mustVerify(t, l, name)
	}
}

func TestTwinsAndNames(t *testing.T) {
	l, dir := library(t), t.TempDir()
	a := chatModel(t, 1, 4096, nil)
	one := mustImport(t, l, save(t, dir, "a.gguf", a), Copy, ImportOptions{})
	again := mustImport(t, l, save(t, dir, "b.gguf", a), Copy, ImportOptions{Name: "other"})
	linked := mustImport(t, l, filepath.Join(dir, "b.gguf"), Link, ImportOptions{})
	if again.Name != one.Name || linked.Name != one.Name {
		t.Errorf("the same content became %q, %q and %q", one.Name, again.Name, linked.Name)
	}
	other := mustImport(t, l, save(t, dir, "a.gguf", chatModel(t, 2, 4096, nil)), Copy, ImportOptions{})
	third := mustImport(t, l, save(t, dir, "A.gguf", chatModel(t, 3, 4096, nil)), Link, ImportOptions{})
	if other.Name != "a-2" || third.Name != "a-3" {
		t.Errorf("names %q, %q", other.Name, third.Name)
	}
	mustHold(t, l, "a", "a-2", "a-3")
	if _, err := l.Import(context.Background(), filepath.Join(dir, "a.gguf"), Copy, ImportOptions{Name: "../x"}, nil); err == nil {
		t.Error("a name with a path was taken")
	}
	// An entry whose linked file is missing is not a duplicate: the model can be imported again.
	if err := os.Remove(filepath.Join(dir, "A.gguf")); err != nil {
		t.Fatal(err)
	}
	if e := mustImport(t, l, save(t, dir, "moved.gguf", chatModel(t, 3, 4096, nil)), Link, ImportOptions{}); e.Name != "moved" {
		t.Errorf("became %q", e.Name)
	}
}

// TestBrokenEntries checks that a broken entry does not prevent the others from being listed.
func TestBrokenEntries(t *testing.T) {
	l := library(t)
	mustImport(t, l, save(t, t.TempDir(), "good.gguf", chatModel(t, 1, 4096, nil)), Copy, ImportOptions{})
	broken := map[string]string{
		"empty": "", "nothing": "-", "nojson": "{", "foreign": `{"name":"other","files":[{"path":"files/a"}]}`, "nofiles": `{"name":"nofiles"}`,
		"outside": `{"name":"outside","files":[{"path":"../../a"}]}`, "absolute": `{"name":"absolute","files":[{"path":"/etc/passwd"}]}`,
		"relative": `{"name":"relative","linked":true,"files":[{"path":"a"}]}`, "huge": strings.Repeat(" ", maxEntry+1),
	}
	for name, text := range broken {
		if err := os.Mkdir(filepath.Join(l.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if text != "-" {
			save(t, filepath.Join(l.dir, name), entryFile, []byte(text))
		}
	}
	save(t, l.dir, "stray.txt", nil)
	entries, errs := l.List()
	if len(entries) != 1 || entries[0].Name != "good" || len(errs) != len(broken) {
		t.Errorf("%d entries, errors %v", len(entries), errs)
	}
	for name := range broken {
		if _, err := l.Find(name); err == nil || !strings.Contains(err.Error(), "broken entry") {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.Remove(name); err != nil {
			t.Error(err)
		}
	}
	if _, errs := l.List(); len(errs) != 0 {
		t.Error(errs)
	}
}

func TestCancel(t *testing.T) {
	l := library(t)
	path := save(t, t.TempDir(), "a.gguf", chatModel(t, 1, 8<<20, nil))
	ctx, cancel := context.WithCancel(context.Background())
	_, err := l.Import(ctx, path, Copy, ImportOptions{}, func(done, _ int64) {
		if done > 2<<20 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	mustHold(t, l)
}

// TestSweep checks that Open removes temporary folders of ended processes and no others.
func TestSweep(t *testing.T) {
	root := t.TempDir()
	l, err := Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	alive, err := l.begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for name, locked := range map[string]bool{".tmp-1": false, ".tmp-2": true, ".tmp-removed-3": false} {
		dir := filepath.Join(l.dir, name)
		if err := os.MkdirAll(filepath.Join(dir, "files"), 0o755); err != nil {
			t.Fatal(err)
		}
		if locked {
			save(t, dir, "lock", nil) // the lock file of a process that has ended
		}
	}
	if _, err := Open(root, nil); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" || runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		mustHold(t, l, filepath.Base(alive.dir))
	}
	if err := alive.discard(); err != nil {
		t.Error(err)
	}
	mustHold(t, l)
}

// TestTogether checks that many simultaneous imports of a few contents leave one entry for each content.
func TestTogether(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	var wg sync.WaitGroup
	for i := range 12 {
		path := save(t, dir, strings.Repeat("m", i+1)+".gguf", chatModel(t, byte(1+i%3), 64<<10, nil))
		wg.Go(func() {
			l, err := Open(root, nil)
			if err == nil {
				_, err = l.Import(context.Background(), path, Copy, ImportOptions{Name: "m"}, nil)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	l, err := Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustHold(t, l, "m", "m-2", "m-3")
	for _, name := range []string{"m", "m-2", "m-3"} {
		mustVerify(t, l, name)
	}
}

func TestResolve(t *testing.T) {
	l, dir := library(t), t.TempDir()
	path := save(t, dir, "a.gguf", chatModel(t, 1, 4096, models.Metadata{"general.sampling.temp": 0.6, "general.sampling.top_k": int64(20)}))
	mustImport(t, l, path, Copy, ImportOptions{})
	if e, err := Resolve(l, "a", nil); err != nil || !e.Saved() || e.Name != "a" {
		t.Error(e, err)
	}
	for _, lib := range []*Library{l, nil} {
		e, err := Resolve(lib, path, nil)
		if err != nil || e.Saved() || e.Path() != path || e.Family != "llama" || e.Sampling.TopK != 20 || e.Sampling.Temperature != 0.6 || e.Sampling.TopP != 0.95 {
			t.Error(e, err)
		}
		if _, err := Resolve(lib, "nowhere", nil); !errors.Is(err, models.ErrNotFound) {
			t.Error(err)
		}
	}
}

// TestNames checks that a valid name is made of any file name.
func TestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := slug(rapid.String().Draw(t, "text"))
		if err := checkName(s); err != nil {
			t.Fatal(err)
		}
		if slug(s) != s {
			t.Fatalf("%q becomes %q", s, slug(s))
		}
	})
	for in, want := range map[string]string{"CON": "model-con", "nul.gguf": "model-nul.gguf", "Größe 7B!": "größe-7b", "": "model", "..": "model",
		"千问-7B-对话": "千问-7b-对话", "Привет Мир": "привет-мир", "हिन्दी मॉडल": "हिन्दी-मॉडल", "ＱＷＥＮ２": "qwen2", "Gro\u0308\u00dfe": "größe", "עברית\u202e": "עברית",
		"🦙": "model", "🦙 llama": "llama", "\u0301a": "a", "ﬁne": "fine", "\u3164x": "x", strings.Repeat("字", 100): strings.Repeat("字", 64), "a\xffb": "a-b"} {
		if got := slug(in); got != want {
			t.Errorf("%q became %q, expected %q", in, got, want)
		}
	}
	for _, bad := range []string{"", "A", "a/b", "Ü", "u\u0308", "a\u202eb", "a b", strings.Repeat("字", 80) + "字", "..", ".tmp-x", "con", "a.", strings.Repeat("a", 81)} {
		if checkName(bad) == nil {
			t.Errorf("%q was taken for a name", bad)
		}
	}
}

func TestDataDir(t *testing.T) {
	t.Setenv("SOBERANO_HOME", filepath.FromSlash("/here"))
	if dir, err := DataDir(); err != nil || !filepath.IsAbs(dir) || filepath.Base(dir) != "here" {
		t.Error(dir, err)
	}
	t.Setenv("SOBERANO_HOME", "")
	if runtime.GOOS != "linux" {
		t.Skip("the rest is about Linux")
	}
	t.Setenv("HOME", "/home/x")
	for xdg, want := range map[string]string{"": "/home/x/.local/share/soberano", "/data": "/data/soberano", "relative": "/home/x/.local/share/soberano"} {
		t.Setenv("XDG_DATA_HOME", xdg)
		if dir, err := DataDir(); err != nil || dir != want {
			t.Errorf("%q gives %q, %v", xdg, dir, err)
		}
	}
}
