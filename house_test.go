// Package soberano holds the rule of the house: imports point down, only down.
package soberano

import (
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath                         string
	CgoFiles                           []string
	Imports, TestImports, XTestImports []string
}

// below lists, for each room, the rooms that it may import (its own folders always).
var below = map[string][]string{
	"soberano/app":     {"soberano/engine", "soberano/asr", "soberano/models", "soberano/assets"},
	"soberano/app/cli": {"soberano/app/dictation", "soberano/app/problem", "soberano/engine", "soberano/asr", "soberano/models", "soberano/assets", "soberano/kernels"},
	"soberano/engine":  {"soberano/models", "soberano/kernels"},
	"soberano/asr":     {"soberano/engine/token", "soberano/engine/nn", "soberano/models", "soberano/kernels"},
	"soberano/models":  {"soberano/kernels/quant"},
	"soberano/kernels": {},
	"soberano/assets":  {},
}

// only lists outside packages and the one room that may import them.
var only = map[string]string{
	"fyne.io/fyne/v2":                  "soberano/app",
	"github.com/gordonklaus/portaudio": "soberano/asr/mic",
	"github.com/go-gl/gl/":             "soberano/kernels/gl",
	"github.com/jezek/xgb":             "soberano/app/dictation",
	"github.com/go-gl/glfw":            "soberano/app/window", // asks whether there is a display before Fyne does
}

// forbidden are names of rooms that say nothing.
var forbidden = []string{"util", "utils", "common", "helpers", "pkg", "internal"}

func TestImportsPointDown(t *testing.T) {
	for _, p := range list(t, nil) {
		room := roomOf(p.ImportPath)
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "soberano/") && !within(imp, room) && !allowed(imp, below[room]) {
				t.Errorf("%s imports %s: %s may import only %v", p.ImportPath, imp, room, below[room])
			}
			for outside, home := range only {
				if strings.HasPrefix(imp, outside) && !within(p.ImportPath, home) {
					t.Errorf("%s imports %s, which belongs in %s", p.ImportPath, imp, home)
				}
			}
		}
		for _, part := range strings.Split(p.ImportPath, "/") {
			for _, name := range forbidden {
				if part == name {
					t.Errorf("%s: a room is named for what it holds, not %q", p.ImportPath, name)
				}
			}
		}
	}
}

// TestOnlyThreeRoomsNeedC: everything but the window, the microphone and OpenGL builds
// without a C compiler, for every system and processor that we promise.
func TestOnlyThreeRoomsNeedC(t *testing.T) {
	for _, p := range list(t, nil) {
		if len(p.CgoFiles) > 0 && !within(p.ImportPath, "soberano/app") && !within(p.ImportPath, "soberano/asr/mic") && !within(p.ImportPath, "soberano/kernels/gl") {
			t.Errorf("%s uses cgo", p.ImportPath)
		}
	}
	if testing.Short() {
		t.Skip("building for other systems takes a minute")
	}
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

// list runs go list over the whole module.
func list(t *testing.T, env []string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json", "./...")
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// roomOf is the longest entry of below that holds the package.
func roomOf(path string) string {
	best := ""
	for room := range below {
		if within(path, room) && len(room) > len(best) {
			best = room
		}
	}
	return best
}

func within(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }

func allowed(path string, rooms []string) bool {
	for _, r := range rooms {
		if within(path, r) {
			return true
		}
	}
	return false
}
