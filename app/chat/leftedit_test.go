package chat

import (
	"testing"

	"soberano/app/store"
)

// The text of an edit is found in a draft to which words were added since, and nothing is lost.
func TestSplitLeftEdit(t *testing.T) {
	for _, c := range []struct{ text, draft, now, wantText, wantDraft string }{
		{"edited", "draft", "edited\n\ndraft", "edited", "draft"},
		{"edited", "", "edited", "edited", ""},
		{"", "draft", "draft", "", "draft"},
		{"asked", "draft", "draft", "asked", "draft"}, // without a change
		{"asked", "draft", "draft and words", "asked", "draft and words"},
		{"edited", "draft", "edited words\n\ndraft", "edited words", "draft"},
		{"edited", "draft", "edited\n\ndraft words", "edited", "draft words"},
		{"edited", "", "edited words", "edited words", ""},
		{"edited", "draft", "not sent\n\nedited\n\ndraft", "edited", "not sent\n\ndraft"},
		{"a\n\nb", "b\n\nb", "a\n\nb\n\nb\n\nb", "a\n\nb", "b\n\nb"},
	} {
		l := leftEdit{editing: editing{question: store.Message{Content: "asked"}, draft: c.draft}, text: c.text}
		if text, draft, ok := l.split(c.now); !ok || text != c.wantText || draft != c.wantDraft {
			t.Errorf("%q and %q in %q: %q and %q, %v", c.text, c.draft, c.now, text, draft, ok)
		}
	}
	l := leftEdit{editing: editing{question: store.Message{Content: "asked"}, draft: "draft"}, text: "edited"}
	if _, _, ok := l.split("quite another"); ok {
		t.Error("an edit is found in another text")
	}
}
