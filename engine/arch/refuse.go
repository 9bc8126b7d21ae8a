package arch

import (
	"slices"
	"strings"
	"unicode"

	"soberano/models"
)

// other is what a file holds that is not opened, and what to do instead.
type other struct{ holds, advice string }

// Advice that the tables repeat.
const (
	ownFile       = "choose the file of the model itself"
	pictures      = "this program makes no pictures; choose a model that writes text"
	sounds        = "this program makes no speech; choose a model that writes text"
	makesPictures = "holds a model that makes pictures or films, which does not run here"
	diffuses      = "choose a model that writes one token after the other, such as Qwen3, Llama or Gemma 3"
)

// additions are the files that belong to a model, by general.type. Source of the values: gguf-py/gguf/constants.py of llama.cpp.
var additions = map[string]other{
	"imatrix": {"holds statistics by which a model is quantized (an importance matrix), and no model", ownFile},
	"mmproj":  {"holds the encoder of images or of sound that belongs to a model, and not the model", ownFile},
}

// others are the values of general.architecture of files without a model that continues or embeds texts. Source of the names: src/llama-arch.cpp of
// llama.cpp, and for models of images the table of ComfyUI-GGUF.
var others = func() map[string]other {
	m := map[string]other{
		"clip":             additions["mmproj"],
		"controlvector":    {"holds a control vector, which steers another model and writes nothing by itself", ownFile + ": control vectors do not run here"},
		"t5":               {"holds an encoder and a decoder (T5), whose models translate or summarize a text instead of continuing it", "choose a model for chat, such as Qwen3, Llama or Gemma 3"},
		"t5encoder":        {"holds the encoder of T5 alone, which mostly belongs to a model that makes pictures", "for vectors of texts choose an embedding model, such as BERT, EmbeddingGemma or Qwen3 Embedding"},
		"wavtokenizer-dec": {"holds the part of a speech synthesis that makes sound of tokens, and no language model", sounds},
		"whisper":          {"holds a Whisper model as GGUF, which is not read", "take the same model as whisper.cpp's ggml .bin, a CTranslate2 folder, or a folder with safetensors"},
	}
	for what, names := range map[other]string{
		{"holds a draft model, which only guesses the next tokens of another model", ownFile}:                            "eagle3 dflash gemma4-assistant",
		{"holds a model that writes by diffusion, all tokens of a text side by side, which does not run here", diffuses}: "dream llada llada-moe rnd1",
		{"holds a model that makes speech, which does not run here", sounds}:                                             "qwen3tts pockettts",
		{makesPictures, pictures}: "flux sd1 sdxl sd3 aura hidream cosmos ltxv hyvid wan lumina2 qwen_image",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = what
		}
	}
	return m
}()

// refused says why f, of the family name and of this general.type, is not opened, whatever its weights are; nil: nothing speaks against it.
func refused(f *models.File, name, kind string) error {
	_, known := families[name]
	_, encodes := encoders[name]
	addition, isAddition := additions[kind]
	what, isOther := others[name]
	switch {
	case kind == "adapter":
		return models.Unsupported(f.Path, ownFile+"; chat --lora uses both", "holds an adapter (LoRA) for models of the family %s%s, and writes nothing by itself", models.Printable(name), madeFor(f))
	case isAddition:
		return models.Unsupported(f.Path, addition.advice, "%s", addition.holds)
	case kind != "" && kind != "model":
		return models.Unsupported(f.Path, ownFile, "is not a complete model but an addition to one (%s)", models.Printable(kind))
	case name == "" && slices.ContainsFunc(f.Tensors, func(t models.Tensor) bool { return strings.HasPrefix(t.Name, "model.diffusion_model.") }):
		return models.Unsupported(f.Path, pictures, "%s", makesPictures)
	case name == "":
		return models.Unsupported(f.Path, "", "does not say which family its model belongs to")
	case isOther:
		return models.Unsupported(f.Path, what.advice, "%s (%s)", what.holds, name)
	case len(f.Tensors) == 0:
		return models.Unsupported(f.Path, ownFile, "holds no weights, only the vocabulary of a model of the family %s", models.Printable(name))
	case onlyDrafts(f, name):
		return models.Unsupported(f.Path, ownFile, "holds only the last blocks of a model (%s), which draft tokens for the others", models.Printable(name))
	case !known && !encodes:
		return models.Unsupported(f.Path, "", "holds a model of the family %s, which does not run here; %s models do", models.Printable(name), instead(name))
	}
	return nil
}

// madeFor names the model for which an adapter was made, if its file does.
func madeFor(f *models.File) string {
	for _, key := range []string{"general.base_model.0.name", "general.base_model.0.repo_url"} {
		if base, err := f.Meta.String(key, ""); err == nil && base != "" {
			return ", made for " + models.Printable(base)
		}
	}
	return ""
}

// onlyDrafts reports whether a file has the blocks that draft tokens, and none of the others.
func onlyDrafts(f *models.File, name string) bool {
	n, err := f.Meta.Int(name+".nextn_predict_layers", 0)
	return err == nil && n > 0 && !slices.ContainsFunc(f.Tensors, func(t models.Tensor) bool { return strings.HasPrefix(t.Name, "blk.0.") })
}

// instead returns the titles of the families that a person may look for instead of the family name: those whose names
// begin with the same letters, or else some that most people know.
func instead(name string) string {
	end := strings.IndexFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
	if end < 0 {
		end = len(name)
	}
	var list []string
	for other, f := range families {
		if end >= 3 && strings.HasPrefix(other, name[:end]) {
			list = append(list, f.title)
		}
	}
	if list == nil {
		for _, known := range []string{"gemma3", "llama", "qwen3"} {
			list = append(list, families[known].title)
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}
