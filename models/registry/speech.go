package registry

import (
	"encoding/json"
	"fmt"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// describeWhisper reads a CTranslate2 directory.
func describeWhisper(f *models.File) (Info, error) {
	r := keys{meta: f.Meta}
	i := Info{
		Kind: Speech, Family: "whisper", Title: titleOfWhisper(f), Runs: true, Languages: languagesIn(f),
		Quantization: r.text("ctranslate2.stored"), Parameters: int64(r.int("ctranslate2.values")),
	}
	if len(f.Aux["tokenizer.json"]) == 0 {
		i.Runs, i.Reason = false, "The file tokenizer.json, which belongs beside model.bin, is missing."
	}
	return i, r.err
}

// describeGGML reads one of whisper.cpp's files; no other kind of them gets this far.
func describeGGML(f *models.File) (Info, error) { return speech(f), nil }

// describeSafetensors reads a Hugging Face directory, of Whisper or of anything else.
func describeSafetensors(f *models.File) (Info, error) {
	var config struct {
		Type string `json:"model_type"`
	}
	if b := f.Aux["config.json"]; b != nil {
		if err := json.Unmarshal(b, &config); err != nil {
			return Info{}, fmt.Errorf("config.json: %w", err)
		}
	}
	i := speech(f)
	switch _, found := sizeOfWhisper(f); {
	case config.Type != "" && config.Type != "whisper" || config.Type == "" && !found:
		return stranger(i, f, config.Type), nil
	case f.Aux["tokenizer.json"] == nil && (f.Aux["vocab.json"] == nil || f.Aux["merges.txt"] == nil):
		i.Runs, i.Reason = false, "The file tokenizer.json, which belongs beside the weights, is missing."
	}
	for _, t := range f.Tensors {
		if !t.Type.Known() {
			i.Runs, i.Reason = false, fmt.Sprintf("Its weights are stored as %s, which is not read from safetensors. The same model as float16 or float32 runs.", gguf.TypeName(t.Type))
		}
	}
	return i, nil
}

// describeAPR reads an APR file, of Whisper or of anything else.
func describeAPR(f *models.File) (Info, error) {
	r := keys{meta: f.Meta}
	i := speech(f)
	i.Quantization, i.Licence = clean(r.text("apr.stored")), clean(r.text("license"))
	family := r.text("architecture")
	switch _, found := sizeOfWhisper(f); {
	case !found:
		i = stranger(i, f, family)
		i.Title = titleOf(f.Path, r.text("name"))
	case f.Aux["__vocab__"] == nil && f.Meta["tokenizer.vocabulary"] == nil:
		i.Runs, i.Reason = false, "The file holds no vocabulary, so it can't be turned into text."
	}
	return i, r.err
}

// speech is what the tensors of a Whisper model tell.
func speech(f *models.File) Info {
	i := Info{Kind: Speech, Family: "whisper", Title: titleOfWhisper(f), Languages: languagesIn(f), Runs: true}
	values := map[quant.Type]int64{}
	for _, t := range f.Tensors {
		if t.Name == "proj_out.weight" || strings.HasPrefix(t.Name, "__") {
			continue // the embeddings again; filters
		}
		i.Parameters += int64(t.Len())
		values[t.Type] += int64(t.Len())
	}
	i.Quantization = quantization(&keys{}, values)
	if _, found := sizeOfWhisper(f); !found {
		i.Runs, i.Reason = false, "The file holds no whole Whisper model."
	}
	return i
}

// stranger is i for a model that is not Whisper.
func stranger(i Info, f *models.File, family string) Info {
	i.Kind, i.Family, i.Title, i.Runs, i.Languages = Chat, clean(family), titleOf(f.Path, ""), false, NotSaid
	i.Reason = "Only Whisper models run from this kind of file. For chat, the same model in GGUF form runs, a single .gguf file."
	return i
}

// whisperNames are the tensors by which the size of a Whisper model is told: the first
// convolution, the embeddings, and one of each layer.
var whisperNames = []struct{ conv1, embed, layer string }{
	{"encoder/conv1/weight", "decoder/embeddings/weight", "%s/layer_%d/ffn/linear_0/weight"},
	{"encoder.conv1.weight", "decoder.token_embedding.weight", "%s.blocks.%d.mlp.0.weight"},
	{"model.encoder.conv1.weight", "model.decoder.embed_tokens.weight", "model.%s.layers.%d.fc1.weight"},
	{"encoder.conv1.weight", "decoder.embed_tokens.weight", "%s.layers.%d.fc1.weight"},
	{"encoder.conv1.weight", "decoder.token_embedding", "%s.layers.%d.fc1.weight"},
	{"encoder.conv1.weight", "decoder.token_embedding.weight", "%s.layers.%d.fc1.weight"},
}

// whisperSize are the dimensions by which people know the models.
type whisperSize struct{ width, mels, encoder, decoder, vocabulary int }

// sizeOfWhisper finds the dimensions; false where f is no Whisper model.
func sizeOfWhisper(f *models.File) (whisperSize, bool) {
	for _, names := range whisperNames {
		conv1, ok1 := f.Tensor(names.conv1)
		embed, ok2 := f.Tensor(names.embed)
		layers := func(half string) (n int) {
			for ; ; n++ {
				if _, ok := f.Tensor(fmt.Sprintf(names.layer, half, n)); !ok {
					return n
				}
			}
		}
		if !ok1 || !ok2 || len(conv1.Shape) != 3 || layers("encoder") == 0 || layers("decoder") == 0 {
			continue
		}
		return whisperSize{conv1.Shape[0], conv1.Shape[1], layers("encoder"), layers("decoder"), embed.Rows()}, true
	}
	return whisperSize{}, false
}

// languagesIn are the languages of the Whisper model in f.
func languagesIn(f *models.File) Languages {
	s, _ := sizeOfWhisper(f)
	return languagesOf(s)
}

// titleOfWhisper names a Whisper model by its dimensions: "Whisper base", "Whisper tiny.en".
// Source: the model table of OpenAI's Whisper paper and its repository.
func titleOfWhisper(f *models.File) string {
	s, _ := sizeOfWhisper(f)
	size, ok := map[[2]int]string{{384, 4}: "tiny", {512, 6}: "base", {768, 12}: "small", {1024, 24}: "medium", {1280, 32}: "large"}[[2]int{s.width, s.encoder}]
	if !ok {
		return "Whisper"
	}
	title := "Whisper " + size
	if s.mels == 128 {
		title += "-v3"
	}
	switch {
	case s.decoder == 4 && s.encoder == 32:
		title += " turbo"
	case s.decoder < s.encoder:
		title += " distilled"
	}
	if languagesOf(s) == EnglishAlone {
		title += english
	}
	return title
}

// languagesOf tells a model's languages by the size of its vocabulary.
func languagesOf(s whisperSize) Languages {
	switch s.vocabulary {
	case 0:
		return NotSaid
	case 51864:
		return EnglishAlone
	}
	return ManyLanguages
}

// english ends the title of a model that was trained on English alone.
const english = ".en"

// EnglishOnly reports whether it is a speech model of English alone: it can't translate.
func (i Info) EnglishOnly() bool { return i.Kind == Speech && i.Languages == EnglishAlone }

// complete adds what entries of older versions of the program do not say: then the title, which
// was made by titleOfWhisper, is all that tells the languages.
func (i *Info) complete() {
	if i.Kind != Speech || i.Languages != NotSaid {
		return
	}
	i.Languages = ManyLanguages
	if strings.HasSuffix(i.Title, english) {
		i.Languages = EnglishAlone
	}
}
