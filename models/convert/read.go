package convert

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/huggingface"
)

// read returns the model of f in the form in which it is written as to: with the keys and names of a GGUF file, or as a folder.
func read(f *models.File, to Format, o Options) (*model, error) {
	_, language := f.Meta["general.architecture"]
	switch {
	case language && to == Folder:
		return makeFolder(f, o)
	case language:
		return &model{path: f.Path, meta: apr.GGUF(f.Meta), tensors: f.Tensors}, nil
	case huggingface.Is(f) && to == GGUF:
		return readLanguage(f, o)
	case huggingface.Is(f):
		return readFolder(f)
	case isWhisper(f):
		return readWhisper(f, to, o)
	}
	return nil, models.Unsupported(f.Path, "", "holds a model of a kind that can't be converted")
}

// readLanguage reads a language model in the form of a folder, which becomes one in that of a GGUF file.
func readLanguage(f *models.File, o Options) (*model, error) {
	g, err := huggingface.Convert(f, true)
	if err != nil {
		return nil, err
	}
	meta := maps.Clone(g.Meta)
	maps.Copy(meta, huggingface.Sampling(f))
	if o.Vocabulary == nil {
		return nil, models.Unsupported(f.Path, "write it as an .apr file", "has a tokenizer that can't be converted")
	}
	vocabulary, err := o.Vocabulary(f)
	if err != nil {
		return nil, models.InFile(f.Path, err)
	}
	maps.Copy(meta, vocabulary)
	return &model{path: f.Path, meta: meta, tensors: g.Tensors}, nil
}

// readFolder reads a language model that stays a folder, or becomes an APR file with the files of the folder inside.
func readFolder(f *models.File) (*model, error) {
	g, err := huggingface.Convert(f, false)
	if err != nil {
		return nil, err
	}
	family, err := g.Meta.String("general.architecture", "")
	if err != nil {
		return nil, models.InFile(f.Path, err)
	}
	unused := func(t models.Tensor) bool { return !t.Type.Known() } // numbers of positions: the family would have refused what it reads
	return &model{path: f.Path, folder: family, meta: g.Meta, tensors: slices.DeleteFunc(slices.Clone(f.Tensors), unused), aux: companions(f)}, nil
}

// makeFolder reads a language model in the form of a GGUF file, which becomes a folder.
func makeFolder(f *models.File, o Options) (*model, error) {
	const advice = "write it as a .gguf or an .apr file"
	if o.TokenizerFiles == nil {
		return nil, models.Unsupported(f.Path, advice, "has a tokenizer that can't be converted")
	}
	files, err := o.TokenizerFiles(f)
	if errors.Is(err, models.ErrUnsupported) {
		return nil, models.Unsupported(f.Path, advice, "can't be a folder: %s", strings.TrimSuffix(err.Error(), ": "+models.ErrUnsupported.Error()))
	}
	if err != nil {
		return nil, models.InFile(f.Path, err)
	}
	g, err := huggingface.Folder(f, files)
	if err != nil {
		return nil, err
	}
	family, err := f.Meta.String("general.architecture", "")
	if err != nil {
		return nil, models.InFile(f.Path, err)
	}
	return &model{path: f.Path, folder: family, meta: apr.GGUF(f.Meta), tensors: g.Tensors, aux: g.Aux}, nil
}
