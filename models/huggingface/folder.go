package huggingface

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"soberano/models"
)

// written says how the models of a family are written as a folder.
type written struct {
	kind, class string // model_type and the class in architectures
	keys        func(*folderWriter)
	experts     string // the module of a layer that has the experts
}

// folders has the families that Folder writes, by general.architecture. mixtral is llama with experts.
var folders = map[string]written{
	"gemma":    {kind: "gemma", class: "GemmaForCausalLM"},
	"gemma2":   {kind: "gemma2", class: "Gemma2ForCausalLM", keys: gemmaValues},
	"gemma3":   {kind: "gemma3_text", class: "Gemma3ForCausalLM", keys: gemmaValues},
	"llama":    {kind: "llama", class: "LlamaForCausalLM", keys: llamaValues},
	"mixtral":  {kind: "mixtral", class: "MixtralForCausalLM", keys: mixtralValues, experts: "block_sparse_moe"},
	"phi3":     {kind: "phi3", class: "Phi3ForCausalLM", keys: phi3Values},
	"qwen2":    {kind: "qwen2", class: "Qwen2ForCausalLM"},
	"qwen3":    {kind: "qwen3", class: "Qwen3ForCausalLM"},
	"qwen3moe": {kind: "qwen3_moe", class: "Qwen3MoeForCausalLM", keys: qwenMoEValues, experts: "mlp"},
}

// Folders returns the families that Folder writes, by general.architecture, sorted.
func Folders() []string { return slices.Sorted(maps.Keys(folders)) }

// folderWriter is a folder that is made of a model in the form of a GGUF file.
type folderWriter struct {
	*config // of which values is the config.json, and f the model
	written
	tensors []models.Tensor
}

// Folder returns f, a language model with the keys and tensors of a GGUF file, as a folder that Convert turns into the same keys and tensors. Aux of the result has files, the
// tokenizer of the folder, and config.json. The result uses the memory of f. The error is a *models.FileError that names what a folder has no place for.
func Folder(f *models.File, files map[string][]byte) (*models.File, error) {
	const advice = "write it as a .gguf or an .apr file"
	architecture, err := f.Meta.String("general.architecture", "")
	if err != nil {
		return nil, models.InFile(f.Path, err)
	}
	kind, known := folders[architecture]
	if architecture == "llama" && f.Meta["llama.expert_count"] != nil {
		kind = folders["mixtral"]
	}
	if !known {
		return nil, models.Unsupported(f.Path, advice, "is of the family %s, of which no folder is written, only of %s", models.Printable(architecture), strings.Join(Folders(), ", "))
	}
	w := &folderWriter{config: &config{f: f, family: families[kind.kind], values: map[string]any{}, meta: models.Metadata{}}, written: kind}
	out, err := w.write(files)
	if err != nil {
		return nil, models.Unsupported(f.Path, advice, "can't be a folder of the model_type %s: %v", kind.kind, err)
	}
	return out, nil
}

// write returns the folder with these files.
func (w *folderWriter) write(files map[string][]byte) (*models.File, error) {
	for _, t := range w.f.Tensors {
		if !t.Type.Known() || t.Len() == 0 {
			return nil, fmt.Errorf("the tensor %s has no values, or values of a type that this program does not have", models.Quote(t.Name))
		}
	}
	w.configure()
	for _, t := range w.f.Tensors {
		if err := w.add(t); err != nil {
			return nil, err
		}
	}
	out := &models.File{Format: "safetensors", Path: w.f.Path, Meta: Description(w.f.Meta), Aux: maps.Clone(files), Tensors: w.tensors}
	if err := w.writeFiles(out.Aux); err != nil {
		return nil, err
	}
	return out, w.check(out)
}

// key returns a key of the family.
func (w *folderWriter) key(name string) any { return w.f.Meta[w.family.architecture+"."+name] }

// copy sets values of config.json that are those of keys; names has the name of each key.
func (w *folderWriter) copy(names map[string]string) {
	for key, name := range names {
		switch v := w.key(key).(type) {
		case nil:
		case float64:
			w.values[name] = json.Number(strconv.FormatFloat(v, 'g', -1, 32)) // a float32 in a GGUF file
		case uint64, int64:
			w.values[name] = json.Number(fmt.Sprint(v))
		default:
			w.values[name] = v
		}
	}
}

// configure makes config.json, as far as keys say it.
func (w *folderWriter) configure() {
	w.values["model_type"], w.values["architectures"] = w.kind, []string{w.class}
	w.copy(sizeNames)
	w.copy(map[string]string{"attention.layer_norm_rms_epsilon": "rms_norm_eps", "hidden_activation": "hidden_act", "rope.freq_base": "rope_theta"})
	if _, set := w.values["rope_theta"]; !set {
		w.values["rope_theta"] = json.Number("10000")
	}
	if t, ok := w.f.Tensor("token_embd.weight"); ok && len(t.Shape) == 2 {
		w.values["vocab_size"] = json.Number(digits(t.Shape[0]))
	}
	_, own := w.f.Tensor("output.weight")
	w.values["tie_word_embeddings"] = !own
	if name, ok := w.f.Meta["general.name"].(string); ok {
		w.values["_name_or_path"] = name
	}
	w.scaling()
	if w.written.keys != nil {
		w.written.keys(w)
	}
}

// scaling sets how the rotary embedding is scaled: linearly, by YaRN, or as in Llama 3.1, of which a GGUF file has only the divisors of the frequencies that result.
func (w *folderWriter) scaling() {
	list := map[string]string{"rope.scaling.factor": "factor", "rope.scaling.original_context_length": "original_max_position_embeddings"}
	inner := &folderWriter{config: &config{f: w.f, family: w.family, values: map[string]any{}}}
	kind, _ := w.key("rope.scaling.type").(string)
	divisors, ok := w.f.Tensor("rope_freqs.weight")
	switch {
	case kind == "linear" || kind == "yarn":
		inner.copy(list)
		inner.values["rope_type"] = kind
	case ok:
		inner.values = llama3Scaling(divisors)
	}
	if len(inner.values) > 0 {
		w.values["rope_scaling"] = inner.values
	}
}

// llama3Scaling returns the rope_scaling of Llama 3.1 and later, all of which have these numbers but the factor, the largest divisor.
func llama3Scaling(divisors models.Tensor) map[string]any {
	factor := float32(1)
	for _, x := range floatsOf(divisors) {
		factor = max(factor, x)
	}
	return map[string]any{"rope_type": "llama3", "factor": json.Number(strconv.FormatFloat(float64(factor), 'g', -1, 32)), "low_freq_factor": json.Number("1"),
		"high_freq_factor": json.Number("4"), "original_max_position_embeddings": json.Number("8192")}
}

// llamaValues says that the projections of attention have biases, if they do.
func llamaValues(w *folderWriter) {
	if _, ok := w.f.Tensor("blk.0.attn_q.bias"); ok {
		w.values["attention_bias"] = true
	}
}

func mixtralValues(w *folderWriter) {
	llamaValues(w)
	w.copy(map[string]string{"expert_count": "num_local_experts", "expert_used_count": "num_experts_per_tok"})
}

func qwenMoEValues(w *folderWriter) {
	w.copy(map[string]string{"expert_count": "num_experts", "expert_used_count": "num_experts_per_tok", "expert_feed_forward_length": "moe_intermediate_size"})
	w.values["norm_topk_prob"] = true
}

// gemmaValues sets the windows of gemma2 and gemma3, and the scale of the scores of attention, which the largest of both have in another way.
func gemmaValues(w *folderWriter) {
	w.copy(map[string]string{"rope.freq_base_swa": "rope_local_base_freq", "attn_logit_softcapping": "attn_logit_softcapping",
		"final_logit_softcapping": "final_logit_softcapping", "attention.sliding_window": "sliding_window"})
	switch pattern := w.key("attention.sliding_window_pattern").(type) {
	case []bool:
		types := make([]string, len(pattern))
		for i, local := range pattern {
			if types[i] = "full_attention"; local {
				types[i] = "sliding_attention"
			}
		}
		w.values["layer_types"] = types
	default:
		w.copy(map[string]string{"attention.sliding_window_pattern": "sliding_window_pattern"})
	}
	_, scale := w.heads(false)
	if n := w.int("num_hidden_layers", 0); n == 46 || n == 62 { // the models with 27 billion weights
		scale = w.int("hidden_size", 0) / max(1, w.int("num_attention_heads", 0))
	}
	w.values["query_pre_attn_scalar"] = json.Number(digits(scale))
}

// phi3Values sets the rotated part of each head, and how LongRoPE scales it.
func phi3Values(w *folderWriter) {
	_, width := w.heads(false)
	if dims, ok := w.key("rope.dimension_count").(uint64); ok && width > 0 {
		w.values["partial_rotary_factor"] = json.Number(strconv.FormatFloat(float64(dims)/float64(width), 'g', -1, 64))
	}
	w.copy(map[string]string{"rope.scaling.original_context_length": "original_max_position_embeddings", "attention.sliding_window": "sliding_window"})
	scaling := map[string]any{"type": "longrope"}
	for tensor, name := range longFactors {
		if t, ok := w.f.Tensor(tensor); ok {
			scaling[name] = floatsOf(t)
			w.values["rope_scaling"] = scaling
		}
	}
}

// add adds the tensor of a folder that t was.
func (w *folderWriter) add(t models.Tensor) error {
	if isDivisors(t.Name) {
		return nil
	}
	if layer, module, _, ok := cutLayer(t.Name, "blk."); ok && w.experts != "" && len(t.Shape) == 3 && strings.HasSuffix(module, "_exps") {
		return w.addExperts(t, layer, module)
	}
	for _, candidate := range candidates(w.family, t.Name) {
		if strings.Contains(candidate, ".block_sparse_moe.") && w.experts != "block_sparse_moe" {
			continue // a name of other families
		}
		if n := w.family.name(w.config, candidate); n.text == t.Name && n.make == nil && n.expert == 0 {
			t.Name = candidate
			w.tensors = append(w.tensors, w.folderTensor(t, n))
			return w.err
		}
	}
	return fmt.Errorf("the tensor %s has no name in folders of the model_type %s", models.Quote(t.Name), w.kind)
}

// isDivisors reports whether a tensor has divisors of rotary frequencies, of which config.json tells.
func isDivisors(name string) bool { return name == "rope_freqs.weight" || longFactors[name] != "" }

// addExperts adds the matrices of the experts that are stacked in t.
func (w *folderWriter) addExperts(t models.Tensor, layer, module string) error {
	for _, part := range slices.Sorted(maps.Keys(expertModules)) {
		if expertModules[part] != module || strings.HasPrefix(part, "w") != (w.kind == "mixtral") {
			continue
		}
		size := len(t.Data) / t.Shape[0]
		for i := range t.Shape[0] {
			w.tensors = append(w.tensors, models.Tensor{Name: fmt.Sprintf("model.layers.%s.%s.experts.%d.%s.weight", layer, w.experts, i, part),
				Type: t.Type, Shape: t.Shape[1:], Data: t.Data[i*size:][:size]})
		}
		return nil
	}
	return fmt.Errorf("the tensor %s has no name in folders of the model_type %s", models.Quote(t.Name), w.kind)
}

// folderTensor is the inverse of tensor.
func (c *config) folderTensor(t models.Tensor, n name) models.Tensor {
	switch {
	case n.norm && c.family.plusOne && strings.HasSuffix(n.text, ".weight"):
		return plus(t, -1)
	case n.rotated != notRotated && c.family.interleaved:
		if heads, width := c.heads(n.rotated == keys); c.err == nil && width%2 == 0 && width > 0 {
			return c.reordered(t, heads*width, func(row int) int { return row/width*width + distant(row%width, width) })
		}
	}
	return t
}

// writeFiles adds config.json to the files of a folder, and the recommended settings of sampling to generation_config.json.
func (w *folderWriter) writeFiles(files map[string][]byte) (err error) {
	if files["config.json"], err = json.MarshalIndent(w.values, "", "  "); err != nil {
		return err
	}
	generation := map[string]any{}
	if b := files["generation_config.json"]; b != nil {
		if err := json.Unmarshal(b, &generation); err != nil {
			return err
		}
	}
	for name, key := range sampling {
		if v, ok := w.f.Meta[key]; ok {
			generation[name], generation["do_sample"] = v, true
		}
	}
	files["generation_config.json"], err = json.MarshalIndent(generation, "", "  ")
	return err
}

// check returns an error if the folder does not stand for all keys of the family and all tensors of the model, or for others.
func (w *folderWriter) check(out *models.File) error {
	back, err := Convert(out, false)
	if err != nil {
		return err
	}
	prefix := w.family.architecture + "."
	for key, v := range w.f.Meta {
		name, ours := strings.CutPrefix(key, prefix)
		if there := back.Meta[key]; ours && !same(v, there) && (there != nil || !w.implied(name, v)) {
			return fmt.Errorf("config.json has no place for the key %s = %.40s", models.Printable(key), fmt.Sprint(v))
		}
	}
	for key, v := range back.Meta {
		if name, ours := strings.CutPrefix(key, prefix); ours && w.f.Meta[key] == nil && !w.implied(name, v) {
			return fmt.Errorf("the file has no key %s, which config.json must say", models.Printable(key))
		}
	}
	if a, b := len(w.f.Tensors), len(back.Tensors); a != b {
		return fmt.Errorf("%d of the %d tensors have a place in it", b, a)
	}
	for _, t := range w.f.Tensors {
		u, ok := back.Tensor(t.Name)
		if !ok || !slices.Equal(t.Shape, u.Shape) {
			return fmt.Errorf("the tensor %s has no place in it", models.Quote(t.Name))
		}
		if isDivisors(t.Name) && !near(floatsOf(t), floatsOf(u)) {
			return fmt.Errorf("the tensor %s has numbers for which config.json has no place", t.Name)
		}
	}
	return nil
}

// implied reports whether a key that only the file or only the folder has says what holds without it.
func (w *folderWriter) implied(name string, v any) bool {
	_, width := w.heads(false)
	switch name {
	case "vocab_size":
		return true // the number of rows of the embeddings
	case "rope.dimension_count", "attention.key_length", "attention.value_length":
		return same(v, width)
	case "rope.freq_base":
		return same(v, 10000)
	case "rope.scaling.type":
		_, long := w.f.Tensor("rope_factors_long.weight")
		return v == "none" || v == "longrope" && long
	case "rope.scaling.original_context_length":
		return same(v, w.key("context_length"))
	case "attention.sliding_window":
		return same(v, 0)
	}
	return false
}

// same reports whether two values of keys are equal, numbers as float32.
func same(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	number := reflect.TypeFor[float64]()
	if a == nil || b == nil || !x.CanConvert(number) || !y.CanConvert(number) {
		return fmt.Sprint(a) == fmt.Sprint(b)
	}
	return float32(x.Convert(number).Float()) == float32(y.Convert(number).Float())
}

// near reports whether two lists differ by no more than what rounding changes.
func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) <= 1e-5*math.Abs(float64(x)) })
}
