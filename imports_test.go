// Package soberano has no code of its own: its tests check which package imports which.
package soberano

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list -json` says about a package.
type listed struct {
	ImportPath string
	CgoFiles   []string
	Imports    []string
}

// mayImport lists, for each part of the module, the other parts that it may import.
// Packages of one part may import each other. The longest entry that holds a package applies.
var mayImport = map[string][]string{
	"soberano/app":      {"soberano/engine", "soberano/asr", "soberano/models", "soberano/assets"},
	"soberano/app/api":  {"soberano/app/choice", "soberano/app/host", "soberano/app/problem", "soberano/engine", "soberano/asr", "soberano/models"},
	"soberano/app/host": {"soberano/app/logfile", "soberano/engine", "soberano/asr", "soberano/models", "soberano/kernels"},
	"soberano/app/cli": {"soberano/app/api", "soberano/app/choice", "soberano/app/dictation", "soberano/app/filekind", "soberano/app/search", "soberano/app/host", "soberano/app/locale", "soberano/app/logfile", "soberano/app/problem", "soberano/engine", "soberano/asr",
		"soberano/models", "soberano/assets", "soberano/kernels"},
	"soberano/app/setup/benchgpu":      {"soberano/engine", "soberano/models", "soberano/kernels"},
	"soberano/app/setup/benchquantize": {"soberano/engine", "soberano/models", "soberano/kernels"},
	"soberano/engine":                  {"soberano/models", "soberano/kernels"},
	"soberano/engine/prompt/jinja":     {},
	"soberano/asr":                     {"soberano/engine/token", "soberano/models", "soberano/kernels"},
	"soberano/models":                  {"soberano/kernels/hash", "soberano/kernels/quant"},
	"soberano/kernels":                 {},
	"soberano/assets":                  {},
}

// onlyIn lists packages of other modules, by prefix, and the parts that may import them.
var onlyIn = map[string][]string{
	"fyne.io/":                         {"soberano/app"},
	"github.com/gordonklaus/portaudio": {"soberano/asr/mic"},
	"github.com/go-gl/gl/":             {"soberano/kernels/gl"},
	"github.com/jezek/xgb":             {"soberano/app/dictation"},
	"github.com/go-gl/glfw":            {"soberano/app/window", "soberano/kernels/gl"}, // the window asks whether there is a display before Fyne does
}

// onlyTests are packages that exist for tests; nothing that is linked into a program imports them.
var onlyTests = []string{"testing", "pgregory.net/rapid", "soberano/engine/arch/tiny", "soberano/asr/whisper/convert",
	"soberano/app/ui/uitest", "soberano/kernels/devicetest", "soberano/kernels/gl/gltest"}

// meaningless are folder names that do not say what a package holds.
var meaningless = []string{"util", "utils", "common", "helpers", "pkg", "internal"}

// usesC are the parts that may use cgo.
var usesC = []string{"soberano/app", "soberano/asr/mic", "soberano/kernels/gl"}

// TestImports checks the import rules of the whole module.
func TestImports(t *testing.T) {
	for _, v := range violations(list(t, "./...")) {
		t.Error(v)
	}
}

// TestImportsPlanted gives `go list` a file that is not on disk and breaks the rules; each of its faults must be found.
func TestImportsPlanted(t *testing.T) {
	dir := t.TempDir()
	planted := filepath.Join(dir, "planted.go")
	write(t, planted, []byte("package nn\n\nimport (\n\t_ \"fyne.io/fyne/v2\"\n\t_ \"soberano/app/ui\"\n\t_ \"soberano/engine/arch/tiny\"\n)\n"))
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, "engine", "nn", "planted.go"): planted}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	write(t, file, overlay)
	got := violations(list(t, "-overlay", file, "./engine/nn"))
	if len(got) != 3 {
		t.Errorf("three violations were planted; found:\n%s", strings.Join(got, "\n"))
	}
}

// clients are the ways in which a package could open a connection to another computer.
var clients = regexp.MustCompile(`\bhttp\.(Get|Post|PostForm|Head|Client|DefaultClient|Transport|DefaultTransport|NewRequest\w*)\b|\bnet\.Dial\w*|\b(tls|websocket|rpc|smtp)\.Dial`)

// opensConnections reports whether code could open a connection to another computer; a socket in the file system leads to none.
func opensConnections(code string) bool {
	return clients.MatchString(strings.ReplaceAll(code, `net.Dial("unix", `, ""))
}

// TestOneClient checks that no package but models/download can open a connection to another computer, as README.md says.
func TestOneClient(t *testing.T) {
	found := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == ".git" || path == "build"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err == nil && opensConnections(string(b)) {
			found[filepath.ToSlash(filepath.Dir(path))] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || !found["models/download"] {
		t.Errorf("connections can be opened by %v; only models/download may", found)
	}
	for code, want := range map[string]bool{`http.Get(u)`: true, `&http.Client{}`: true, `net.Dial("tcp", a)`: true, `net.Dial(network, a)`: true, `net.DialTimeout("udp", a, t)`: true,
		`net.Dial("unix", path)`: false, `http.Handler`: false, `net.Listen("tcp", a)`: false} {
		if opensConnections(code) != want {
			t.Errorf("%s: a client is %v", code, !want)
		}
	}
}

// TestViolations checks each rule on a package that breaks it and on one that does not.
func TestViolations(t *testing.T) {
	for _, c := range []struct {
		from, imports string
		want          string // part of the message; "": no violation
	}{
		{"soberano/app/chat", "soberano/engine", ""},
		{"soberano/app/chat", "soberano/app/ui", ""},
		{"soberano/app/chat", "soberano/kernels/cpu", "may import only"},
		{"soberano/app/host", "soberano/kernels/cpu", ""},
		{"soberano/app/host", "soberano/app/chat", "may import only"},
		{"soberano/app/cli", "soberano/kernels/cpu", ""},
		{"soberano/app/cli", "soberano/app/shell", "may import only"},
		{"soberano/engine", "soberano/app/ui", "may import only"},
		{"soberano/engine/batch", "soberano/engine/state", ""},
		{"soberano/engine/nn", "soberano/asr/mel", "may import only"},
		{"soberano/engine/prompt", "soberano/engine/prompt/jinja", ""},
		{"soberano/engine/prompt/jinja", "soberano/models", "may import only"},
		{"soberano/asr/whisper", "soberano/engine/token", ""},
		{"soberano/asr/whisper", "soberano/engine/token", ""},
		{"soberano/asr/whisper", "soberano/engine/tokens", "may import only"},
		{"soberano/asr", "soberano/engine", "may import only"},
		{"soberano/models/gguf", "soberano/kernels/quant", ""},
		{"soberano/models/gguf", "soberano/kernels", "may import only"},
		{"soberano/kernels/cpu", "soberano/kernels/quant", ""},
		{"soberano/kernels/cpu", "soberano/models", "may import only"},
		{"soberano/assets", "soberano/app", "may import only"},
		{"soberano/app/ui", "fyne.io/fyne/v2/widget", ""},
		{"soberano/asr", "fyne.io/fyne/v2", "belongs in soberano/app"},
		{"soberano/asr/mic", "github.com/gordonklaus/portaudio", ""},
		{"soberano/app/voice", "github.com/gordonklaus/portaudio", "belongs in soberano/asr/mic"},
		{"soberano/kernels/gl", "github.com/go-gl/gl/v4.1-core/gl", ""},
		{"soberano/app/window", "github.com/go-gl/gl/v4.1-core/gl", "belongs in soberano/kernels/gl"},
		{"soberano/kernels/gl", "github.com/go-gl/glfw/v3.3/glfw", ""},
		{"soberano/app/shell", "github.com/go-gl/glfw/v3.3/glfw", "belongs in soberano/app/window or soberano/kernels/gl"},
		{"soberano/engine/arch/tiny", "testing", ""},
		{"soberano/engine/arch", "testing", "only tests may"},
		{"soberano/app/shell", "soberano/app/ui/uitest", "only tests may"},
		{"soberano/engine/util", "fmt", "does not say"},
		{"soberano/tools", "fmt", "no part of the layout"},
	} {
		got := violations([]listed{{ImportPath: c.from, Imports: []string{c.imports}}})
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s imports %s, which is allowed; got %q", c.from, c.imports, got)
		case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
			t.Errorf("%s imports %s: want one violation with %q, got %q", c.from, c.imports, c.want, got)
		}
	}
	got := violations([]listed{{ImportPath: "soberano/engine", CgoFiles: []string{"x.go"}}, {ImportPath: "soberano/asr/mic", CgoFiles: []string{"y.go"}}})
	if len(got) != 1 || !strings.Contains(got[0], "soberano/engine uses cgo") {
		t.Errorf("cgo in engine: got %q", got)
	}
}

// TestBuildsWithoutC builds everything but the window, the microphone and OpenGL without a C
// compiler, for every system and processor that README.md names.
func TestBuildsWithoutC(t *testing.T) {
	if testing.Short() {
		t.Skip("building for other systems takes a minute")
	}
	readFolders(t)
	for _, goos := range []string{"linux", "windows", "darwin"} {
		for _, arch := range []string{"amd64", "arm64"} {
			cmd := exec.Command("go", "build", "./app/cli/...", "./engine/...", "./asr/...", "./models/...", "./kernels/cpu/...")
			cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+arch)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s/%s: %v\n%s", goos, arch, err, out)
			}
		}
	}
}

// violations returns a sentence for each import rule that a package breaks.
func violations(packages []listed) (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for _, p := range packages {
		part := partOf(p.ImportPath)
		if part == "" && p.ImportPath != "soberano" {
			say("%s is in no part of the layout; its place and what it may import are to be added to mayImport", p.ImportPath)
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "soberano/") && !within(imp, part) && !withinAny(imp, mayImport[part]) {
				say("%s imports %s: %s may import only %v", p.ImportPath, imp, part, mayImport[part])
			}
			for prefix, homes := range onlyIn {
				if strings.HasPrefix(imp, prefix) && !withinAny(p.ImportPath, homes) {
					say("%s imports %s, which belongs in %s", p.ImportPath, imp, strings.Join(homes, " or "))
				}
			}
			if slices.Contains(onlyTests, imp) && !slices.Contains(onlyTests, p.ImportPath) {
				say("%s imports %s; only tests may", p.ImportPath, imp)
			}
		}
		for folder := range strings.SplitSeq(p.ImportPath, "/") {
			if slices.Contains(meaningless, folder) {
				say("%s: the name %q does not say what a package holds", p.ImportPath, folder)
			}
		}
		if len(p.CgoFiles) > 0 && !withinAny(p.ImportPath, usesC) {
			say("%s uses cgo; only %v may", p.ImportPath, usesC)
		}
	}
	return found
}

// list runs `go list -json` with the arguments given.
func list(t *testing.T, args ...string) (all []listed) {
	t.Helper()
	readFolders(t)
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,CgoFiles,Imports"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) == 0 || slices.Contains(args, "./...") && len(all) < 10 {
		t.Fatalf("go list %v found only %d packages", args, len(all))
	}
	return all
}

// readFolders reads every folder of the module, so that `go test` does not take the result of an earlier run for
// this one's after a file has changed: it looks only at what the test's own process reads.
func readFolders(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() && (path == ".git" || path == "build") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// partOf is the longest entry of mayImport that holds the package; "" where none does.
func partOf(path string) (best string) {
	for part := range mayImport {
		if within(path, part) && len(part) > len(best) {
			best = part
		}
	}
	return best
}

// within reports whether a package is the given one or lies in a folder below it.
func within(path, part string) bool { return path == part || strings.HasPrefix(path, part+"/") }

func withinAny(path string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return within(path, part) })
}
