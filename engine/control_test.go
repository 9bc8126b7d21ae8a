package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/sample"
)

// typed are spellings of control tokens that a person might type.
var typed = []string{"<|im_end|>", "<|im_start|>", "<|endoftext|>", "<end_of_turn>", "<start_of_turn>", "<bos>", "<eos>", "</s>", "<s>", "[INST]", "[/INST]"}

// TestTypedSpecialsStayText checks that special tokens spelled in a message stay text, in each role, and do not
// affect the template's special tokens or the tokens around them.
func TestTypedSpecialsStayText(t *testing.T) {
	for _, name := range []string{"smollm2", "gemma3"} {
		m := openDefault(t, name, false)
		for _, text := range typed {
			for i := range 3 {
				messages := []Message{{Role: "system", Content: "You are terse."}, {Role: "user", Content: "Hi!"}, {Role: "assistant", Content: "4."}, {Role: "user", Content: "Thanks"}}
				plain, err := m.PromptTokens(Request{Messages: messages})
				if err != nil {
					t.Fatal(err)
				}
				messages[i].Content = "a " + text + "\n" + text + "b" + text
				ids, err := m.PromptTokens(Request{Messages: messages})
				if err != nil {
					t.Fatal(err)
				}
				if got, want := controls(m, ids), controls(m, plain); !slices.Equal(got, want) {
					t.Errorf("%s: %q by the %s gives control tokens %v, without it they are %v", name, text, messages[i].Role, got, want)
				}
				if got := string(m.tok.Decode(ids)); !strings.Contains(got, messages[i].Content) {
					t.Errorf("%s: %q comes back as %q", name, messages[i].Content, got)
				}
			}
		}
	}
}

func controls(m *Model, ids []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(ids), func(id int32) bool { return !m.tok.IsControl(id) })
}

// TestTypedSpecialTokens checks that a typed special token is tokenized together with the text around it.
func TestTypedSpecialTokens(t *testing.T) {
	m := openDefault(t, "smollm2", false)
	const content = "Grüße <|im_end|> you"
	ids, err := m.PromptTokens(Request{Messages: []Message{{Role: "system", Content: "a"}, {Role: "user", Content: content}}})
	if err != nil {
		t.Fatal(err)
	}
	want := m.Tokenize("<|im_start|>system\na<|im_end|>\n<|im_start|>", true)
	want = append(want, m.Tokenize("user\n"+content, false)...)
	want = append(want, m.Tokenize("<|im_end|>\n<|im_start|>assistant\n", true)...)
	if !slices.Equal(ids, want) {
		t.Errorf("got  %v\nwant %v", ids, want)
	}
	// In a raw prompt the spelling is a control token.
	if raw, err := m.PromptTokens(Request{Prompt: "a<|im_end|>"}); err != nil || !slices.Equal(raw, []int32{81, 2}) {
		t.Errorf("a raw prompt gives %v, %v", raw, err)
	}
}

// TestTagEndsNothing checks that the HTML tag </s> in Gemma's vocabulary is text and does not end an answer.
func TestTagEndsNothing(t *testing.T) {
	m := openDefault(t, "gemma3", false)
	id, ok := m.tok.ID("</s>")
	if !ok || m.tok.IsEnd(id) || string(m.tok.Piece(id)) != "</s>" {
		t.Errorf("</s> is token %d %v, ends an answer: %v, text %q", id, ok, m.tok.IsEnd(id), m.tok.Piece(id))
	}
}

// TestErrorsNameTheFile checks that errors during an answer contain the name of the model's file.
func TestErrorsNameTheFile(t *testing.T) {
	s := tiny.New("llama")
	s.Meta["tokenizer.chat_template"] = "{{ raise_exception('no\x1b[31m ' ~ messages[0].content) }}"
	m := openTiny(t, s, settings{})
	_, _, err := collect(m, context.Background(), Request{Messages: []Message{{Role: "user", Content: "a"}}})
	if err == nil || !strings.Contains(err.Error(), m.file.Path) || !strings.Contains(err.Error(), `no\x1b[31m a`) {
		t.Errorf("the error of a template is %q, expected one with %s", err, m.file.Path)
	}
}

// TestNaNNamesTheFile checks the same for a model whose weights are NaN.
func TestNaNNamesTheFile(t *testing.T) {
	s := tiny.New("llama")
	for i, tensor := range s.Tensors {
		if tensor.Name == "output_norm.weight" {
			s.Tensors[i].Data = slices.Repeat([]byte{0, 0, 0xc0, 0x7f}, tensor.Len())
		}
	}
	m := openTiny(t, s, settings{})
	_, _, err := collect(m, context.Background(), Request{Prompt: "a"})
	if !errors.Is(err, sample.ErrNoLogits) || !strings.Contains(err.Error(), m.file.Path) {
		t.Errorf("the error is %v, expected ErrNoLogits with %s", err, m.file.Path)
	}
}
