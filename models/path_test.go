package models

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// A path is the same after JSON, whatever its bytes are.
func TestPathInJSON(t *testing.T) {
	same := func(t interface{ Fatalf(string, ...any) }, list []Path) {
		b, err := json.Marshal(list)
		var got []Path
		if err == nil {
			err = json.Unmarshal(b, &got)
		}
		if err != nil || len(got) != len(list) {
			t.Fatalf("%s: %v", b, err)
		}
		for i := range list {
			if got[i] != list[i] {
				t.Fatalf("%q became %q in %s", list[i], got[i], b)
			}
		}
	}
	same(t, []Path{"", "/a b/ü.wav", "/a\xff\xfe.wav", `{"base64":""}`, "\xed\xa0\x80", "a\x00b", "\ufffd", "\xef\xbf"})
	rapid.Check(t, func(t *rapid.T) {
		same(t, []Path{Path(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))})
	})
	if b, err := json.Marshal(Path("/a/ü.wav")); string(b) != `"/a/ü.wav"` || err != nil {
		t.Errorf("%s, %v", b, err)
	}
	for _, bad := range []string{"1", `{"base64":1}`, `{"base64":"?"}`, "[]"} {
		if err := json.Unmarshal([]byte(bad), new(Path)); err == nil {
			t.Errorf("%s is no path", bad)
		}
	}
}
