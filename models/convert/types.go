package convert

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/huggingface"
)

// mix says in which types the weights of a model are stored. Most have the type base; those that matter more than others have more bits:
//
//	Q4_K_M, Q5_K_M   values and the second matrix of the feed-forward network in half of the layers as Q6_K: the first and the last eighth, and
//	                 every third between them
//	Q4_K_S           the same two as Q5_K in the first layers
//	Q3_K_M, Q3_K_L   the same two and the output of the attention with one or two bits more
//	Q2_K             the same three as Q3_K, or the values as Q4_K where several heads share them
//
// The output matrix, which may be the embeddings too, is Q6_K, and Q8_0 where its rows are not whole blocks. Norms, biases and other small
// tensors stay floats. The rule is that of llama.cpp (llama-quant.cpp, llama_tensor_get_type_impl), so that files are of the same size.
type mix struct {
	base     quant.Type
	fileType uint64 // general.file_type, enum llama_ftype of llama.h
}

var mixes = map[string]mix{
	"F32": {quant.F32, 0}, "F16": {quant.F16, 1}, "BF16": {quant.BF16, 32},
	"Q4_0": {quant.Q4_0, 2}, "Q4_1": {quant.Q4_1, 3}, "Q5_0": {quant.Q5_0, 8}, "Q5_1": {quant.Q5_1, 9}, "Q8_0": {quant.Q8_0, 7},
	"Q2_K": {quant.Q2_K, 10}, "Q3_K_S": {quant.Q3_K, 11}, "Q3_K_M": {quant.Q3_K, 12}, "Q3_K_L": {quant.Q3_K, 13},
	"Q4_K_S": {quant.Q4_K, 14}, "Q4_K_M": {quant.Q4_K, 15}, "Q5_K_S": {quant.Q5_K, 16}, "Q5_K_M": {quant.Q5_K, 17}, "Q6_K": {quant.Q6_K, 18},
	"IQ4_NL": {quant.IQ4_NL, 25}, "IQ4_XS": {quant.IQ4_XS, 30}, "MXFP4": {quant.MXFP4, 38},
}

// Types returns the names of the types and mixes that Options.Type may have, the smallest first.
func Types() []string {
	names := slices.Collect(maps.Keys(mixes))
	bits := func(name string) float64 {
		t := mixes[name].base
		return float64(t.BlockBytes()) / float64(t.BlockValues())
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(bits(a), bits(b)), cmp.Compare(mixes[a].fileType, mixes[b].fileType))
	})
	return names
}

// TypeError is the error of a type that can't be written.
type TypeError struct{ Name string }

func (e *TypeError) Error() string {
	return fmt.Sprintf("weights can't be stored as %s: %s are known", models.Quote(e.Name), strings.Join(Types(), ", "))
}

// mixNamed returns the mix with a name in any case.
func mixNamed(name string) (string, mix, error) {
	name = strings.ToUpper(name)
	if name == "Q3_K" || name == "Q4_K" || name == "Q5_K" {
		name += "_M"
	}
	m, ok := mixes[name]
	if !ok {
		return "", m, &TypeError{name}
	}
	return name, m, nil
}

// network is what the rule of a mix asks of a model.
type network struct {
	family      string
	layers      int  // block_count
	shared      int  // how many heads share keys and values
	experts     int  // 0: no mixture
	tied        bool // the embeddings are the output matrix too
	values      int  // number of tensors of values
	importances bool
}

func (m *model) network(o Options) (n network, err error) {
	if n.family, err = m.meta.String("general.architecture", ""); err != nil {
		return n, err
	}
	number := func(key string) int {
		v, one := m.meta.Int(n.family+"."+key, 0)
		if list, many := m.meta.Ints(n.family + "." + key); many == nil && len(list) > 0 {
			v, one = int(list[0]), nil
		}
		if err == nil {
			err = one
		}
		return v
	}
	n.layers, n.experts = number("block_count"), number("expert_count")
	heads, pairs := number("attention.head_count"), number("attention.head_count_kv")
	n.shared, n.tied, n.importances = heads/max(1, cmp.Or(pairs, heads)), true, o.Importance != nil
	for _, t := range m.tensors {
		name := m.name(t)
		if name == "output.weight" {
			n.tied = false
		}
		if roleOf(name) == values {
			n.values++
		}
	}
	return n, err
}

// role is what a tensor does in a network, as far as mixes tell them apart.
type role int

const (
	other role = iota
	embedding
	output
	keys
	values // alone or together with others
	attentionOutput
	down // the second matrix of the feed-forward network
)

// roleOf returns the role of a tensor by its name in a GGUF file.
func roleOf(name string) role {
	switch {
	case name == "output.weight":
		return output
	case name == "token_embd.weight" || name == "per_layer_token_embd.weight":
		return embedding
	case strings.Contains(name, "attn_qkv.weight"), strings.Contains(name, "attn_kv_b.weight"), strings.Contains(name, "attn_v.weight"):
		return values
	case strings.Contains(name, "attn_k.weight"):
		return keys
	case strings.Contains(name, "attn_output.weight"):
		return attentionOutput
	case strings.Contains(name, "ffn_down"):
		return down
	}
	return other
}

// unquantized are parts of the names of matrices that stay as they are: small, or sensitive.
var unquantized = []string{"_norm.weight", "ffn_gate_inp.weight", "altup", "laurel", "per_layer_model_proj", "ssm_conv1d", "shortconv.conv.weight", "indexer.",
	"time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight",
	"time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight", "time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
	"time_mix_lerp_fused.weight", "attn_rel_b.weight", "position_embd", "token_types.weight", "patch_embd", "patch_merger", "rel_pos"}

// matrix reports whether the weights of t may be stored in another type.
func matrix(t models.Tensor) bool {
	if len(t.Shape) < 2 || !strings.HasSuffix(t.Name, "weight") {
		return false
	}
	return !slices.ContainsFunc(unquantized, func(part string) bool { return strings.Contains(t.Name, part) })
}

// name returns the name of a tensor of m in a GGUF file.
func (m *model) name(t models.Tensor) string {
	if m.folder != "" {
		return huggingface.FileName(m.folder, t.Name)
	}
	return t.Name
}

// plan returns the type in which each tensor is stored, and sets general.file_type.
func (m *model) plan(o Options, to Format) ([]quant.Type, error) {
	types := make([]quant.Type, len(m.tensors))
	for i, t := range m.tensors {
		types[i] = t.Type
		if !t.Type.Known() {
			return nil, fmt.Errorf("tensor %s is stored as %v, which this program does not have: %w", models.Quote(t.Name), t.Type, models.ErrUnsupported)
		}
	}
	if o.Type == "" && to != Folder {
		return types, nil
	}
	if o.Type == "" { // a folder has floats only
		for i, t := range m.tensors {
			if t.Type.BlockValues() > 1 {
				types[i] = quant.F16
			}
		}
		return types, nil
	}
	name, x, err := mixNamed(o.Type)
	if err != nil {
		return nil, err
	}
	if to == Folder && x.base.BlockValues() > 1 {
		return nil, fmt.Errorf("weights of type %s can't be written to a folder, which has floats only: %w", name, models.ErrUnsupported)
	}
	if m.speech {
		return m.planSpeech(types, x.base), nil
	}
	n, err := m.network(o)
	if err != nil {
		return nil, err
	}
	m.meta["general.file_type"] = x.fileType
	if x.base.BlockValues() > 1 {
		m.meta["general.quantization_version"] = uint64(2)
	}
	order := make([]int, len(m.tensors))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := m.name(m.tensors[i]), m.name(m.tensors[j])
		return cmp.Or(cmp.Compare(layerOf(a), layerOf(b)), cmp.Compare(a, b))
	})
	seen := map[role]int{}
	for _, i := range order {
		t := m.tensors[i]
		if t.Name = m.name(t); !matrix(t) {
			continue
		}
		r := roleOf(t.Name)
		at := seen[r]
		if r == down && n.experts > 1 {
			at = layerOf(t.Name)
		}
		seen[r]++
		to := fitting(n.typeOf(name, x.base, t, r, at), t.Cols())
		if to != t.Type && !quant.CanEncode(to) {
			return nil, &TypeError{name}
		}
		types[i] = to
	}
	return types, nil
}

// layerOf returns the number of the layer of a tensor, -1 if it is in none.
func layerOf(name string) int {
	rest, ok := strings.CutPrefix(name, "blk.")
	number, _, ok2 := strings.Cut(rest, ".")
	if n, err := strconv.Atoi(number); ok && ok2 && err == nil {
		return n
	}
	return -1
}

// typeOf returns the type of a matrix t with a role, number at of those with this role.
func (n network) typeOf(name string, base quant.Type, t models.Tensor, r role, at int) quant.Type {
	switch {
	case base.BlockValues() == 1:
		return base
	case r == output || r == embedding && n.tied:
		if name == "MXFP4" || n.family == "falcon" || base == quant.Q8_0 || t.Cols()%base.BlockValues() != 0 {
			return quant.Q8_0
		}
		return quant.Q6_K
	case name == "MXFP4":
		if n.experts > 0 && len(t.Shape) < 3 {
			return quant.Q8_0
		}
		return base
	}
	switch r {
	case values:
		return n.valuesType(name, base, t, at)
	case keys:
		if n.experts == 8 {
			return quant.Q8_0
		}
	case down:
		return n.downType(name, base, at)
	case attentionOutput:
		return n.attentionOutputType(name, base)
	}
	return base
}

// more reports whether layer at of so many is one of those with more bits.
func more(at, layers int) bool {
	return at < layers/8 || at >= 7*layers/8 || (at-layers/8)%3 == 2
}

func (n network) valuesType(name string, base quant.Type, t models.Tensor, at int) quant.Type {
	to := base
	switch {
	case name == "Q2_K" && n.shared >= 4:
		to = quant.Q4_K
	case name == "Q2_K":
		to = quant.Q3_K
	case name == "Q3_K_M" && at >= 2:
		to = quant.Q4_K
	case name == "Q3_K_M", name == "Q3_K_L", name == "Q4_K_S" && at < 4, strings.HasPrefix(name, "IQ4") && n.shared >= 4:
		to = quant.Q5_K
	case (name == "Q4_K_M" || name == "Q5_K_M") && more(at, n.values):
		to = quant.Q6_K
	}
	if n.family == "llama" && n.layers == 80 && (to == quant.Q3_K || to == quant.Q4_K) { // of the models with 70 billion weights
		to = quant.Q5_K
	}
	if n.experts == 8 {
		to = quant.Q8_0
	}
	return to
}

func (n network) downType(name string, base quant.Type, at int) quant.Type {
	falcon, first := n.family == "falcon", at < n.layers/8
	switch {
	case name == "Q2_K":
		return quant.Q3_K
	case name == "Q3_K_M" && at < n.layers/16:
		return quant.Q5_K
	case name == "Q3_K_M" && (!falcon || more(at, n.layers)), name == "Q3_K_L" && falcon:
		return quant.Q4_K
	case name == "Q3_K_L":
		return quant.Q5_K
	case name == "Q4_K_M" && falcon && at < n.layers/16:
		return quant.Q6_K
	case name == "Q4_K_M" && falcon && more(at, n.layers):
		return quant.Q5_K
	case (name == "Q4_K_M" && !falcon || name == "Q5_K_M") && more(at, n.layers):
		return quant.Q6_K
	case strings.HasPrefix(name, "IQ4") && first && !n.importances, name == "Q4_K_S" && !falcon && first:
		return quant.Q5_K
	case name == "Q4_0" && n.importances && first:
		return quant.Q4_1
	case name == "Q5_0" && n.importances && first:
		return quant.Q5_1
	}
	return base
}

func (n network) attentionOutputType(name string, base quant.Type) quant.Type {
	switch falcon, eight := n.family == "falcon", n.experts == 8; {
	case falcon && name == "Q3_K_L":
		return quant.Q4_K
	case falcon:
		return base
	case eight && (name == "Q2_K" || name == "Q3_K_S" || name == "Q3_K_M" || name == "Q4_K_S" || name == "Q4_K_M" || strings.HasPrefix(name, "IQ4")):
		return quant.Q5_K
	case eight:
		return base
	case name == "Q2_K":
		return quant.Q3_K
	case name == "Q3_K_M":
		return quant.Q4_K
	case name == "Q3_K_L":
		return quant.Q5_K
	}
	return base
}

// smaller are the types with blocks of 32 that stand for those with 256 where rows are not whole blocks.
var smaller = map[quant.Type]quant.Type{
	quant.IQ4_XS: quant.IQ4_NL, quant.Q2_K: quant.Q4_0, quant.Q3_K: quant.Q4_0, quant.Q4_K: quant.Q5_0, quant.Q5_K: quant.Q5_1, quant.Q6_K: quant.Q8_0,
}

// fitting returns t, or a type that rows of so many columns can have.
func fitting(t quant.Type, cols int) quant.Type {
	if to, ok := smaller[t]; ok && cols%t.BlockValues() != 0 {
		t = to
	}
	if cols%t.BlockValues() != 0 {
		return quant.F16
	}
	return t
}

// planSpeech returns the types of the tensors of a Whisper model: matrices as base, all else as float32 beside blocks, and like the matrices otherwise.
func (m *model) planSpeech(types []quant.Type, base quant.Type) []quant.Type {
	for i, t := range m.tensors {
		switch {
		case base.BlockValues() == 1 && !strings.HasPrefix(t.Name, "__"):
			types[i] = base
		case len(t.Shape) == 2 && !strings.Contains(t.Name, "position") && !strings.HasPrefix(t.Name, "__"):
			types[i] = fitting(base, t.Cols())
		case base.BlockValues() > 1:
			types[i] = quant.F32
		}
	}
	return types
}
