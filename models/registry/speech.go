package registry

import (
	"encoding/json"
	"fmt"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
	"soberano/models/huggingface"
)

// describeWhisper describes a CTranslate2 directory.
func describeWhisper(f *models.File) (Info, error) {
	r := keys{meta: f.Meta}
	i := Info{
		Kind: Speech, Family: "whisper", Title: titleOfWhisper(f), Languages: languagesIn(f),
		Quantization: r.text("ctranslate2.stored"), Parameters: int64(r.int("ctranslate2.values")),
	}
	return i, r.err
}

// describeGGML describes a file of whisper.cpp. Other ggml files are not recognised as models.
func describeGGML(f *models.File) (Info, error) { return speech(f), nil }

// describeSafetensors describes a Hugging Face directory, with a Whisper model or another one.
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
	if huggingface.Is(f) {
		return describeFolder(i, f, config.Type)
	}
	if _, found := sizeOfWhisper(f); config.Type != "" && config.Type != "whisper" || config.Type == "" && !found {
		i = notWhisper(i, f, config.Type)
		_, err := huggingface.Convert(f, false)
		i.Reason = reasonOf(err)
		return i, nil
	}
	for _, t := range f.Tensors {
		if !t.Type.Known() {
			i.Reason = fmt.Sprintf("Its weights are stored as %s, which is not read from safetensors. The same model as float16 or float32 runs.", gguf.TypeName(t.Type))
		}
	}
	return i, nil
}

// describeFolder describes a model in a Hugging Face directory that huggingface knows. i has what is known of any model.
func describeFolder(i Info, f *models.File, family string) (Info, error) {
	g, err := huggingface.Convert(f, false)
	if err != nil {
		i = notWhisper(i, f, family)
		i.Reason = reasonOf(err)
		return i, nil
	}
	i, err = describeGGUF(g)
	if name, _ := g.Meta.String("general.name", ""); name != "" {
		i.Title = titleOf(name, "")
	}
	return i, err
}

// describeAPR describes an APR file, with a language model, a Whisper model or another one.
func describeAPR(f *models.File) (Info, error) {
	if _, language := f.Meta["general.architecture"]; language {
		return describeGGUF(f)
	}
	if huggingface.Is(f) {
		return describeFolder(speech(f), f, "")
	}
	r := keys{meta: f.Meta}
	i := speech(f)
	i.Quantization, i.Licence = clean(r.text("apr.stored")), clean(r.text("license"))
	family := r.text("architecture")
	if _, found := sizeOfWhisper(f); !found {
		i = notWhisper(i, f, family)
		i.Title = titleOf(f.Path, r.text("name"))
	}
	return i, r.err
}

// speech describes a Whisper model by its tensors.
func speech(f *models.File) Info {
	i := Info{Kind: Speech, Family: "whisper", Title: titleOfWhisper(f), Languages: languagesIn(f)}
	values := map[quant.Type]int64{}
	for _, t := range f.Tensors {
		if t.Name == "proj_out.weight" || strings.HasPrefix(t.Name, "__") {
			continue // a second copy of the embeddings, or mel filters
		}
		i.Parameters += int64(t.Len())
		values[t.Type] += int64(t.Len())
	}
	i.Quantization = quantization(&keys{}, values)
	if _, found := sizeOfWhisper(f); !found {
		i.Reason = "The file does not hold a complete Whisper model."
	}
	return i
}

// notWhisper changes the description i into that of a model that is not Whisper.
func notWhisper(i Info, f *models.File, family string) Info {
	i.Kind, i.Family, i.Title, i.Languages = Chat, clean(family), titleOf(f.Path, ""), UnknownLanguages
	i.Reason = "Only Whisper models run from this kind of file. For chat, the same model in GGUF form runs, a single .gguf file."
	return i
}

// whisperNames are the names of the tensors that determine the dimensions of a Whisper
// model, in each format: the first convolution, the token embeddings, and one tensor a layer.
var whisperNames = []struct{ conv1, embed, layer string }{
	{"encoder/conv1/weight", "decoder/embeddings/weight", "%s/layer_%d/ffn/linear_0/weight"},
	{"encoder.conv1.weight", "decoder.token_embedding.weight", "%s.blocks.%d.mlp.0.weight"},
	{"model.encoder.conv1.weight", "model.decoder.embed_tokens.weight", "model.%s.layers.%d.fc1.weight"},
	{"encoder.conv1.weight", "decoder.embed_tokens.weight", "%s.layers.%d.fc1.weight"},
	{"encoder.conv1.weight", "decoder.token_embedding", "%s.layers.%d.fc1.weight"},
	{"encoder.conv1.weight", "decoder.token_embedding.weight", "%s.layers.%d.fc1.weight"},
}

// whisperSize holds the dimensions that distinguish the published models.
type whisperSize struct{ width, mels, encoder, decoder, vocabulary int }

// sizeOfWhisper returns the dimensions, and false where f is not a Whisper model.
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

// languagesIn returns the languages of the Whisper model in f.
func languagesIn(f *models.File) Languages {
	s, _ := sizeOfWhisper(f)
	return languagesOf(s)
}

// titleOfWhisper derives the title from the dimensions: "Whisper base", "Whisper tiny.en".
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

// languagesOf derives the languages from the size of the vocabulary.
func languagesOf(s whisperSize) Languages {
	switch s.vocabulary {
	case 0:
		return UnknownLanguages
	case 51864:
		return EnglishAlone
	}
	return ManyLanguages
}

// english is the end of the title of a model that was trained only on English.
const english = ".en"

// EnglishOnly reports whether this is a speech model that knows only English. It can't translate.
func (i Info) EnglishOnly() bool { return i.Kind == Speech && i.Languages == EnglishAlone }

// complete sets the languages of entries that lack them because an older version of the
// program wrote them. In those, only the title tells the languages; titleOfWhisper made it.
func (i *Info) complete() {
	if i.Kind != Speech || i.Languages != UnknownLanguages {
		return
	}
	i.Languages = ManyLanguages
	if strings.HasSuffix(i.Title, english) {
		i.Languages = EnglishAlone
	}
}
