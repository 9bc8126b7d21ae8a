package batch

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"soberano/engine/arch"
	"soberano/engine/arch/tiny"
	"soberano/engine/state"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
)

// turn continues prompt by n tokens as a turn of a conversation.
func turn(t *testing.T, q *Queue, name string, prompt []int32, n int) *greedy {
	t.Helper()
	g := &greedy{n: n}
	r := g.request(prompt)
	r.Conversation = name
	if err := q.Do(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	return g
}

// equal fails unless a and b have the same logits, bit for bit, and computed as many tokens.
func equal(t *testing.T, what string, a, b *greedy) {
	t.Helper()
	if a.cached != b.cached || len(a.logits) != len(b.logits) {
		t.Fatalf("%s: %d tokens were known and %d written, expected %d and %d", what, a.cached, len(a.logits), b.cached, len(b.logits))
	}
	for i := range a.logits {
		for j := range a.logits[i] {
			if x, y := math.Float32bits(a.logits[i][j]), math.Float32bits(b.logits[i][j]); x != y {
				t.Fatalf("%s: logit %d of token %d is %x, expected %x", what, j, i, x, y)
			}
		}
	}
}

// TestDisk checks for every kind of state that a conversation goes on after a restart as it does without: nothing but the new tokens is computed, and the logits have the
// same bits. One prompt repeats the whole answer, one only a part of it, as the answer of a model that thinks.
func TestDisk(t *testing.T) {
	for _, family := range append(tiny.Representative(), "gemma3n", "rwkv7") { // layers that share keys and values, and a matrix for each head
		t.Run(family, func(t *testing.T) {
			f, err := gguf.Open(tiny.New(family).Write(t))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			dev, err := cpu.New(cpu.Options{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer dev.Close()
			m, err := arch.Open(f, dev, 0)
			if err != nil {
				t.Fatal(err)
			}
			testDisk(t, m, dev)
		})
	}
}

func testDisk(t *testing.T, m arch.Model, dev kernels.Device) {
	const prompt, answer = 120, 40
	disk := state.NewDisk(filepath.Join(t.TempDir(), "states"), "", 1<<30)
	start := func() *Queue {
		q, err := New(m, dev, 256)
		if err != nil {
			t.Fatal(err)
		}
		q.SetDisk(disk, [32]byte{1})
		return q
	}
	end := func(q *Queue) {
		if err := q.Close(errClosed); err != nil {
			t.Fatal(err)
		}
		if n := dev.(interface{ PagesInUse() int }).PagesInUse(); n != 0 {
			t.Fatalf("%d pages are in use", n)
		}
	}
	first := tokens(1, prompt)
	for _, repeated := range []int{answer, 10} {
		q := start()
		said := turn(t, q, "1", first, answer)
		next := append(append(first[:prompt:prompt], said.tokens[:repeated]...), tokens(2, 9)...)
		want := turn(t, q, "", next, 4)
		end(q)
		q = start()
		equal(t, "after a restart", turn(t, q, "1", next, 4), want)
		end(q)
	}
	if err := disk.Forget("1"); err != nil {
		t.Fatal(err)
	}
	q := start()
	if n := turn(t, q, "1", first, 1).cached; n != 0 {
		t.Errorf("%d tokens are known of a conversation that was forgotten", n)
	}
	end(q)
}

// tokens returns n tokens.
func tokens(seed, n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32((i*i*7 + i*seed + 3*seed) % tiny.Vocabulary)
	}
	return list
}

// TestDiskIdle checks that a state is saved when the queue is idle, before it is closed, and that what is no conversation leaves nothing.
func TestDiskIdle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "states")
	m, dev := load(t, "llama")
	q := queue(t, m, dev, 256)
	q.SetDisk(state.NewDisk(dir, "", 1<<30), [32]byte{1})
	q.pause = 50 * time.Millisecond
	turn(t, q, "", tokens(1, 50), 2)
	turn(t, q, "7", tokens(3, 50), 2)
	path := filepath.Join(dir, "7.state")
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm() == 0o600 {
			break
		}
		if err == nil || time.Now().After(end) {
			t.Fatalf("%v: %v", info, err)
		}
	}
	if files, err := os.ReadDir(dir); len(files) != 1 || err != nil {
		t.Errorf("%d files: %v", len(files), err)
	}
}
