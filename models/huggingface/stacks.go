package huggingface

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"soberano/models"
)

// stack is a tensor of a GGUF file with the matrices of all experts of a layer, which are tensors of their own in a folder.
type stack struct {
	name    string
	count   int             // of the matrices; 0: as many as there are experts
	experts []models.Tensor // by number; without a name where one is missing
}

// maxExperts is above the number of experts of any model.
const maxExperts = 4096

// expertModules maps the matrices of an expert to tensors.
var expertModules = map[string]string{
	"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps",
	"w1": "ffn_gate_exps", "w3": "ffn_up_exps", "w2": "ffn_down_exps",
}

// expertName returns the name of the tensor that a matrix of an expert, such as mlp.experts.3.up_proj, is a part of.
func expertName(module string) (name, bool) {
	_, rest, ok := strings.Cut(module, ".experts.")
	number, what, ok2 := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	text := expertModules[what]
	if !ok || !ok2 || err != nil || digits(n) != number || n >= maxExperts || text == "" {
		return name{}, false
	}
	return name{text: text, expert: n + 1}, true
}

// add adds a matrix of an expert to its stack.
func (c *config) add(t models.Tensor, n name) {
	i := slices.IndexFunc(c.stacks, func(s stack) bool { return s.name == n.text })
	if i < 0 {
		i = len(c.stacks)
		c.stacks = append(c.stacks, stack{name: n.text, count: n.parts})
	}
	s := &c.stacks[i]
	for len(s.experts) < n.expert {
		s.experts = append(s.experts, models.Tensor{})
	}
	s.experts[n.expert-1] = t
}

// tensor returns the stacked tensor. All experts must be there and have one shape and type.
func (s stack) tensor(count int) (models.Tensor, error) {
	first := s.experts[0]
	if len(s.experts) > count {
		return first, fmt.Errorf("tensor %q has %d experts, config.json %d: %w", s.name, len(s.experts), count, models.ErrCorrupt)
	}
	for i := range count {
		switch {
		case i >= len(s.experts) || s.experts[i].Name == "":
			return first, fmt.Errorf("expert %d of tensor %q is missing: %w", i, s.name, models.ErrCorrupt)
		case !slices.Equal(s.experts[i].Shape, first.Shape) || s.experts[i].Type != first.Type || len(s.experts[i].Data) != len(first.Data):
			return first, fmt.Errorf("expert %d of tensor %q differs from the others in shape or type: %w", i, s.name, models.ErrCorrupt)
		}
	}
	return models.Tensor{
		Name: s.name, Type: first.Type, Shape: append([]int{count}, first.Shape...),
		Part: func(i int) []byte { return s.experts[i].Data },
	}, nil
}

// stacked returns the tensors that are made of those of experts.
func (c *config) stacked() (list []models.Tensor) {
	count, _ := c.meta[c.family.architecture+".expert_count"].(uint64)
	for _, s := range c.stacks {
		n := int(count)
		if s.count > 0 {
			n = s.count
		}
		t, err := s.tensor(n)
		if err != nil && c.err == nil {
			c.err = err
		}
		list = append(list, t)
	}
	return list
}

// halves returns a function that makes two tensors of the first and the second half of a tensor's rows.
func halves(names ...string) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) (list []models.Tensor) {
		if len(t.Shape) != 2 || t.Shape[0]%2 != 0 {
			c.damaged("tensor %s has no two halves", models.Quote(t.Name))
			return nil
		}
		size := len(t.Data) / 2
		for i, name := range names {
			half := t
			half.Name, half.Shape, half.Data = blk+name+".weight", []int{t.Shape[0] / 2, t.Shape[1]}, t.Data[i*size:][:size]
			list = append(list, half)
		}
		return list
	}
}

// squeezed returns a function that makes a tensor without the dimensions of length 1: the weight of a module, or what kind says.
func squeezed(name string, kind ...string) func(*config, models.Tensor, string) []models.Tensor {
	return func(_ *config, t models.Tensor, blk string) []models.Tensor {
		t.Name = blk + name + "." + append(kind, "weight")[0]
		t.Shape = slices.DeleteFunc(slices.Clone(t.Shape), func(n int) bool { return n == 1 })
		return []models.Tensor{t}
	}
}
