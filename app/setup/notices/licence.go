package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// patents is what a text is, in the place of a licence, that accompanies one: a grant of patents, or a notice of authors.
const patents = "patents"

// phrases are words that occur in the text of only one licence, in the order in which they are searched for.
var phrases = []struct{ id, words string }{
	{"Apache-2.0", "apache license version 2.0, january 2004"},
	{"OFL-1.1", "sil open font license version 1.1"},
	{"Bitstream-Vera", "a copy of the fonts accompanying this license"},
	{"MPL-2.0", "mozilla public license version 2.0"},
	{"blessing", "sqlite is public domain"},
	{"Zlib", "altered source versions must be plainly marked"},
	{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose"},
	{"MIT", "a copy of this software and associated documentation files"},
	{"BSD-3-Clause", "may be used to endorse or promote products derived"},
	{"BSD-2-Clause", "redistributions in binary form must reproduce the above copyright notice"},
	{patents, "additional ip rights grant (patents)"},
}

// declared matches the line in which a file names its own licence.
var declared = regexp.MustCompile(`(?m)^SPDX-License-Identifier: (.+)$`)

// identify returns the SPDX expression of the licences in a text, or "" if it finds none.
func identify(text string) string {
	if m := declared.FindStringSubmatch(text); m != nil {
		return strings.TrimSpace(m[1])
	}
	words := plain(text)
	var ids []string
	for _, p := range phrases {
		if strings.Contains(words, p.words) && (p.id != "BSD-2-Clause" || !slices.Contains(ids, "BSD-3-Clause")) {
			ids = append(ids, p.id)
		}
	}
	return all(ids)
}

// all joins SPDX expressions with AND.
func all(ids []string) string {
	single := map[string]bool{}
	for _, id := range ids {
		for part := range strings.SplitSeq(id, " AND ") {
			if strings.Contains(part, " OR ") {
				part = "(" + part + ")"
			}
			single[part] = true
		}
	}
	if len(single) == 1 {
		return strings.Trim(sorted(single)[0], "()")
	}
	return strings.Join(sorted(single), " AND ")
}

// comment matches the comment signs before the lines of a licence that is written as a comment.
var comment = regexp.MustCompile(`(?m)^\s*(//|#|\*)\s?`)

// plain returns the text in lower case, without comment signs and with single spaces between words.
func plain(text string) string {
	return strings.ToLower(strings.Join(strings.Fields(comment.ReplaceAllString(text, "")), " "))
}

// names matches the names of licence files.
var names = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents|ofl)([-_. ].*)?$`)

func isLicence(name string) bool { return names.MatchString(name) && !strings.HasSuffix(name, ".go") }

// isNotice reports whether a file has the name under which the Apache licence wants a notice of authors to be passed on.
func isNotice(path string) bool { return strings.EqualFold(filepath.Base(path), "NOTICE") }

// ignored lists files that have the name of a licence but do not hold a licence of linked code.
var ignored = map[string]bool{
	"modernc.org/memory/LICENSE-LOGO":         true, // the licence of a logo, which is not linked
	"modernc.org/sqlite/LICENSE-SQLITE_VEC":   true, // of a package that is not linked
	"modernc.org/sqlite/LICENSE-3RD-PARTY.md": true, // repeats the licences of modules that are listed themselves or are not linked
}

// readText reads a licence. Line ends become "\n", and those at the end are removed.
func readText(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(data) {
		return "", fmt.Errorf("%s is not UTF-8", path)
	}
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\f\ufeff")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n"), nil
}
