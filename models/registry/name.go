package registry

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"soberano/models"
)

const maxName = 64

var (
	validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,79}$`)
	notInName = regexp.MustCompile(`[^a-z0-9._-]+`)
	// device matches the names that Windows reserves for devices, also with an extension.
	device = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`)
	// splitSuffix matches what llama.cpp appends to the name of each file of a split model.
	splitSuffix = regexp.MustCompile(`-\d{5}-of-\d{5}$`)
)

// slug turns any text into a name: lower case, [a-z0-9._-], at most 64 bytes.
func slug(s string) string {
	s = notInName.ReplaceAllString(strings.ToLower(s), "-")
	s = strings.TrimLeft(s, "._-")
	s = strings.TrimRight(s[:min(len(s), maxName)], "._-")
	switch {
	case s == "":
		return "model"
	case device.MatchString(s):
		return "model-" + s
	}
	return s
}

// checkName refuses a name that is not valid as a folder name on every system.
func checkName(name string) error {
	if !validName.MatchString(name) || strings.HasSuffix(name, ".") || device.MatchString(name) {
		return fmt.Errorf("%s can't be a model's name: use lower-case letters, digits, dots, hyphens and underlines, such as %q", models.Quote(name), slug(name))
	}
	return nil
}

// nameFor derives the name of an entry. The name of a GGUF file is best, because it tells
// quantizations apart. The names of directories and of speech models in one file often
// identify nothing, so the name comes from the title.
func nameFor(path string, info Info) string {
	switch info.Format {
	case "gguf":
		return slug(stem(path))
	case "ctranslate2":
		return slug(info.Title)
	}
	return slug(info.Title + "-" + info.Quantization)
}

// stem returns a file's name without extension and without the number of a split part.
func stem(path string) string {
	base := filepath.Base(path)
	return splitSuffix.ReplaceAllString(strings.TrimSuffix(base, filepath.Ext(base)), "")
}

// unusedName returns the first of name, name-2, name-3, … for which taken is false.
func unusedName(name string, taken func(string) bool) string {
	for i, n := 2, name; ; i++ {
		if !taken(n) {
			return n
		}
		n = fmt.Sprintf("%s-%d", name, i)
	}
}
