package batch

import (
	"runtime"
	"testing"

	"soberano/engine/arch"
	"soberano/engine/arch/tiny"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
)

// TestLongContext fills a context of 32,768 tokens. The memory is that of the keys and values and of the buffers of one step,
// which do not grow with the context, and a token at its end allocates none.
func TestLongContext(t *testing.T) {
	if testing.Short() {
		t.Skip("computes 32,768 tokens")
	}
	const context = 32768
	s := tiny.New("llama")
	s.Layers(1)
	s.Meta["llama.context_length"] = uint64(context)
	f, err := gguf.Open(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dev.Close()
		f.Close()
	})
	m, err := arch.Open(f, dev, 0)
	if err != nil {
		t.Fatal(err)
	}
	q := queue(t, m, dev, context)
	// Keys and values of 16 dimensions take at most 32 bits a value.
	if most := int64(context * 2 * tiny.KVHeads * 32 * 4); q.CacheBytes() > most {
		t.Errorf("a full context takes %d bytes, at most %d are expected", q.CacheBytes(), most)
	}
	heap := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	run(t, q, numbers(1, 600), 2, true) // the buffers of a step
	before := heap()
	prompt := numbers(3, context-70)
	answer := &greedy{n: 60}
	r := answer.request(prompt)
	each, allocated := r.Each, uint64(0)
	var first, last runtime.MemStats
	r.Each = func(pos int, logits []float32) (int32, bool, error) {
		switch pos {
		case context - 60:
			runtime.ReadMemStats(&first)
		case context - 20:
			runtime.ReadMemStats(&last)
			allocated = last.TotalAlloc - first.TotalAlloc
		}
		return each(pos, logits)
	}
	if err := q.Do(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if len(answer.tokens) != 60 {
		t.Errorf("the answer has %d tokens, not 60", len(answer.tokens))
	}
	// The test itself keeps the logits and the tokens.
	own := int64(60*tiny.Vocabulary*4 + 8*context)
	if grown := heap() - before; grown > q.CacheBytes()+own+4<<20 {
		t.Errorf("%d bytes more than before, the keys and values take %d", grown, q.CacheBytes())
	}
	within(t, q, func() {
		if b := q.tree.Bytes(); b > q.CacheBytes()+1<<20 {
			t.Errorf("%d bytes are kept, a full context takes %d", b, q.CacheBytes())
		}
	})
	if perToken := allocated / 40; perToken > 8<<10 {
		t.Errorf("a token at the end of the context allocates %d bytes", perToken)
	}
	again := run(t, q, append(prompt, answer.tokens[:5]...), 2, false)
	if again.cached < context-70 {
		t.Errorf("the next turn finds %d tokens, not the whole prompt", again.cached)
	}
}
