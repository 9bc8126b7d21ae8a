package whisper

import (
	"soberano/engine/token"
	"soberano/models"
	"soberano/models/ggml"
)

// fromGGML reads whisper.cpp's ggml files: OpenAI's tensor names, sizes and tokens in the header.
func fromGGML(f *models.File) (*weights, error) {
	a := &apart{part: part{f: f}, naming: openAI}
	heads, err := declaredHeads(f, 0, "ggml.n_audio_head", "ggml.n_text_head")
	if err != nil {
		return nil, err
	}
	d, err := a.dims(heads)
	if err != nil {
		return nil, err
	}
	if err := checkDeclared(f, map[string]int{
		"ggml.n_vocab": d.Vocab, "ggml.n_mels": d.Mels, "ggml.n_audio_ctx": d.AudioContext, "ggml.n_text_ctx": d.TextContext,
		"ggml.n_audio_state": d.State, "ggml.n_text_state": d.State, "ggml.n_audio_layer": d.EncLayers, "ggml.n_text_layer": d.DecLayers,
	}); err != nil {
		return nil, err
	}
	return a.read(d)
}

func textGGML(f *models.File) (*token.Tokenizer, error) {
	list, err := f.Meta.Strings(ggml.TokensKey)
	if err != nil {
		return nil, err
	}
	vocab, err := f.Meta.Int("ggml.n_vocab", 0)
	if err != nil {
		return nil, err
	}
	return fromRanks(f, list, vocab)
}
