package host

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine"
	"soberano/engine/arch/tiny"
)

// A conversation goes on after the program was closed with the tokens that are new. What was computed for one that is deleted goes, and so does what no conversation needs.
func TestStatesAfterRestart(t *testing.T) {
	e := resolve(t, tiny.New("llama").Write(t))
	dir := filepath.Join(t.TempDir(), StatesFolder)
	first := strings.Repeat("abc ", 30)
	ask := func(id int64, prompt string) (answer string, last engine.Usage) {
		h := New(Options{Budget: Unlimited, States: dir})
		defer h.Close()
		l, err := Chats(h).Acquire(context.Background(), e, Settings{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Release()
		for p, err := range l.Model.Generate(context.Background(), engine.Request{Prompt: prompt, MaxTokens: 4, Conversation: ConversationName(id)}) {
			if err != nil {
				t.Fatal(err)
			}
			answer += p.Text
			last = p.Usage
		}
		return answer, last
	}
	_, u := ask(7, first)
	if u.Cached != 0 {
		t.Fatalf("%d tokens of a new conversation are known", u.Cached)
	}
	known := u.Prompt
	if _, u = ask(7, first+"xyz"); u.Cached < known-1 || u.Prompt-u.Cached > 5 {
		t.Errorf("after a restart %d of %d tokens are computed again", u.Prompt-u.Cached, u.Prompt)
	}
	if _, u = ask(8, first+"xyz"); u.Cached != 0 {
		t.Errorf("another conversation has %d tokens of the first", u.Cached)
	}
	h := hostOf(t, Options{Budget: Unlimited, States: dir})
	if err := h.KeepConversations([]int64{7, 9}); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 || files[0].Name() != "7.state" {
		t.Errorf("%v %v", files, err)
	}
	if err := h.ForgetConversations([]int64{7}); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%v %v", files, err)
	}
}
