package convert

import (
	"maps"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/huggingface"
)

// read returns the model of f, with the keys and names of a GGUF file.
func read(f *models.File, o Options) (*model, error) {
	_, language := f.Meta["general.architecture"]
	switch {
	case language:
		return &model{path: f.Path, meta: apr.GGUF(f.Meta), tensors: f.Tensors}, nil
	case f.Format == "safetensors" && huggingface.Is(f):
		return readFolder(f, o)
	}
	return nil, models.Unsupported(f.Path, "", "holds a model of a kind that can't be converted")
}

// readFolder reads a language model in a folder of Hugging Face.
func readFolder(f *models.File, o Options) (*model, error) {
	g, err := huggingface.Convert(f, true)
	if err != nil {
		return nil, err
	}
	meta := maps.Clone(g.Meta)
	maps.Copy(meta, huggingface.Sampling(f))
	if o.Vocabulary == nil {
		return nil, models.Unsupported(f.Path, "", "has a tokenizer that can't be converted")
	}
	vocabulary, err := o.Vocabulary(f)
	if err != nil {
		return nil, models.InFile(f.Path, err)
	}
	maps.Copy(meta, vocabulary)
	return &model{path: f.Path, meta: meta, tensors: g.Tensors}, nil
}
