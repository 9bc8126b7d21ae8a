package store

import (
	"strings"
	"testing"
)

func TestFileName(t *testing.T) {
	long := strings.Repeat("é", 200)
	for _, c := range []struct{ in, out string }{
		{"A plain title", "A plain title"}, {"a/b\\c:d*e?f\"g<h>i|j", "abcdefghij"}, {" end\u202egnp.exe\u202c. ", "endgnp.exe"}, {"a\x00\x1b\u0085\u2066b\xff", "ab\ufffd"},
		{"..", "Chat"}, {"", "Chat"}, {"مرحبا", "مرحبا"}, {"👩\u200d💻", "👩\u200d💻"}, {long, long[:maxFileName]}, {long + ".jpeg", long[:144] + ".jpeg"},
	} {
		if got := FileName(c.in, "Chat"); got != c.out {
			t.Errorf("%q gives %q, expected %q", c.in, got, c.out)
		}
	}
}
