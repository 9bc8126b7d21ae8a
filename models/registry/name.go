package registry

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"soberano/models"
	"soberano/models/apr"
)

// Limits of the names that slug makes. A folder's name may have 255 bytes on common file systems.
const (
	maxName      = 64 // characters
	maxNameBytes = 200
)

var (
	// validName matches names of letters, digits and marks of every script (marks are part of letters in many of them). It doesn't limit
	// their length, since the compiled expression would repeat the classes, which have hundreds of ranges, for each character.
	validName = regexp.MustCompile(`^[\pL\pN][\pL\pN\pM._-]*$`)
	notInName = regexp.MustCompile(`[^\pL\pN\pM._-]+`)
	// device matches the names that Windows reserves for devices, also with an extension.
	device = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)`)
	// splitSuffix matches what llama.cpp appends to the name of each file of a split model.
	splitSuffix = regexp.MustCompile(`-\d{5}-of-\d{5}$`)
	// part matches the end of the name of one file of a model in several: name-00002-of-00005.gguf.
	part = regexp.MustCompile(`-\d{5}-of-(\d{5}\.(?:gguf|apr|safetensors))$`)
)

// plain returns a text in lower case and in the one spelling of equivalent ones that names have: file systems and keyboards
// differ in how they write ü. Letters of full width, ligatures and the like become usual letters.
func plain(s string) string {
	for range 3 { // a character in lower case may have another spelling again
		next := norm.NFKC.String(strings.ToLower(norm.NFKC.String(s)))
		if next == s {
			break
		}
		s = next
	}
	return strings.Map(func(r rune) rune {
		if r == 0x115f || r == 0x1160 { // letters that are never seen
			return -1
		}
		return r
	}, s)
}

// slug turns any text into a name: letters of any script in lower case, digits, and ._-, at most 64 characters.
func slug(s string) string {
	s = strings.Trim(notInName.ReplaceAllString(plain(strings.ToValidUTF8(s, "-")), "-"), "._-")
	s = strings.TrimLeftFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	n, characters := 0, 0
	for _, r := range s {
		if characters++; characters > maxName || n+utf8.RuneLen(r) > maxNameBytes {
			break
		}
		n += utf8.RuneLen(r)
	}
	s = strings.TrimRight(s[:n], "._-")
	switch {
	case s == "":
		return "model"
	case device.MatchString(s):
		return "model-" + s
	}
	return s
}

// Plain returns a reference to a model in the one spelling that names have: "SmolLM2:135M" is "smollm2:135m".
func Plain(reference string) string { return plain(reference) }

// NameOf returns the name in the library that is made of any text.
func NameOf(text string) string { return slug(text) }

// checkName refuses a name that is not valid as a folder name on every system.
func checkName(name string) error {
	if !validName.MatchString(name) || utf8.RuneCountInString(name) > 80 || len(name) > 255 || plain(name) != name || strings.HasSuffix(name, ".") || device.MatchString(name) {
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

// FirstPart returns the path of the first file of the model to which the file at path belongs, by its name, or by its content if it is a manifest of APR files.
// For a model in one file that is path.
func FirstPart(path string) string {
	if first, ok := apr.FirstShard(path); ok {
		return first
	}
	return part.ReplaceAllString(path, "-00001-of-$1")
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
