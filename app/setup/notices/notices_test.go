package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	const (
		mit  = "Permission is hereby granted, free of charge, to any person obtaining\na copy of this software and associated documentation files (the \"Software\")"
		bsd2 = "// Redistributions in binary form must reproduce the\n// above copyright notice, this list of conditions"
		bsd3 = bsd2 + "\n// Neither the name of X nor the names of its contributors may be used to\n// endorse or promote products derived from this software"
	)
	for text, want := range map[string]string{
		mit: "MIT", bsd2: "BSD-2-Clause", bsd3: "BSD-3-Clause", bsd3 + "\n\n" + mit: "BSD-3-Clause AND MIT",
		"   Apache License\n  Version 2.0, January 2004":               "Apache-2.0",
		"one of\nSPDX-License-Identifier: Unlicense OR BSD-3-Clause\n": "Unlicense OR BSD-3-Clause",
		"Additional IP Rights Grant (Patents)":                         patents,
		"All rights reserved. No copying.":                             "",
	} {
		if got := identify(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := all([]string{"Unlicense OR BSD-3-Clause", "MIT"}); got != "(Unlicense OR BSD-3-Clause) AND MIT" {
		t.Errorf("a choice and another licence: %q", got)
	}
}

// tree creates files in a temporary folder and returns the folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestLicences checks which of a module's licence files belong to the packages that are linked.
func TestLicences(t *testing.T) {
	dir := tree(t, map[string]string{
		"LICENSE": "", "license.go": "", "linked/x.go": "", "linked/COPYING.txt": "", "linked/font/LICENSE_Font.txt": "", "linked/font/deep/OFL.txt": "",
		"linked/testdata/LICENSE": "", "linked/other/y.go": "", "linked/other/LICENSE": "", "cmd/z.go": "", "cmd/LICENSE": "", "pictures/LICENSE": "",
	})
	m := &module{path: "example.org/m", dir: dir, folders: map[string]bool{filepath.Join(dir, "linked"): true}}
	files, err := m.licences()
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		files[i] = filepath.ToSlash(strings.TrimPrefix(f, dir+string(filepath.Separator)))
	}
	want := "LICENSE linked/COPYING.txt linked/font/LICENSE_Font.txt linked/font/deep/OFL.txt"
	if got := strings.Join(files, " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestUnknownLicence checks that a module without a licence, or with one that is not recognized, is an error.
func TestUnknownLicence(t *testing.T) {
	for text, files := range map[string]map[string]string{
		"no licence was found": {"x.go": ""}, "is not one that": {"x.go": "", "LICENSE": "Ask me first."},
	} {
		dir := tree(t, files)
		m := &module{path: "example.org/m", dir: dir, folders: map[string]bool{dir: true}}
		if _, err := m.component(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: error %v, want one with %q", files, err, text)
		}
	}
}

// TestCompare checks that the error names the files that differ and no others.
func TestCompare(t *testing.T) {
	dir := tree(t, map[string]string{"a": "one", "b": "two"})
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := compare([]file{{a, []byte("one")}, {b, []byte("two")}}); err != nil {
		t.Error(err)
	}
	if err := compare([]file{{a, []byte("one")}, {b, []byte("three")}}); err == nil || !strings.Contains(err.Error(), b) || strings.Contains(err.Error(), a+",") {
		t.Errorf("b differs: %v", err)
	}
}

// TestGenerated checks the files generated for the project itself: each component has a licence and its text, each
// reference is the id of a component, and components that the programs are known to contain are listed.
func TestGenerated(t *testing.T) {
	t.Chdir("../../..")
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	var bom bomFile
	if err := json.Unmarshal(files[1].data, &bom); err != nil {
		t.Fatal(err)
	}
	refs := map[string]bool{bom.Metadata.Component.Ref: true}
	text := string(files[0].data)
	for _, c := range bom.Components {
		if refs[c.Ref] {
			t.Errorf("two components have the reference %s", c.Ref)
		}
		refs[c.Ref] = true
		if len(c.Licences) == 0 && c.Scope != "excluded" {
			t.Errorf("%s has no licence", c.Name)
		}
		if !strings.Contains(text, c.Name) {
			t.Errorf("the notices do not name %s", c.Name)
		}
	}
	for _, d := range bom.Dependencies {
		for _, ref := range append(d.DependsOn, d.Ref) {
			if !refs[ref] {
				t.Errorf("%s depends on %q, which is no component", d.Ref, ref)
			}
		}
	}
	for _, name := range []string{"fyne.io/fyne/v2", "github.com/pion/opus", "github.com/inconshreveable/mousetrap", "std", "Silero VAD", "Whisper base", "portaudio-2.0", "SIL OPEN FONT LICENSE", "SQLite Is Public Domain"} {
		if !strings.Contains(text, name) {
			t.Errorf("the notices do not hold %q", name)
		}
	}
	for _, name := range []string{"github.com/mewkiz/flac", "pgregory.net/rapid", "stretchr/testify"} {
		if strings.Contains(text, name) {
			t.Errorf("the notices name %s, which is linked into tests only", name)
		}
	}
}
