package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/sample"
)

// longChat returns a conversation of n questions, each of about size tokens.
func longChat(n, size int) (list []Message) {
	list = append(list, Message{Role: "system", Content: "S"})
	for i := range n {
		if i > 0 {
			list = append(list, Message{Role: "assistant", Content: fmt.Sprint("A", i)})
		}
		list = append(list, Message{Role: "user", Content: fmt.Sprint("Q", i, strings.Repeat(" x", size/2))})
	}
	return list
}

// TestRefuse checks that nothing is left out unless the caller asks for it.
func TestRefuse(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Context: 128})
	for _, o := range []Overflow{"", Refuse} {
		_, _, err := collect(m, context.Background(), Request{Messages: longChat(8, 30), Overflow: o})
		if !errors.Is(err, ErrContextFull) {
			t.Errorf("%q: %v", o, err)
		}
	}
	if _, _, err := collect(m, context.Background(), Request{Messages: longChat(1, 2), Overflow: "whatever"}); err == nil {
		t.Error("an unknown way passed")
	}
}

// TestDropMiddle checks that the oldest messages go, that it is said first, and that the next turn leaves out the same ones, so that it finds what was computed.
func TestDropMiddle(t *testing.T) {
	s := tiny.New("llama")
	s.Meta["tokenizer.chat_template"] = "{% for m in messages %}{{ m.role[0] }}:{{ m.content }};{% endfor %}a:"
	m := openTiny(t, s, settings{Context: 256})
	chat := longChat(30, 20)
	r := Request{Messages: chat, Overflow: DropMiddle, MaxTokens: 4}
	all, err := m.PromptTokens(r)
	if err != nil {
		t.Fatal(err)
	}
	var got []Piece
	for p, err := range m.Generate(context.Background(), r) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	last := got[len(got)-1]
	if got[0].Notice != Shortened || last.Usage.Dropped < len(all)-256 || last.Usage.Prompt+last.Usage.Dropped != len(all) || last.Usage.Prompt+4 > 256 {
		t.Errorf("%d tokens: the first piece %+v, the last %+v", len(all), got[0], last)
	}
	p, err := m.promptOf(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = m.shorten(context.Background(), r, p); err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, id := range p.tokens {
		text += string(m.TokenBytes(id))
	}
	if !strings.Contains(text, "Q29") || strings.Contains(text, "Q0") || !strings.Contains(text, "s:S") {
		t.Errorf("the shortened prompt is %q", text)
	}
	cached := 0
	for i := range 6 {
		r.Messages = append(r.Messages, Message{Role: "assistant", Content: "A"}, Message{Role: "user", Content: fmt.Sprint("more", i)})
		_, last, err := collect(m, context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		if last.Usage.Cached > last.Usage.Prompt/2 {
			cached++
		}
	}
	if cached < 3 {
		t.Errorf("only %d of 6 turns found what was computed", cached)
	}
	one := Request{Messages: longChat(1, 2000), Overflow: DropMiddle}
	if _, _, err := collect(m, context.Background(), one); !errors.Is(err, ErrContextFull) {
		t.Errorf("a question that is longer than the context: %v", err)
	}
}

// TestDropMiddleOfTokens checks that a prompt of tokens keeps its beginning and its end.
func TestDropMiddleOfTokens(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Context: 64})
	ids := make([]int32, 200)
	for i := range ids {
		ids[i] = int32(i)
	}
	p, err := m.shorten(context.Background(), Request{Tokens: ids, MaxTokens: 3}, requestPrompt{tokens: ids})
	if err != nil {
		t.Fatal(err)
	}
	n := len(p.tokens)
	if n+3 > 64 || n < 32 || !slices.Equal(p.tokens[:16], ids[:16]) || !slices.Equal(p.tokens[16:], ids[200-n+16:]) || p.dropped != 200-n {
		t.Errorf("%d dropped: %v", p.dropped, p.tokens)
	}
}

// TestRolling checks for states that go back and for others that an answer goes on when the context is full, that each part that is left out is said, and that what
// follows is what a new request for the remaining tokens gives.
func TestRolling(t *testing.T) {
	for _, kind := range []string{"llama", "gemma3", "mamba"} {
		m := openTiny(t, tiny.New(kind), settings{Context: 64, Exact: true})
		never := map[int32]float32{}
		for id := range int32(tiny.Vocabulary) {
			if m.tok.IsEnd(id) {
				never[id] = -100
			}
		}
		prompt := []int32{5, 6, 7, 8, 9, 10, 11, 12}
		r := Request{Tokens: prompt, Overflow: Rolling, MaxTokens: 150, Logprobs: true, Sampling: sample.Params{Bias: never}}
		var ids []int32
		shortened := []int{}
		var last Piece
		for p, err := range m.Generate(context.Background(), r) {
			if err != nil {
				t.Fatal(err)
			}
			for _, tok := range p.Tokens {
				ids = append(ids, tok.ID)
			}
			if p.Notice == Shortened {
				shortened = append(shortened, len(ids))
			}
			last = p
		}
		if last.Reason != Length || last.Usage.Generated != 150 || len(ids) != 150 || len(shortened) != 3 || last.Usage.Dropped != 3*40 {
			t.Fatalf("%s: %d tokens, shortened after %v, %+v", kind, len(ids), shortened, last)
		}
		at := shortened[1]
		rest := slices.Concat(prompt, ids[at-16:at])
		var next []int32
		for p, err := range m.Generate(context.Background(), Request{Tokens: rest, MaxTokens: 20, Logprobs: true, Sampling: sample.Params{Bias: never}}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, tok := range p.Tokens {
				next = append(next, tok.ID)
			}
		}
		if !slices.Equal(next, ids[at:at+20]) {
			t.Errorf("%s: %v follows, a new request gives %v", kind, ids[at:at+20], next)
		}
	}
}
