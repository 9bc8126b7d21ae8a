package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/batch"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// residence is what a process reports that has opened a model and filled its context, in bytes.
type residence struct {
	Before, Opened, Most int64 // resident before and after opening, and the most from then on
}

// residentVariable has the path of the model that this process opens, and the context.
const residentVariable = "SOBERANO_TEST_RESIDENT"

// resident returns a line of /proc/self/status, which is in kB.
func resident(t *testing.T, key string) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), key+":")
	var kB int64
	if _, err := fmt.Sscan(after, &kB); err != nil {
		t.Fatal(err)
	}
	return kB << 10
}

// TestResidentProcess is the process that TestResident starts.
func TestResidentProcess(t *testing.T) {
	path, size, ok := strings.Cut(os.Getenv(residentVariable), "\n")
	if !ok {
		t.Skip("a process of TestResident")
	}
	n, err := strconv.Atoi(size)
	if err != nil {
		t.Fatal(err)
	}
	r := residence{Before: resident(t, "VmRSS")}
	f, err := registry.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Threads: 2, Forget: models.Forget})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(f, dev, Options{Context: n})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r.Opened = resident(t, "VmRSS")
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600); err != nil { // forgets the most so far
		t.Fatal(err)
	}
	left := 4
	err = m.queue.Do(context.Background(), batch.Request{Tokens: m.random(m.Info().Context - 8), From: m.Info().Context - 9, Each: func(int, []float32) (int32, bool, error) {
		left--
		return 0, left > 0, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.Most = resident(t, "VmHWM")
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	os.Stderr.Write(append(b, '\n'))
}

func measureResident(t *testing.T, path string, context int) (r residence) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestResidentProcess$")
	cmd.Env = append(os.Environ(), "GOGC=10", residentVariable+"="+path+"\n"+strconv.Itoa(context))
	var out bytes.Buffer
	cmd.Stderr = &out
	if b, err := cmd.Output(); err != nil {
		t.Fatalf("%v: %s%s", err, b, out.Bytes())
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// widened are the kinds whose states differ most, with those widths of the tiny model that do not grow in proportion, by the factor.
var widened = map[string]func(f int) map[int]int{
	"llama": nil, "mixtral": nil, "gemma3": nil, "gpt-oss": nil, "qwen35": nil,
	"deepseek2": func(f int) map[int]int { return map[int]int{72: 64*f + 8} },
	"mamba2":    func(f int) map[int]int { return map[int]int{324: 256*f + 68, 192: 128*f + 64} },
}

// deepen makes s a model of n layers.
func deepen(s *tiny.Source, n int) {
	layers, like := int(s.Meta[s.Architecture+".block_count"].(uint64)), func(int) int { return 1 }
	if every, ok := s.Meta[s.Architecture+".full_attention_interval"].(uint64); ok {
		like = func(i int) int { return i % int(every) }
	}
	s.Meta[s.Architecture+".block_count"] = uint64(n)
	old := slices.Clone(s.Tensors)
	for i := layers; i < n; i++ {
		for _, t := range old {
			if name, ok := strings.CutPrefix(t.Name, fmt.Sprintf("blk.%d.", like(i))); ok {
				t.Name = fmt.Sprintf("blk.%d.%s", i, name)
				s.Tensors = append(s.Tensors, t)
			}
		}
	}
}

// widen makes all widths of s of 32 or more, but that of the vocabulary, and the numbers of heads f times as large, or as large as but says. The values repeat.
func widen(s *tiny.Source, f, context int, but map[int]int) {
	wide := func(n int) int {
		switch to, ok := but[n]; {
		case ok:
			return to
		case n < 32 || n == tiny.Vocabulary:
			return n
		}
		return n * f
	}
	for key, v := range s.Meta {
		n, number := v.(uint64)
		switch name := strings.TrimPrefix(key, s.Architecture+"."); {
		case !number || name == key || name == "attention.sliding_window":
		case name == "context_length":
			s.Meta[key] = uint64(context)
		case (name == "attention.head_count" || name == "attention.head_count_kv") && n > 1:
			s.Meta[key] = n * uint64(f)
		default:
			s.Meta[key] = uint64(wide(int(n)))
		}
	}
	for i, t := range s.Tensors {
		shape := slices.Clone(t.Shape)
		for d := range shape {
			if shape[d] = wide(shape[d]); strings.HasSuffix(t.Name, "attn_sinks.weight") || (strings.HasSuffix(t.Name, "_k_b.weight") || strings.HasSuffix(t.Name, "_v_b.weight")) && d == 0 {
				shape[d] *= f // heads
			}
		}
		old := t.Data
		t.Shape = shape
		t.Data = bytes.Repeat(old, (t.Rows()*t.Type.RowBytes(t.Cols())+len(old)-1)/len(old))[:t.Rows()*t.Type.RowBytes(t.Cols())]
		s.Tensors[i] = t
	}
}

// TestResident compares the estimates of the memory of models with what processes that have opened them, and filled the context, have resident: of all the kinds of widened if the
// variable SOBERANO_RESIDENT is all (some minutes), and of the files that it lists, otherwise of one kind.
func TestResident(t *testing.T) {
	paths := strings.Fields(os.Getenv("SOBERANO_RESIDENT"))
	kinds, contexts, bound := []string{"llama"}, []int{512}, 1.2
	if len(paths) > 0 {
		contexts, bound = []int{512, 2048}, 1.1
	}
	switch {
	case slices.Equal(paths, []string{"all"}):
		paths, kinds = nil, slices.Sorted(maps.Keys(widened))
	case len(paths) > 0:
		kinds = nil
	case testing.Short():
		t.Skip("it takes seconds")
	}
	for _, kind := range kinds {
		s := tiny.New(kind)
		var but map[int]int
		if widened[kind] != nil {
			but = widened[kind](8)
		}
		widen(s, 8, 2048, but)
		if kind == "mamba2" {
			deepen(s, 48) // its layers are small
		} else {
			deepen(s, 16)
		}
		paths = append(paths, s.Write(t))
	}
	for i, path := range paths {
		in, err := registry.Inspect(path, Check)
		if err != nil || !in.Runs {
			t.Errorf("%v %s", err, in.Reason)
			continue
		}
		for _, context := range contexts {
			name := filepath.Base(path)
			if len(kinds) == len(paths) {
				name = kinds[i]
			}
			weights, cache, scratch := Estimate(in, context, "")
			r := measureResident(t, path, context)
			sum, grown := weights+cache+scratch, r.Most-r.Before
			ratio := float64(sum) / float64(grown)
			mb := func(n int64) float64 { return float64(n) / 1e6 }
			t.Logf("%s, %d tokens: %.1f MB resident, %.1f after opening; estimate %.1f = %.1f + %.1f + %.1f; ratio %.3f", name, context, mb(grown), mb(r.Opened-r.Before), mb(sum), mb(weights), mb(cache), mb(scratch), ratio)
			if ratio < 2-bound || ratio > bound {
				t.Errorf("%s with %d tokens: %.1f MB are estimated, %.1f MB are resident", name, context, mb(sum), mb(grown))
			}
		}
	}
}
