package huggingface

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strconv"

	"soberano/models"
)

// config is the config.json of a model and the keys that are made of it. It keeps the first error and returns zeros after it.
type config struct {
	f      *models.File
	family family
	values map[string]any // of config.json, or of its part for text
	meta   models.Metadata
	extra  []models.Tensor // made of config.json
	ranks  bool            // the model scores pairs of texts
	skips  int             // of the embeddings of positions, so many at the beginning are not used
	stacks []stack         // tensors that are made of those of several experts
	err    error
}

// modelType returns model_type of f's config.json.
func modelType(f *models.File) (string, error) {
	values, err := object(f, "config.json")
	if err != nil {
		return "", err
	}
	return typeOf(values), nil
}

// typeOf returns model_type, or for models that see that of their text part.
func typeOf(values map[string]any) string {
	kind, _ := values["model_type"].(string)
	if text, ok := values["text_config"].(map[string]any); ok && multimodal[kind] {
		kind, _ = text["model_type"].(string)
	}
	return kind
}

// object parses a JSON file of f; it returns nil if there is none.
func object(f *models.File, name string) (map[string]any, error) {
	b, ok := f.Aux[name]
	if !ok {
		return nil, nil
	}
	var values map[string]any
	d := json.NewDecoder(bytes.NewReader(withoutInfinity(b)))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return nil, models.Corrupt(f.Path, "is damaged: %s: %v", name, err)
	}
	return values, nil
}

// withoutInfinity returns JSON with null for the numbers Infinity, -Infinity and NaN, which Python writes and JSON does not have.
func withoutInfinity(b []byte) []byte {
	if !bytes.Contains(b, []byte("Infinity")) && !bytes.Contains(b, []byte("NaN")) {
		return b
	}
	var out []byte
	for quoted := false; len(b) > 0; {
		rest := b
		for _, number := range []string{"-Infinity", "Infinity", "NaN"} {
			if after, ok := bytes.CutPrefix(b, []byte(number)); ok && !quoted {
				out, rest = append(out, "null"...), after
				break
			}
		}
		if len(rest) < len(b) {
			b = rest
			continue
		}
		n := 1
		if quoted && b[0] == '\\' && len(b) > 1 {
			n = 2
		} else if b[0] == '"' {
			quoted = !quoted
		}
		out, b = append(out, b[:n]...), b[n:]
	}
	return out
}

func readConfig(f *models.File) (*config, error) {
	values, err := object(f, "config.json")
	if err != nil {
		return nil, err
	}
	kind := typeOf(values)
	switch family, ok := families[kind]; {
	case values == nil:
		return nil, withoutConfig(f)
	case kind == "":
		return nil, models.Corrupt(f.Path, "is damaged: config.json does not say which model_type its model has")
	case !ok && translators[kind]:
		return nil, models.Unsupported(f.Path, "choose a model for chat", "holds a model of an encoder and a decoder (%s), which translates or summarizes a text instead of continuing it", kind)
	case !ok:
		return nil, models.Unsupported(f.Path, "use the same model as a GGUF file", "holds a model of the type %s, which is not read from safetensors; %s are", models.Quote(kind), known())
	default:
		if method := quantizedBy(f, values); method != "" && method != family.quantized {
			return nil, models.Unsupported(f.Path, ggufOrFloats, "is quantized by %s, which is not read from safetensors", models.Printable(method))
		}
		c := &config{f: f, family: family, values: values, meta: models.Metadata{}}
		if text, ok := values["text_config"].(map[string]any); ok { // of a model that also sees images
			c.values = withDefaults(text)
		}
		if family.prepare != nil {
			family.prepare(c)
		}
		return c, nil
	}
}

func (c *config) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("config.json: "+format, args...)
	}
}

// damaged records an error of the tensors.
func (c *config) damaged(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format+": %w", append(args, models.ErrCorrupt)...)
	}
}

// rename gives values of config.json the usual names; names has pairs of another name and the usual one. A value that has the usual name stays.
func (c *config) rename(names ...string) {
	for i := 0; i+1 < len(names); i += 2 {
		if v := c.values[names[i]]; v != nil && !c.has(names[i+1]) {
			c.values[names[i+1]] = v
		}
	}
}

// otherwise sets a value that config.json leaves out.
func (c *config) otherwise(name string, n int) {
	if !c.has(name) {
		c.values[name] = json.Number(strconv.Itoa(n))
	}
}

// has reports whether config.json has a value other than null.
func (c *config) has(name string) bool { return c.values[name] != nil }

// required as the default means that the value must be there.
const required = -1

// int returns a whole number from 0 to 1<<40.
func (c *config) int(name string, def int) int { return c.intOf(c.values, name, def) }

func (c *config) intOf(values map[string]any, name string, def int) int {
	x := c.numberOf(values, name, float64(def))
	if x != math.Trunc(x) || x > 1<<40 || x < 0 && values[name] != nil {
		c.fail("%s is %v, expected a whole number: %w", name, x, models.ErrCorrupt)
		return 0
	}
	return int(x)
}

// number returns a finite number.
func (c *config) number(name string, def float64) float64 { return c.numberOf(c.values, name, def) }

func (c *config) numberOf(values map[string]any, name string, def float64) float64 {
	switch v := values[name].(type) {
	case nil:
		if def == required {
			c.fail("%s is missing: %w", name, models.ErrCorrupt)
			return 0
		}
		return def
	case json.Number:
		x, err := v.Float64()
		if err != nil || math.IsInf(x, 0) {
			c.fail("%s is %s, which is out of range: %w", name, models.Quote(v.String()), models.ErrCorrupt)
			return 0
		}
		return x
	default:
		c.fail("%s is no number: %w", name, models.ErrCorrupt)
		return 0
	}
}

func (c *config) string(name, def string) string {
	switch v := c.values[name].(type) {
	case nil:
		return def
	case string:
		return v
	default:
		c.fail("%s is no text: %w", name, models.ErrCorrupt)
		return def
	}
}

func (c *config) bool(name string, def bool) bool {
	switch v := c.values[name].(type) {
	case nil:
		return def
	case bool:
		return v
	default:
		c.fail("%s is neither true nor false: %w", name, models.ErrCorrupt)
		return def
	}
}

// set sets a key of the family.
func (c *config) set(key string, value any) {
	if x, ok := value.(float64); ok {
		value = float64(float32(x)) // as in a GGUF file
	}
	if n, ok := value.(int); ok {
		value = uint64(n)
	}
	c.meta[c.family.architecture+"."+key] = value
}

// sizeNames are the names in config.json of the sizes that all families have, by their keys in a GGUF file.
var sizeNames = map[string]string{
	"context_length": "max_position_embeddings", "embedding_length": "hidden_size", "feed_forward_length": "intermediate_size", "block_count": "num_hidden_layers",
	"attention.head_count": "num_attention_heads", "attention.head_count_kv": "num_key_value_heads", "attention.key_length": "head_dim",
}

// common sets the keys of all families.
func (c *config) common() {
	c.meta["general.architecture"], c.meta["general.name"] = c.family.architecture, c.titleOf()
	maps.Copy(c.meta, Description(c.f.Meta))
	for _, key := range []string{"context_length", "embedding_length", "feed_forward_length", "block_count", "attention.head_count"} {
		if key != "feed_forward_length" || c.has("intermediate_size") || !c.has("block_ff_dim") && !c.has("moe_intermediate_size") {
			c.set(key, c.int(sizeNames[key], required))
		}
	}
	if c.has("num_key_value_heads") {
		c.set("attention.head_count_kv", c.int("num_key_value_heads", required))
	}
	if c.has("head_dim") {
		c.set("attention.key_length", c.int("head_dim", required))
		c.set("attention.value_length", c.int("head_dim", required))
	}
	if c.has("rms_norm_eps") {
		c.set("attention.layer_norm_rms_epsilon", c.number("rms_norm_eps", required))
	}
	for _, name := range []string{"hidden_act", "hidden_activation"} {
		if c.has(name) {
			c.set("hidden_activation", c.string(name, ""))
		}
	}
}

// heads returns the number of heads of q, or of k and v, and the width of each.
func (c *config) heads(key bool) (n, width int) {
	all := c.int("num_attention_heads", required)
	if n = all; key {
		n = c.int("num_key_value_heads", all)
	}
	if all <= 0 || n <= 0 {
		c.fail("%d heads of q, %d in all: %w", n, all, models.ErrCorrupt)
		return 1, 0
	}
	return n, c.int("head_dim", c.int("hidden_size", required)/all)
}
