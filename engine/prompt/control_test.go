package prompt

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"soberano/engine/token"
	"soberano/models"
)

// special finds what may be the spelling of a control token.
var special = regexp.MustCompile(`<\|[^|<>]+\|>|<[a-z_/]+>|\[/?[A-Z_]+\]|\[gMASK\]|<｜[^｜]+｜>`)

// typed are spellings of control tokens that a person may type.
var typed = []string{"<|im_end|>", "<|im_start|>", "<|endoftext|>", "<end_of_turn>", "<start_of_turn>", "</s>", "<s>", "[INST]", "[/INST]",
	"<|eot_id|>", "<|user|>", "<|USER|>", "<|end|>"}

// tokenizer has a token for each byte and the space, and a control token for each spelling.
func tokenizer(t *testing.T, spellings []string) *token.Tokenizer {
	t.Helper()
	texts, kinds := []string{"<unk>"}, []int64{2}
	for b := range 256 {
		texts, kinds = append(texts, fmt.Sprintf("<0x%02X>", b)), append(kinds, 6)
	}
	texts, kinds = append(texts, "▁"), append(kinds, 1)
	for _, s := range spellings {
		texts, kinds = append(texts, s), append(kinds, 3)
	}
	tok, err := token.New(&models.File{Path: "test.gguf", Meta: models.Metadata{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": texts, "tokenizer.ggml.token_type": kinds,
		"tokenizer.ggml.scores": make([]float64, len(texts)), "tokenizer.ggml.add_space_prefix": false,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// encode returns a prompt's tokens and the spellings of its control tokens.
func encode(tok *token.Tokenizer, text Text) (ids []int32, controls []string) {
	parts := make([]token.Part, len(text))
	for i, run := range text {
		parts[i] = token.Part{Text: run.Text, Special: run.Template}
	}
	ids = tok.EncodeParts(parts, false)
	for _, id := range ids {
		if tok.IsControl(id) {
			controls = append(controls, tok.Text(id))
		}
	}
	return ids, controls
}

// family is a template in testdata/families with a tokenizer that has all its control tokens.
type family struct {
	name     string
	template *Template
	tok      *token.Tokenizer
}

func families(t *testing.T) []family {
	t.Helper()
	paths, err := filepath.Glob("testdata/families/*.jinja")
	if err != nil || len(paths) < 18 {
		t.Fatalf("%d templates, %v", len(paths), err)
	}
	var out []family
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		spellings := map[string]bool{"<|assistant|>": true, "<|system|>": true, "<|ASSISTANT|>": true}
		for _, s := range append(special.FindAllString(string(source), -1), typed...) {
			spellings[s] = true
		}
		template, err := Parse(string(source))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, family{filepath.Base(path), template, tokenizer(t, slices.Sorted(maps.Keys(spellings)))})
	}
	return out
}

// conversation has text in each place that a caller can fill.
func conversation(text string, tools bool) Values {
	v := Values{AddGenerationPrompt: true, BOS: "<s>", EOS: "</s>", Now: testTime, Messages: []Message{
		{Role: "system", Content: "Be terse." + text}, {Role: "user", Content: text + " Hi! " + text},
		{Role: "assistant", Content: "Yes." + text + "\n"}, {Role: "user", Content: "\n" + text + "a"},
	}, Extra: map[string]any{"system_message": "b" + text, "date_string": text, "custom": text}}
	if !tools {
		return v
	}
	call := map[string]any{"id": "call00001", "type": "function", "function": map[string]any{"name": "f" + text, "arguments": map[string]any{"a" + text: "b" + text}}}
	v.Tools = []any{map[string]any{"type": "function", "function": map[string]any{"name": "f" + text, "description": "d" + text,
		"parameters": map[string]any{"type": "object", "properties": map[string]any{"p" + text: map[string]any{"type": "string", "description": text}}, "required": []string{"p" + text}}}}}
	v.Messages = append(v.Messages[:2:2], Message{Role: "assistant", Extra: map[string]any{"tool_calls": []any{call}}},
		Message{Role: "tool", Content: "r" + text, Extra: map[string]any{"name": "f" + text, "tool_call_id": "call00001"}},
		Message{Role: "assistant", Content: "c" + text}, Message{Role: "user", Content: "d" + text})
	return v
}

// TestNoControlFromConversation: whatever special tokens a conversation spells, in messages of any
// role, tools, their calls or variables, the control tokens of the prompt are those of the same
// conversation without them; and the tokens turn back into the prompt's text.
func TestNoControlFromConversation(t *testing.T) {
	rendered := map[string]int{}
	for _, f := range families(t) {
		for _, tools := range []bool{false, true} {
			plain, err := f.template.Render(conversation("xyz", tools))
			if err != nil {
				continue // templates may refuse a system message or tools
			}
			rendered[f.name]++
			_, want := encode(f.tok, plain)
			for _, text := range typed {
				out, err := f.template.Render(conversation(text, tools))
				if err != nil {
					t.Errorf("%s %s: %v", f.name, text, err)
					continue
				}
				ids, got := encode(f.tok, out)
				if !slices.Equal(got, want) {
					t.Errorf("%s: with %s typed the control tokens are\n  %v\n  without it %v", f.name, text, got, want)
				}
				if back := string(f.tok.Decode(ids)); back != out.String() {
					t.Errorf("%s: %q comes back as %q", f.name, out.String(), back)
				}
			}
		}
	}
	if len(rendered) < 14 {
		t.Errorf("only %d families rendered: %v", len(rendered), rendered)
	}
}

// TestTemplateSpellsControls: what a template writes does become control tokens, with roles in them
// where it spells tokens so. A role that no template knows is text.
func TestTemplateSpellsControls(t *testing.T) {
	for name, want := range map[string][]string{
		"chatml.jinja":     {"<|im_start|>", "<|im_end|>", "<|im_start|>"},
		"llama3.jinja":     {"<s>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"},
		"phi.jinja":        {"<|user|>", "<|end|>", "<|assistant|>"},
		"phi4-tools.jinja": {"<|user|>", "<|end|>", "<|assistant|>"},
	} {
		for _, f := range families(t) {
			if f.name != name {
				continue
			}
			out, err := f.template.Render(Values{AddGenerationPrompt: true, BOS: "<s>", EOS: "</s>", Now: testTime, Messages: []Message{{Role: "user", Content: "<|end|>"}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, got := encode(f.tok, out); !slices.Equal(got, want) {
				t.Errorf("%s: control tokens %v, want %v", name, got, want)
			}
			out, err = f.template.Render(Values{Messages: []Message{{Role: "user|><|end|><|user", Content: "a"}}})
			if _, got := encode(f.tok, out); err == nil && (slices.Contains(got, "<|user|>") || strings.Count(strings.Join(got, ""), "<|end|>") > strings.Count(strings.Join(want, ""), "<|end|>")) {
				t.Errorf("%s: a role gives control tokens %v", name, got)
			}
		}
	}
}

// TestNothingIsReassembled: a template that cuts, joins or trims what a message says makes no
// control token of it, nor does what it writes beside it.
func TestNothingIsReassembled(t *testing.T) {
	tok := tokenizer(t, typed)
	for template, content := range map[string]string{
		"{{ m.content|trim }}":                                        " <|im_end|> ",
		"{{ m.content.split('X')|join }}":                             "<|im_X_end|>",
		"{{ m.content|replace('X', '') }}":                            "<|imX_end|>",
		"{{ m.content|replace('X', 'im') }}":                          "<|X_end|>",
		"<|im_{{ m.content|trim }}|>":                                 " end ",
		"{{ '<|im_' + m.content.strip() }}":                           " end|> ",
		"{{ m.content|lower }}":                                       "<|IM_END|>",
		"{{ m.content[::-1] }}":                                       ">|dne_mi|<",
		"{% for c in m.content %}{{ c }}{% endfor %}":                 "<|im_end|>",
		"{{ '%s%s' % (m.content[:4], m.content[4:]) }}":               "<|im_end|>",
		"{% set x %}{{ m.content }}{% endset %}{{ x|safe }}":          "<|im_end|>",
		"{{ m.content.partition('>')|join }}":                         "<|im_end|>",
		"{% macro f(t) %}<{{ t }}>{% endmacro %}{{ f(m.content) }}":   "|im_end|",
		"{{ {'a': m.content}|tojson }}{{ [m.content]|string }}":       "<|im_end|>",
		"{{ m.content|list|join }}{{ m.content.splitlines()|first }}": "<|im_end|>",
		"{{ '%c%c' % (m.code, 124) }}im_end|>":                        "",
	} {
		parsed, err := Parse("{% set m = messages[0] %}" + template)
		if err != nil {
			t.Fatal(err)
		}
		out, err := parsed.Render(Values{Messages: []Message{{Role: "user", Content: content, Extra: map[string]any{"code": 60}}}})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "im") {
			t.Errorf("%s gives %q", template, out)
		}
		if _, got := encode(tok, out); len(got) > 0 {
			t.Errorf("%s of %q gives control tokens %v", template, content, got)
		}
	}
}

// TestTalksKeepControls: in the conversations of the families' tests, which the reference renders,
// marking origins changes no token of a prompt whose messages spell no special tokens.
func TestTalksKeepControls(t *testing.T) {
	var file struct {
		Talks map[string]map[string]json.RawMessage
	}
	readJSON(t, "families.json", &file)
	compared := 0
	for _, f := range families(t) {
		for name, talk := range file.Talks {
			if special.Match(talk["messages"]) {
				continue
			}
			var messages []struct {
				Role    string
				Content any
			}
			if err := json.Unmarshal(talk["messages"], &messages); err != nil {
				t.Fatal(err)
			}
			v := Values{AddGenerationPrompt: true, BOS: "<s>", EOS: "</s>", Now: testTime}
			for _, m := range messages {
				content, ok := m.Content.(string)
				if !ok {
					content = "parts"
				}
				v.Messages = append(v.Messages, Message{Role: m.Role, Content: content})
			}
			out, err := f.template.Render(v)
			if err != nil {
				continue
			}
			compared++
			ids, _ := encode(f.tok, out)
			if want := f.tok.Encode(out.String(), token.Options{ParseSpecial: true}); !slices.Equal(ids, want) {
				t.Errorf("%s %s: %q gives %v, expected %v", f.name, name, out, ids, want)
			}
		}
	}
	if compared < 60 {
		t.Errorf("only %d conversations were compared", compared)
	}
}
