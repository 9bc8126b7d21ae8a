package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// builds lists the programs: the package of each and the environment of the go command that builds it.
var builds = []struct {
	program, path string
	env           []string
}{
	{window, "./app", []string{"CGO_ENABLED=1", "GOOS=linux", "GOARCH=amd64"}},
	{commandLine, "./app/cli/soberano-cli", []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64"}},
	{commandLine, "./app/cli/soberano-cli", []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64"}},
	{commandLine, "./app/cli/soberano-cli", []string{"CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64"}},
	{commandLine, "./app/cli/soberano-cli", []string{"CGO_ENABLED=0", "GOOS=windows", "GOARCH=arm64"}},
	{commandLine, "./app/cli/soberano-cli", []string{"CGO_ENABLED=0", "GOOS=darwin", "GOARCH=amd64"}},
	{commandLine, "./app/cli/soberano-cli", []string{"CGO_ENABLED=0", "GOOS=darwin", "GOARCH=arm64"}},
}

// listed is the description of a package by `go list -json`.
type listed struct {
	ImportPath   string
	Dir          string
	Standard     bool
	Imports      []string
	CgoPkgConfig []string
	CgoLDFLAGS   []string
	Module       *struct {
		Path, Version, Dir string
		Main               bool
		Replace            *struct{ Path string }
	}
}

// module is a Go module with linked packages.
type module struct {
	path, version, dir string
	folders            map[string]bool // of its linked packages
	programs, needs    map[string]bool
	sum                string
}

// linked returns the modules that are linked into the programs, ordered by path, and the system libraries that the
// programs are linked to.
func linked() (modules []*module, system []string, err error) {
	found, libraries := map[string]*module{}, map[string]bool{}
	for _, b := range builds {
		packages, err := list(b.path, b.env)
		if err != nil {
			return nil, nil, err
		}
		of := map[string]string{} // module of a package
		for _, p := range packages {
			if p.Module != nil {
				of[p.ImportPath] = p.Module.Path
			}
			for _, l := range slices.Concat(p.CgoPkgConfig, p.CgoLDFLAGS) {
				if name, isFlag := strings.CutPrefix(l, "-l"); isFlag || !strings.HasPrefix(l, "-") {
					libraries[name] = true
				}
			}
		}
		for _, p := range packages {
			if p.Standard || p.Module == nil || p.Module.Main {
				continue
			}
			if p.Module.Replace != nil {
				return nil, nil, fmt.Errorf("%s is replaced in go.mod: this command does not support replaced modules", p.Module.Path)
			}
			m := found[p.Module.Path]
			if m == nil {
				m = &module{path: p.Module.Path, version: p.Module.Version, dir: p.Module.Dir, folders: map[string]bool{}, programs: map[string]bool{}, needs: map[string]bool{}}
				found[m.path] = m
			}
			m.folders[p.Dir], m.programs[b.program] = true, true
			for _, imp := range p.Imports {
				if needed := of[imp]; needed != "" && needed != m.path {
					m.needs[needed] = true
				}
			}
		}
	}
	if len(found) == 0 {
		return nil, nil, errors.New("go list names no module: is this the root of the project?")
	}
	if err := sums(found); err != nil {
		return nil, nil, err
	}
	std, err := standard(found["golang.org/x/sys"])
	if err != nil {
		return nil, nil, err
	}
	found[std.path] = std
	for _, path := range slices.Sorted(maps.Keys(found)) {
		modules = append(modules, found[path])
	}
	return modules, slices.Sorted(maps.Keys(libraries)), nil
}

// list runs `go list -deps`.
func list(path string, env []string) (packages []listed, err error) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Standard,Imports,CgoPkgConfig,CgoLDFLAGS,Module", path)
	cmd.Env = append(cmd.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list -deps %s: %w", path, err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list -deps %s: %w", path, err)
		}
		packages = append(packages, p)
	}
}

// standard returns the standard library. Its version is the minimum that go.mod requires, since the linked version
// depends on the installed Go. Its licence text is identical to that of golang.org/x/sys, which go.sum pins.
func standard(sys *module) (*module, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.GoVersion}}").Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	return &module{path: "std", version: strings.TrimSpace(string(out)), dir: sys.dir, folders: map[string]bool{sys.dir: true},
		programs: map[string]bool{window: true, commandLine: true}}, nil
}

// sums sets the checksums of the modules from go.sum.
func sums(found map[string]*module) error {
	f, err := os.Open("go.sum")
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if w := strings.Fields(lines.Text()); len(w) == 3 && found[w[0]] != nil && found[w[0]].version == w[1] {
			found[w[0]].sum = w[2]
		}
	}
	return lines.Err()
}

// component returns the module as a component, with the licences of its linked packages.
func (m *module) component() (component, error) {
	c := component{kind: "library", name: m.path, version: m.version, purl: "pkg:golang/" + m.path + "@" + m.version, sum: m.sum,
		programs: slices.Sorted(maps.Keys(m.programs)), needs: slices.Sorted(maps.Keys(m.needs))}
	files, err := m.licences()
	if err != nil {
		return c, err
	}
	ids := map[string]bool{}
	for _, f := range files {
		text, err := readText(f)
		if err != nil {
			return c, err
		}
		id := identify(text)
		if id == "" && isNotice(f) {
			id = patents
		}
		if id == "" {
			return c, fmt.Errorf("%s: the licence in %s is not one that licence.go recognizes", m.path, f)
		}
		if id != patents {
			ids[id] = true
		}
		c.texts = append(c.texts, text)
	}
	if len(ids) == 0 {
		return c, fmt.Errorf("%s: no licence was found in %s", m.path, m.dir)
	}
	c.licence = all(slices.Sorted(maps.Keys(ids)))
	return c, nil
}

// licences returns the paths of the licence files of the module's linked packages. These are in the folder of a linked
// package, in a folder above it, or in a folder below it that is not a package itself (fonts, C sources).
func (m *module) licences() (files []string, err error) {
	err = filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" || path != m.dir && !m.concerns(path) {
				return fs.SkipDir
			}
			return nil
		}
		if isLicence(d.Name()) && !ignored[m.path+"/"+d.Name()] {
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// concerns reports whether a folder contains a linked package, directly or below, or belongs to the linked package
// that contains it.
func (m *module) concerns(dir string) bool {
	for folder := range m.folders {
		if folder == dir || strings.HasPrefix(folder, dir+string(filepath.Separator)) {
			return true
		}
	}
	source, err := filepath.Glob(filepath.Join(dir, "*.go"))
	parent := filepath.Dir(dir)
	return err == nil && len(source) == 0 && (m.folders[parent] || parent != m.dir && len(parent) > len(m.dir) && m.concerns(parent))
}
