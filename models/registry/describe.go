package registry

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// fileTypes names general.file_type. Source: llama.h, enum llama_ftype.
var fileTypes = map[int]string{
	0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L",
	14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS",
	24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4", 39: "NVFP4",
}

// describeGGUF returns the Info of a GGUF file, without Runs and Reason.
func describeGGUF(f *models.File) (Info, error) {
	r := keys{meta: f.Meta}
	arch := r.text("general.architecture")
	i := Info{
		Kind: kindOf(f.Meta), Family: clean(arch), Licence: clean(r.text("general.license")),
		Title:    titleOf(f.Path, r.text("general.name")),
		Context:  r.int(arch + ".context_length"),
		Layers:   r.attentionLayers(arch),
		KVHeads:  r.most(arch + ".attention.head_count_kv"),
		HeadDim:  r.int(arch + ".attention.key_length"),
		Template: r.text("tokenizer.chat_template") != "",
	}
	heads := r.most(arch + ".attention.head_count")
	if i.KVHeads == 0 {
		i.KVHeads = heads
	}
	if i.HeadDim == 0 && heads > 0 {
		i.HeadDim = r.int(arch+".embedding_length") / heads
	}
	if slices.Contains(models.Encoders, arch) {
		i.Layers = min(1, i.Layers) // they run one after the other, over the same keys and values
	}
	r.windows(&i)
	values := map[quant.Type]int64{}
	for _, t := range f.Tensors {
		i.Parameters += int64(t.Len())
		values[t.Type] += int64(t.Len())
		if t.Name == "per_layer_token_embd.weight" || t.Name == "token_embd.weight" && hasOutput(f) {
			i.LookedUp += int64(len(t.Data))
		}
	}
	i.Quantization = quantization(&r, values)
	return i, r.err
}

// kindOf returns the kind of a model in a GGUF file.
func kindOf(m models.Metadata) Kind {
	if m.IsVision() {
		return Vision
	}
	purpose, _ := m.Purpose() // Check reports the error
	switch purpose {
	case models.Embeds:
		return Embedding
	case models.Ranks:
		return Reranker
	}
	return Chat
}

// hasOutput reports whether the model has an output matrix beside the embedding of its tokens.
func hasOutput(f *models.File) bool {
	_, ok := f.Tensor("output.weight")
	return ok
}

// windows sets i.Local, the number of layers that attend only to a window, and i.Window.
func (k *keys) windows(i *Info) {
	if i.Layers > maxLayers {
		return // engine.Open refuses the file
	}
	local, window, err := k.meta.LocalLayers(i.Family, i.Layers)
	k.keep(err)
	for _, l := range local {
		if l {
			i.Local++
		}
	}
	if i.Local > 0 {
		i.Window = window
	}
}

// maxLayers is above the number of layers of any known model.
const maxLayers = 1 << 10

// quantization returns the name in general.file_type, or else the type of most values.
func quantization(r *keys, values map[quant.Type]int64) string {
	if n, err := r.meta.Int("general.file_type", -1); err == nil { // the key is only a description
		if name, ok := fileTypes[n]; ok {
			return name
		}
	}
	best := quant.F32
	for t, n := range values {
		if n > values[best] || n == values[best] && t < best {
			best = t
		}
	}
	return gguf.TypeName(best)
}

// run sets i.Runs, i.Reason and i.Warning to what check finds in f, unless the function that describes the
// format has found a reason already.
func (i *Info) run(f *models.File, check Check) {
	if i.Reason != "" {
		return
	}
	var err error
	i.Needs = nil
	if check != nil && !i.Encrypted {
		var v Verdict
		v, err = check(f)
		i.Warning, i.Needs = v.Warning, v.Needs
	}
	if err == nil && f.Format == "gguf" {
		err = gguf.CheckTypes(f) // of the tensors that the network does not use
	}
	i.Runs, i.Reason = err == nil, reasonOf(err)
}

// reasonOf returns in sentences why a file can't be opened; "" if err is nil.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*models.FileError](err)
	if !ok {
		return "The file can't be opened: " + models.Printable(err.Error()) + "."
	}
	s := "The file " + e.Reason + "."
	if e.Advice != "" {
		s += " " + strings.ToUpper(e.Advice[:1]) + e.Advice[1:] + "."
	}
	return s
}

// keys reads metadata and keeps the first error.
type keys struct {
	meta models.Metadata
	err  error
}

func (k *keys) keep(err error) {
	if k.err == nil {
		k.err = err
	}
}

func (k *keys) text(key string) string {
	s, err := k.meta.String(key, "")
	k.keep(err)
	return s
}

func (k *keys) int(key string) int {
	n, err := k.meta.Int(key, 0)
	if n < 0 {
		k.keep(fmt.Errorf("key %s is negative: %w", models.Quote(key), models.ErrCorrupt))
		return 0
	}
	k.keep(err)
	return n
}

// most reads a number, or a list with a number for each layer and returns the largest.
func (k *keys) most(key string) int {
	switch k.meta[key].(type) {
	case []int64, []uint64:
		list, err := k.meta.Ints(key)
		if k.keep(err); len(list) > 0 {
			return int(min(max(0, slices.Max(list)), 1<<40))
		}
		return 0
	}
	return k.int(key)
}

// attentionLayers returns the number of layers that keep keys and values. The file may give
// the number of key/value heads for each layer, of which those without any do not count, or say which layers are
// recurrent, or that one in some number is not. Blocks that only draft tokens do not count either.
func (k *keys) attentionLayers(arch string) int {
	layers := max(0, k.int(arch+".block_count")-k.int(arch+".nextn_predict_layers"))
	if passes := k.int(arch + ".num_loops"); passes > 1 && passes <= maxLayers && layers <= maxLayers {
		layers *= passes // each has keys and values of its own
	}
	const heads = ".attention.head_count_kv"
	switch k.meta[arch+heads].(type) {
	case []int64, []uint64:
		list, err := k.meta.Ints(arch + heads)
		k.keep(err)
		none := 0
		for _, n := range list[:min(layers, len(list))] {
			if n == 0 {
				none++
			}
		}
		return max(0, layers-none)
	}
	recurrent, err := k.meta.Bools(arch + ".attention.recurrent_layers")
	k.keep(err)
	switch every := k.int(arch + ".full_attention_interval"); {
	case recurrent != nil:
		n := 0
		for _, r := range recurrent[:min(layers, len(recurrent))] {
			if !r {
				n++
			}
		}
		return n
	case every > 0:
		return layers / every
	}
	return layers
}

// samplingOf returns the sampling settings that the file recommends, and general ones where
// it recommends none or its value is out of range. Source of the keys:
// gguf-py/gguf/constants.py of llama.cpp.
func samplingOf(m models.Metadata, kind Kind) Sampling {
	if kind != Chat {
		return Sampling{}
	}
	s := Sampling{Temperature: 0.7, TopP: 0.95, MinP: 0.05, Repeat: 1}
	for key, to := range map[string]struct {
		value     *float32
		low, high float64
	}{
		"temp": {&s.Temperature, 0, 5}, "top_p": {&s.TopP, 0, 1}, "min_p": {&s.MinP, 0, 1}, "penalty_repeat": {&s.Repeat, 0.5, 2},
	} {
		x, err := m.Float("general.sampling."+key, math.NaN())
		if err == nil && x >= to.low && x <= to.high {
			*to.value = float32(x)
		}
	}
	if k, err := m.Int("general.sampling.top_k", 0); err == nil && k > 0 {
		s.TopK = k
	}
	return s
}

var (
	quantSuffix = regexp.MustCompile(`(?i)(^|[-._ ])(ud-)?(i?q[0-9]+([-_][0-9a-z]+)*|b?f16|f32|fp16|fp32|mxfp4|gguf)$`)
	separators  = regexp.MustCompile(`[-_\s]+`)
	letters     = regexp.MustCompile(`[^\pL\pN\pM]+`)
)

// titleOf returns a title for a GGUF model. File names usually identify the model well
// ("SmolLM2-135M-Instruct.Q4_1.gguf"), while general.name is often the name of a training
// run. So general.name is used only where it agrees with the file name or the file name
// identifies nothing.
func titleOf(path, name string) string {
	fromFile := stem(path)
	for quantSuffix.MatchString(fromFile) {
		fromFile = quantSuffix.ReplaceAllString(fromFile, "")
	}
	bare := func(s string) string { return letters.ReplaceAllString(strings.ToLower(s), "") }
	name, fromFile = clean(name), clean(separators.ReplaceAllString(fromFile, " "))
	switch b := bare(fromFile); {
	case name != "" && (b == bare(name) || len(b) < 3 || b == "model" || b == "ggmlmodel" || b == "weights"):
		return name
	case fromFile == "":
		return clean(filepath.Base(path))
	}
	return fromFile
}

// clean makes a text from a file printable on one line, valid UTF-8, and at most 80 characters long.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > 80 {
		s = string(runes[:79]) + "…"
	}
	return s
}
