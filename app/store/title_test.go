package store

import (
	"strings"
	"testing"
)

func TestTitle(t *testing.T) {
	for message, want := range map[string]string{
		"\n  ## How do I sort people by age in Go, youngest first?": "How do I sort people by age in Go, youngest…",
		"**Bold** and *italic* words":                               "Bold and italic words",
		"Use `slices.SortFunc` or __not__ _at all_":                 "Use slices.SortFunc or not at all",
		"***Both*** of ~~them~~":                                    "Both of them",
		"see [the docs](https://go.dev/doc \"Go\") please":          "see the docs please",
		"![A boat](boat.png)":                                       "A boat",
		"> - [ ] buy milk":                                          "buy milk",
		"# Title #":                                                 "Title",
		"---\n===\nAfter a line":                                    "After a line",
		"```python\nprint(1)\n```":                                  "print(1)",
		"2 * 3 * 4 and a_b_c, *.go, C#":                             "2 * 3 * 4 and a_b_c, *.go, C#",
		"-5 degrees":                                                "-5 degrees",
		"#hashtag":                                                  "#hashtag",
		"1. first":                                                  "1. first",
		"2 ** 3 ** 2":                                               "2 ** 3 ** 2",
		"f(*args, **kwargs)":                                        "f(*args, **kwargs)",
		"  \n":                                                      "Untitled",
		strings.Repeat("a", 60) + " b":                              strings.Repeat("a", 48) + "…",
		"**ÄÖÜ** _日本語_":                                             "ÄÖÜ 日本語",
	} {
		if got := Title(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}
