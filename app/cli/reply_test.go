package cli

import (
	"testing"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/engine/reply"
)

// TestAnsweredParts checks that thoughts and calls are told apart from the text of an answer.
func TestAnsweredParts(t *testing.T) {
	var a answered
	for _, p := range []engine.Piece{{Kind: reply.Thinking, Text: "Two "}, {Kind: reply.Thinking, Text: "miles."}, {Text: "I look. "},
		{Kind: reply.Calls, Text: "<tool_call>…", Calls: []reply.Call{{Name: "map"}}}, {Text: "Done."}, {Reason: engine.Ended}} {
		a.add(p)
	}
	if a.thinking != "Two miles." || a.text != "I look. Done." || len(a.calls) != 1 || a.calls[0].Name != "map" {
		t.Errorf("%+v", a)
	}
}

// TestThinkAndBegin checks that --think reaches the chat template and that --begin is the end of the prompt.
func TestThinkAndBegin(t *testing.T) {
	home(t)
	s := tiny.New("llama")
	s.Meta["tokenizer.chat_template"] = "{% for m in messages %}{{ m.content }}{% endfor %}{% if enable_thinking is defined %}{{ 'aa' if enable_thinking else 'bbbb' }}{% endif %}" +
		"{% if add_generation_prompt %}{{ 'cccccc' }}{% endif %}"
	model := s.Write(t)
	tokens := func(args ...string) int {
		out, code := verb(t, "", append([]string{"chat", "-m", model, "-p", "x", "-n", "1", "--temp", "0", "--json"}, args...)...)
		if code != 0 {
			t.Fatalf("%q: exit code %d", args, code)
		}
		var a chatAnswer
		decode(t, out, &a)
		return a.PromptTokens
	}
	raw := func(text string) int {
		out, _ := verb(t, "", "chat", "-m", model, "--raw", "-p", text, "-n", "1", "--temp", "0", "--json")
		var a chatAnswer
		decode(t, out, &a)
		return a.PromptTokens
	}
	for want, args := range map[string][]string{"xcccccc": nil, "xaacccccc": {"--think", "on"}, "xbbbbcccccc": {"--think=off"}, "xyes": {"--begin", "yes"}} {
		if got := tokens(args...); got != raw(want) {
			t.Errorf("%q: a prompt of %d tokens, %q has %d", args, got, want, raw(want))
		}
	}
	for _, args := range [][]string{{"--think", "maybe"}, {"--raw", "--think", "on"}, {"--raw", "--begin", "a"}, {"--lines", "--begin", "a"}} {
		if _, code := verb(t, "", append([]string{"chat", "-m", model}, args...)...); code != 2 {
			t.Errorf("%q: exit code %d, expected 2", args, code)
		}
	}
}
