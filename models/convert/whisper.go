package convert

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/safetensors"
)

// whisperNames are the names of the first convolution of Whisper in each format.
var whisperNames = []string{"encoder/conv1/weight", "encoder.conv1.weight", "model.encoder.conv1.weight"}

// isWhisper reports whether f is a Whisper model.
func isWhisper(f *models.File) bool {
	for _, name := range whisperNames {
		if _, ok := f.Tensor(name); ok {
			return true
		}
	}
	return false
}

// readWhisper reads a Whisper model of any format. Its tensors get the names that they have in a file of the format to.
func readWhisper(f *models.File, to Format, o Options) (*model, error) {
	if to == GGUF {
		return nil, models.Unsupported(f.Path, "write it as an .apr file or as a folder", "holds a Whisper model, for which there is no GGUF file")
	}
	m := &model{path: f.Path, speech: true, aux: companions(f)}
	for _, t := range WhisperTensors(f) {
		if t.Name == "proj_out.weight" {
			continue // the embeddings again
		}
		if t.Part == nil && t.Data == nil {
			return nil, models.Unsupported(f.Path, "", "stores tensor %s in a type that can't be converted", models.Quote(t.Name))
		}
		m.tensors = append(m.tensors, t)
	}
	s, err := sizesOf(f, m.tensors)
	if err != nil {
		return nil, models.InFile(f.Path, err)
	}
	m.meta = s.metadata(f)
	if f.Format == "ctranslate2" || f.Format == "ggml" {
		if err := m.configure(f, s); err != nil {
			return nil, err
		}
	}
	if to == Folder {
		return m, m.asFolder()
	}
	if o.Tokens != nil {
		list, err := o.Tokens(f)
		if err != nil {
			return nil, err
		}
		m.aux["__vocab__"] = vocabulary(list)
	}
	for i := range m.tensors {
		m.tensors[i].Name = toAPR.Replace(m.tensors[i].Name)
	}
	if filters, err := f.Meta.Floats("ggml.filters"); err == nil && len(filters) == int(s.mels)*201 {
		m.tensors = append(m.tensors, melFilters(filters, int(s.mels)))
	}
	return m, nil
}

// asFolder gives the tensors the names that they have in a folder.
func (m *model) asFolder() error {
	if m.aux["tokenizer.json"] == nil && m.aux["vocab.json"] == nil {
		return models.Unsupported(m.path, "write it as an .apr file, or put the model's tokenizer.json beside it", "has no tokenizer.json, without which a folder is not complete")
	}
	kept := m.tensors[:0]
	for _, t := range m.tensors {
		if strings.HasPrefix(t.Name, "__") {
			continue
		}
		t.Name = "model." + t.Name
		kept = append(kept, t)
	}
	m.tensors = kept
	return nil
}

// toAPR renames the tensors of a folder that have another name in the APR files of other programs.
var toAPR = strings.NewReplacer("embed_positions.weight", "positional_embedding", "embed_tokens.weight", "token_embedding")

// companions returns the files of a folder, and the lists of bytes of an APR file.
func companions(f *models.File) map[string][]byte {
	out := map[string][]byte{}
	for name, b := range f.Aux {
		if len(b) > 0 && (f.Format == "safetensors" || f.Format == "apr" || name == "tokenizer.json") && (safetensors.Companion(name) || strings.HasPrefix(name, "__")) {
			out[name] = b
		}
	}
	return out
}

// vocabulary returns tokens in the form of __vocab__: u32 tokens, u32 merges, and for each token u16 length and its bytes.
func vocabulary(list []string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(list)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	for _, text := range list {
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(text))), text...)
	}
	return b
}

func melFilters(filters []float64, mels int) models.Tensor {
	data := make([]byte, 0, 4*len(filters))
	for _, x := range filters {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(x)))
	}
	return models.Tensor{Name: "__mel_filters__", Type: quant.F32, Shape: []int{mels, 201}, Data: data}
}

// configure adds config.json and generation_config.json, which models of CTranslate2 and whisper.cpp have in another form or not at all.
func (m *model) configure(f *models.File, s whisperSizes) error {
	var own struct {
		Suppress json.RawMessage `json:"suppress_ids"`
		Begin    json.RawMessage `json:"suppress_ids_begin"`
		Heads    json.RawMessage `json:"alignment_heads"`
	}
	if b := f.Aux["config.json"]; b != nil {
		if err := json.Unmarshal(b, &own); err != nil {
			return models.Corrupt(f.Path, "is damaged: config.json: %v", err)
		}
	}
	generation := map[string]any{}
	for key, v := range map[string]json.RawMessage{"suppress_tokens": own.Suppress, "begin_suppress_tokens": own.Begin, "alignment_heads": own.Heads} {
		if v != nil {
			generation[key] = v
		}
	}
	var err error
	if m.aux["config.json"], err = json.MarshalIndent(s.config(), "", "  "); err == nil && len(generation) > 0 {
		m.aux["generation_config.json"], err = json.MarshalIndent(generation, "", "  ")
	}
	return err
}

// whisperSizes are the sizes of a Whisper model.
type whisperSizes struct{ vocab, state, heads, encoder, decoder, mels, audioContext, textContext uint64 }

// sizesOf reads the sizes from the shapes of tensors with the names of Hugging Face without "model.".
func sizesOf(f *models.File, tensors []models.Tensor) (s whisperSizes, err error) {
	g := &models.File{Path: f.Path, Tensors: tensors}
	shape := func(name string, dims, i int) uint64 {
		t, ok := g.Tensor(name)
		if (!ok || len(t.Shape) != dims) && err == nil {
			err = fmt.Errorf("tensor %s is missing or has another number of dimensions than %d: %w", models.Quote(name), dims, models.ErrCorrupt)
		}
		if err != nil {
			return 0
		}
		return uint64(t.Shape[i])
	}
	layers := func(half string) (n uint64) {
		for ; ; n++ {
			if _, ok := g.Tensor(fmt.Sprintf("%s.layers.%d.fc1.weight", half, n)); !ok {
				return n
			}
		}
	}
	s = whisperSizes{
		vocab: shape("decoder.embed_tokens.weight", 2, 0), state: shape("encoder.conv1.weight", 3, 0), encoder: layers("encoder"), decoder: layers("decoder"),
		mels: shape("encoder.conv1.weight", 3, 1), audioContext: shape("encoder.embed_positions.weight", 2, 0), textContext: shape("decoder.embed_positions.weight", 2, 0),
	}
	s.heads = s.state / 64
	for _, key := range []string{"encoder/num_heads", "ggml.n_audio_head", "n_audio_head"} {
		if n, wrong := f.Meta.Int(key, 0); wrong == nil && n > 0 {
			s.heads = uint64(n)
		}
	}
	var config struct {
		Heads uint64 `json:"encoder_attention_heads"`
	}
	if json.Unmarshal(f.Aux["config.json"], &config) == nil && config.Heads > 0 {
		s.heads = config.Heads
	}
	return s, err
}

// metadata returns the metadata of an APR file; that of an APR file f is kept.
func (s whisperSizes) metadata(f *models.File) models.Metadata {
	m := models.Metadata{"model_type": "speech-recognition", "model_family": "whisper", "architecture": "whisper", "n_mels": s.mels, "vocab_size": s.vocab,
		"n_audio_state": s.state, "n_audio_layer": s.encoder, "n_audio_head": s.heads, "n_audio_ctx": s.audioContext,
		"n_text_state": s.state, "n_text_layer": s.decoder, "n_text_head": s.heads, "n_text_ctx": s.textContext}
	if f.Format == "apr" {
		for key, v := range f.Meta {
			if _, set := m[key]; !set && !strings.HasPrefix(key, "sharding.") {
				m[key] = v
			}
		}
	}
	return m
}

// config returns the config.json of a folder.
func (s whisperSizes) config() map[string]any {
	return map[string]any{
		"model_type": "whisper", "architectures": []string{"WhisperForConditionalGeneration"}, "activation_function": "gelu", "scale_embedding": false,
		"d_model": s.state, "num_mel_bins": s.mels, "encoder_layers": s.encoder, "decoder_layers": s.decoder, "vocab_size": s.vocab,
		"encoder_attention_heads": s.heads, "decoder_attention_heads": s.heads, "max_source_positions": s.audioContext, "max_target_positions": s.textContext,
		"encoder_ffn_dim": 4 * s.state, "decoder_ffn_dim": 4 * s.state,
	}
}

// WhisperTensors returns the tensors of a Whisper model of any format with the names of Hugging Face, without "model.".
func WhisperTensors(f *models.File) []models.Tensor {
	switch f.Format {
	case "ctranslate2":
		return renamed(OpenAITensors(f), toHuggingFace.Replace)
	case "ggml":
		return renamed(f.Tensors, toHuggingFace.Replace)
	}
	return renamed(f.Tensors, func(name string) string {
		name = strings.TrimPrefix(name, "model.")
		switch {
		case strings.HasSuffix(name, ".positional_embedding"):
			return strings.TrimSuffix(name, "positional_embedding") + "embed_positions.weight"
		case strings.TrimSuffix(name, ".weight") == "decoder.token_embedding":
			return "decoder.embed_tokens.weight"
		}
		return name
	})
}

func renamed(tensors []models.Tensor, rename func(string) string) []models.Tensor {
	out := make([]models.Tensor, len(tensors))
	for i, t := range tensors {
		out[i] = t
		out[i].Name = rename(t.Name)
		if strings.Contains(t.Name, "conv") && len(t.Shape) == 2 && t.Shape[1] == 1 { // a bias in a ggml file
			out[i].Shape = t.Shape[:1]
		}
	}
	return out
}

// fromCTranslate2 maps parts of CTranslate2's names to OpenAI's. Stacked weights are split before.
var fromCTranslate2 = strings.NewReplacer(
	"/position_encodings/encodings", ".positional_embedding", "/embeddings/weight", ".token_embedding.weight",
	"/layer_norm/gamma", "_ln.weight", "/layer_norm/beta", "_ln.bias", "/layer_", ".blocks.",
	"/self_attention/linear_1", ".attn.out", "/self_attention", ".attn", "/attention/linear_0", ".cross_attn.query", "/attention/linear_2", ".cross_attn.out", "/attention", ".cross_attn",
	"/ffn/linear_0", ".mlp.0", "/ffn/linear_1", ".mlp.2", "/ffn", ".mlp", "/weight", ".weight", "/bias", ".bias", "/", ".",
)

var toHuggingFace = strings.NewReplacer(
	"blocks", "layers", ".cross_attn_ln", ".encoder_attn_layer_norm", ".attn_ln", ".self_attn_layer_norm", ".mlp_ln", ".final_layer_norm",
	".cross_attn.query", ".encoder_attn.q_proj", ".cross_attn.key", ".encoder_attn.k_proj", ".cross_attn.value", ".encoder_attn.v_proj", ".cross_attn.out", ".encoder_attn.out_proj",
	".attn.query", ".self_attn.q_proj", ".attn.key", ".self_attn.k_proj", ".attn.value", ".self_attn.v_proj", ".attn.out", ".self_attn.out_proj",
	".mlp.0", ".fc1", ".mlp.2", ".fc2", "encoder.ln_post", "encoder.layer_norm", "decoder.ln.", "decoder.layer_norm.",
	"positional_embedding", "embed_positions.weight", "token_embedding", "embed_tokens",
)

// OpenAITensors returns the tensors of a CTranslate2 model under OpenAI's names, with query, key and value apart and without
// the key's bias, which is zero.
func OpenAITensors(f *models.File) []models.Tensor {
	ends := strings.NewReplacer("encoder_ln", "encoder.ln_post", "decoder_ln", "decoder.ln")
	var out []models.Tensor
	for _, t := range f.Tensors {
		switch name := t.Name; {
		case strings.HasPrefix(name, "decoder/projection"): // the embeddings again
		case strings.Contains(name, "self_attention/linear_0/"):
			out = append(out, split(t, "self_attention/linear_0", "query", "key", "value")...)
		case strings.Contains(name, "/attention/linear_1/"):
			out = append(out, split(t, "attention/linear_1", "key", "value")...)
		case len(t.Data) > 0 && len(t.Shape) > 0:
			t.Name = ends.Replace(fromCTranslate2.Replace(name))
			out = append(out, t)
		}
	}
	return out
}

// split returns the parts of a stack of weights or biases.
func split(t models.Tensor, stack string, parts ...string) (out []models.Tensor) {
	rows, bytes := t.Shape[0]/len(parts), len(t.Data)/len(parts)
	for i, p := range parts {
		if p == "key" && len(t.Shape) == 1 {
			continue
		}
		one := t
		one.Name = fromCTranslate2.Replace(strings.Replace(t.Name, stack, strings.Split(stack, "/")[0]+"/"+p, 1))
		one.Shape = append([]int{rows}, t.Shape[1:]...)
		one.Data = t.Data[i*bytes:][:bytes]
		out = append(out, one)
	}
	return out
}
