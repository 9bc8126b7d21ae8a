package whisper

import (
	"encoding/json"

	"soberano/engine/token"
	"soberano/models"
)

// fromAPR reads APR files: Hugging Face's tensor names, sizes in the metadata.
func fromAPR(f *models.File) (*weights, error) {
	a := &apart{part: part{f: f}, naming: huggingFace, prefix: hfPrefix(f)}
	d, err := a.dims(0)
	if err != nil {
		return nil, err
	}
	if d.Heads, err = declaredHeads(f, d.State, "n_audio_head", "n_text_head"); err != nil {
		return nil, err
	}
	if err := checkDeclared(f, map[string]int{
		"n_mels": d.Mels, "n_audio_ctx": d.AudioContext, "n_text_ctx": d.TextContext, "n_audio_state": d.State, "n_text_state": d.State,
		"n_audio_layer": d.EncLayers, "n_text_layer": d.DecLayers, "vocab_size": d.Vocab,
	}); err != nil {
		return nil, err
	}
	return a.read(d)
}

func textAPR(f *models.File) (*token.Tokenizer, error) {
	a := &apart{part: part{f: f}, naming: huggingFace, prefix: hfPrefix(f)}
	vocab := a.shape(a.first(a.embed), 2)[0]
	if a.err != nil {
		return nil, a.err
	}
	if f.Aux["tokenizer.json"] != nil { // the file was made of a folder
		return fromJSON(f)
	}
	if b := f.Aux["__vocab__"]; b != nil {
		list, err := aprTokens(f.Path, b)
		if err != nil {
			return nil, err
		}
		return fromRanks(f, list, vocab)
	}
	list, err := f.Meta.Strings("tokenizer.vocabulary")
	if err != nil {
		return nil, err
	}
	merges, err := f.Meta.Strings("tokenizer.merges")
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, models.Unsupported(f.Path, "use another file of this model", "has no vocabulary")
	}
	return spelled(list, merges)
}

// spelled returns a tokenizer for the spellings and merges of a tokenizer.json.
func spelled(list, merges []string) (*token.Tokenizer, error) {
	vocabulary, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	tokenizer, err := json.Marshal(map[string]any{"model": map[string]any{"type": "BPE", "merges": merges}})
	if err != nil {
		return nil, err
	}
	return token.NewWhisper(tokenizer, vocabulary)
}

// aprTokens reads the tokens in __vocab__:
//
//	u32 tokens · u32 merges · for each token u16 length · bytes, in the order of their
//	numbers · for each merge two such texts (not needed: see token.NewWhisperRanks)
func aprTokens(path string, b []byte) ([]string, error) {
	c := models.NewCursor(path, b)
	c.Field = "the count of tokens in __vocab__"
	n := uint64(c.U32())
	c.U32()
	list := make([]string, c.Count(n, 2))
	c.Field = "a token of __vocab__"
	for i := range list {
		list[i] = string(c.Next(uint64(c.U16())))
	}
	return list, c.Err()
}
