package host

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/engine"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// BenchmarkSecondTurn reports how long the first token of a second turn with some 20 new tokens takes after 2,000 tokens of the first, in steps of one token, as the model takes for them when it
// was not opened just before: with the same opened model (kept/steps), and with a model that was opened anew (restart/steps).
func BenchmarkSecondTurn(b *testing.B) {
	for _, name := range []string{"smollm2", "qwen2.5-coder-0.5b"} {
		for _, kv := range []engine.KV{engine.KVQ8, engine.KVF16} {
			b.Run(fmt.Sprintf("model=%s/kv=%s", name, kv), func(b *testing.B) { secondTurn(b, name, kv) })
		}
	}
}

func secondTurn(b *testing.B, name string, kv engine.KV) {
	e, err := registry.Resolve(nil, defaults.Need(b, name), nil)
	if err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	for i := range 137 {
		fmt.Fprintf(&text, "Number %d of the list is %d. ", i, i*i)
	}
	messages := []engine.Message{{Role: "user", Content: text.String()}}
	var kept, again []float64
	for range b.N {
		states := b.TempDir()
		open := func(states string) (*Lease[*engine.Model], func()) {
			h := New(Options{Budget: Unlimited, States: states})
			l, err := Chats(h).Acquire(context.Background(), e, Settings{KV: kv, Context: 4096}, nil)
			if err != nil {
				b.Fatal(err)
			}
			return l, func() {
				l.Release()
				if err := h.Close(); err != nil {
					b.Fatal(err)
				}
			}
		}
		l, end := open(states)
		answer, _, _ := replied(b, l, messages, 16)
		next := append(messages[:1:1], engine.Message{Role: "assistant", Content: answer}, engine.Message{Role: "user", Content: "Which number was the last one of the list?"})
		end()
		l, end = open(states)
		_, restarted, _ := replied(b, l, next, 48)
		end()
		l, end = open("")
		replied(b, l, messages, 16)
		_, first, step := replied(b, l, next, 48)
		end()
		kept, again = append(kept, first/step), append(again, restarted/step)
	}
	slices.Sort(kept)
	slices.Sort(again)
	b.ReportMetric(kept[len(kept)/2], "kept/steps")
	b.ReportMetric(again[len(again)/2], "restart/steps")
}

// replied answers messages in n tokens. It returns the seconds until the first token, and those that each of the others took.
func replied(b *testing.B, l *Lease[*engine.Model], messages []engine.Message, n int) (text string, first, step float64) {
	began := time.Now()
	var last engine.Usage
	for p, err := range l.Model.Generate(context.Background(), engine.Request{Messages: messages, MaxTokens: n, Conversation: "1", Propose: engine.ProposeNever}) {
		if err != nil {
			b.Fatal(err)
		}
		if first == 0 {
			first = time.Since(began).Seconds()
		}
		text += p.Text
		last = p.Usage
	}
	return text, first, last.GenerateSeconds / float64(last.Generated-1)
}
