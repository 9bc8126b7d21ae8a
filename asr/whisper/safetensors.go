package whisper

import (
	"encoding/json"

	"soberano/engine/token"
	"soberano/models"
)

// hfConfig holds the fields of config.json that are read. Absent numbers are nil.
type hfConfig struct {
	ModelType  string `json:"model_type"`
	Activation string `json:"activation_function"`
	ScaleEmbed bool   `json:"scale_embedding"`
	Tied       *bool  `json:"tie_word_embeddings"`
	State      *int   `json:"d_model"`
	Mels       *int   `json:"num_mel_bins"`
	EncLayers  *int   `json:"encoder_layers"`
	DecLayers  *int   `json:"decoder_layers"`
	EncHeads   *int   `json:"encoder_attention_heads"`
	DecHeads   *int   `json:"decoder_attention_heads"`
	Vocab      *int   `json:"vocab_size"`
}

func (c *hfConfig) read(f *models.File) error {
	b := f.Aux["config.json"]
	if b == nil {
		return nil
	}
	if err := json.Unmarshal(b, c); err != nil {
		return models.Corrupt(f.Path, "is damaged: config.json: %v", err)
	}
	bad := func(format string, args ...any) error {
		return models.Unsupported(f.Path, "use a published Whisper model", format, args...)
	}
	_, ownOutput := f.Tensor("proj_out.weight")
	switch {
	case c.ModelType != "" && c.ModelType != "whisper":
		return bad("is a model of type %s, not Whisper", models.Quote(c.ModelType))
	case c.Activation != "" && c.Activation != "gelu":
		return bad("uses the activation %s, expected gelu", models.Quote(c.Activation))
	case c.ScaleEmbed:
		return bad("scales its embeddings, which no published Whisper model does")
	case c.Tied != nil && !*c.Tied && ownOutput:
		return bad("has an output matrix of its own, which no published Whisper model does")
	}
	return nil
}

// declared returns the numbers in config.json as a File's metadata.
func (c *hfConfig) declared() models.Metadata {
	m := models.Metadata{}
	for key, n := range map[string]*int{
		"d_model": c.State, "num_mel_bins": c.Mels, "encoder_layers": c.EncLayers, "decoder_layers": c.DecLayers, "vocab_size": c.Vocab,
		"encoder_attention_heads": c.EncHeads, "decoder_attention_heads": c.DecHeads,
	} {
		if n != nil {
			m[key] = int64(*n)
		}
	}
	return m
}

// fromSafetensors reads directories of Hugging Face: their tensor names, sizes in config.json.
func fromSafetensors(f *models.File) (*weights, error) {
	var c hfConfig
	if err := c.read(f); err != nil {
		return nil, err
	}
	a := &apart{part: part{f: f}, naming: huggingFace, prefix: hfPrefix(f)}
	d, err := a.dims(0)
	if err != nil {
		return nil, err
	}
	declared := &models.File{Path: f.Path, Meta: c.declared()}
	if d.Heads, err = declaredHeads(declared, d.State, "encoder_attention_heads", "decoder_attention_heads"); err != nil {
		return nil, err
	}
	if err := checkDeclared(declared, map[string]int{
		"d_model": d.State, "num_mel_bins": d.Mels, "encoder_layers": d.EncLayers, "decoder_layers": d.DecLayers, "vocab_size": d.Vocab,
	}); err != nil {
		return nil, err
	}
	return a.read(d)
}

// hfPrefix returns the prefix of the tensor names: "model.", or "" if the network was saved without
// the class around it.
func hfPrefix(f *models.File) string {
	if _, ok := f.Tensor("encoder.conv1.weight"); ok {
		return ""
	}
	return "model."
}

func textSafetensors(f *models.File) (*token.Tokenizer, error) {
	switch {
	case f.Aux["tokenizer.json"] != nil:
		return fromJSON(f)
	case f.Aux["vocab.json"] != nil && f.Aux["merges.txt"] != nil:
		return token.NewWhisperFiles(f.Aux["vocab.json"], f.Aux["merges.txt"], f.Aux["added_tokens.json"])
	}
	return nil, models.Unsupported(f.Path, "put the tokenizer.json that belongs to it beside the weights", "has no tokenizer.json")
}
