package arch

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/models"
)

// kindCases are the cases of one kind of tiny model in the tests that go through all kinds. Keys are without the prefix of
// the family.
type kindCases struct {
	// tensors are names of tensors that the family does not have, but other families do.
	tensors []string
	// keys are values that are refused by the name of their key. unsupported are values that are refused in
	// other words.
	keys, unsupported models.Metadata
	// optional are tensors and keys that the family reads, but that are not in the tiny model. The tests of what most families do
	// not have leave them out.
	optional []string
	// variants are changes of the tiny model of which testdata has logits as well: small_KIND-VARIANT.json.
	variants map[string]func(*tiny.Source)
	// dispensable are ends of the names of tensors that may be missing.
	dispensable []string
	// unused is what the names of those tensors of a variant, or of the kind itself, begin with that do not change its logits, or hardly do,
	// separated by spaces.
	unused map[string]string
	// tolerance of the logits, relative to their range; 0 stands for 1e-5.
	tolerance float64
}

// cases is the table of the kinds. The cases of a kind are described in the file of its family.
var cases = map[string]kindCases{
	"afmoe":             afmoeCases,
	"apertus":           apertusCases,
	"arcee":             arceeCases,
	"bailingmoe":        bailingMoECases,
	"bailingmoe2":       bailingMoE2Cases,
	"bloom":             bloomCases,
	"chatglm":           chatGLMCases,
	"cohere2":           cohere2Cases,
	"command-r":         commandRCases,
	"deci":              deciCases,
	"deepseek":          deepseekCases,
	"deepseek2":         deepseek2Cases,
	"deepseek2-lite":    deepseek2LiteCases,
	"dots1":             dots1Cases,
	"ernie4_5":          ernie45Cases,
	"ernie4_5-moe":      ernie45MoECases,
	"exaone":            exaoneCases,
	"exaone-moe":        exaoneMoECases,
	"exaone4":           exaone4Cases,
	"falcon":            falconCases,
	"falcon-h1":         falconH1Cases,
	"falcon-mamba":      falconMambaCases,
	"gemma":             gemmaCases,
	"gemma2":            gemma2Cases,
	"gemma3":            gemma3Cases,
	"gemma3n":           gemma3nCases,
	"gemma4":            gemma4Cases,
	"gemma4-e":          gemma4ECases,
	"gemma4-moe":        gemma4MoECases,
	"glm4":              glm4Cases,
	"glm4moe":           glm4MoECases,
	"gpt-oss":           gptOSSCases,
	"gpt2":              gpt2Cases,
	"gptneox":           gptneoxCases,
	"granite":           graniteCases,
	"granite_swa":       graniteSWACases,
	"granitehybrid":     graniteHybridCases,
	"granitehybrid-moe": graniteHybridMoECases,
	"granitemoe":        graniteMoECases,
	"hunyuan-dense":     hunyuanDenseCases,
	"hunyuan-moe":       hunyuanMoECases,
	"internlm2":         internlm2Cases,
	"jamba":             jambaCases,
	"kimi-linear":       kimiLinearCases,
	"lfm2":              lfm2Cases,
	"lfm2-window":       lfm2WindowCases,
	"lfm2moe":           lfm2MoECases,
	"llama":             llamaCases,
	"llama4":            llama4Cases,
	"maincoder":         maincoderCases,
	"mamba":             mambaCases,
	"mamba2":            mamba2Cases,
	"mellum":            mellumCases,
	"minicpm":           minicpmCases,
	"minimax-m2":        minimaxM2Cases,
	"mistral3":          mistral3Cases,
	"mistral4":          mistral4Cases,
	"mixtral":           mixtralCases,
	"mpt":               mptCases,
	"nanbeige":          nanbeigeCases,
	"nemotron":          nemotronCases,
	"nemotron_h":        nemotronHCases,
	"nemotron_h_moe":    nemotronHMoECases,
	"nemotron_h-latent": nemotronHMoELatentCases,
	"olmo":              olmoCases,
	"olmo2":             olmo2Cases,
	"olmoe":             olmoeCases,
	"pangu-embedded":    panguCases,
	"phi2":              phi2Cases,
	"phi3":              phi3Cases,
	"phimoe":            phiMoECases,
	"plamo2":            plamo2Cases,
	"qwen2":             qwen2Cases,
	"qwen2moe":          qwen2MoECases,
	"qwen2vl":           qwen2VLCases,
	"qwen3":             qwen3Cases,
	"qwen35":            qwen35Cases,
	"qwen35moe":         qwen35MoECases,
	"qwen3moe":          qwen3MoECases,
	"qwen3next":         qwen3NextCases,
	"qwen3vl":           qwen3VLCases,
	"qwen3vlmoe":        qwen3VLMoECases,
	"rwkv7":             rwkv7Cases,
	"seed_oss":          seedOSSCases,
	"smallthinker":      smallthinkerCases,
	"smollm3":           smollm3Cases,
	"stablelm":          stablelmCases,
	"starcoder":         starcoderCases,
	"starcoder2":        starcoder2Cases,
}

// TestCases checks that every kind has cases, and that no case is without effect.
func TestCases(t *testing.T) {
	if got := slices.Sorted(maps.Keys(cases)); !slices.Equal(got, tiny.Kinds()) {
		t.Fatalf("cases of %v, expected %v", got, tiny.Kinds())
	}
	for kind, c := range cases {
		if len(c.tensors) == 0 || len(c.keys) == 0 {
			t.Errorf("%s: %d tensors and %d keys that are refused", kind, len(c.tensors), len(c.keys))
		}
		for _, name := range c.optional {
			if has(tiny.New(kind), name) {
				t.Errorf("%s: %s is in the model", kind, name)
			}
		}
		for variant := range c.unused {
			if c.variants[variant] == nil && variant != kind {
				t.Errorf("%s: there is no variant %s", kind, variant)
			}
		}
	}
}

// has reports whether a model has a tensor or a key of this name.
func has(s *tiny.Source, name string) bool {
	_, key := s.Meta[s.Architecture+"."+name]
	return key || slices.ContainsFunc(s.Tensors, func(t models.Tensor) bool { return t.Name == name })
}

// checkTiny returns the error of opening s on a device without weights.
func checkTiny(s *tiny.Source) error {
	_, err := Open(fileOf(s), kernels.Checker{}, 0)
	return err
}

// fileOf returns s as a file that need not be written.
func fileOf(s *tiny.Source) *models.File {
	return &models.File{Format: "gguf", Path: "tiny.gguf", Meta: s.Meta, Tensors: s.Tensors}
}

// small returns the model of testdata/small_NAME.json.
func small(name string) *tiny.Source {
	kind, edit := find(name)
	s := tiny.New(kind)
	if edit != nil {
		edit(s)
	}
	return s
}

// find returns the kind of the model of testdata/small_NAME.json, and how it is changed; nil: not.
func find(name string) (kind string, edit func(*tiny.Source)) {
	for kind, c := range cases {
		if variant, ok := strings.CutPrefix(name, kind+"-"); ok && c.variants[variant] != nil {
			return kind, c.variants[variant]
		}
	}
	return name, nil
}

// smallNames returns the names of all models of testdata/small_*.json, sorted.
func smallNames() []string {
	list := tiny.Kinds()
	for kind, c := range cases {
		for variant := range c.variants {
			list = append(list, kind+"-"+variant)
		}
	}
	slices.Sort(list)
	return list
}

// refusedByName reports whether a file is refused as unsupported by an error that contains name.
func refusedByName(err error, name string) bool {
	return errors.Is(err, models.ErrUnsupported) && strings.Contains(err.Error(), `"`+name+`"`)
}
