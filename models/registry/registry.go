// Package registry is the user's library of models on disk, and the place that
// recognises file formats.
//
//	DataDir()/models/
//	  <name>/entry.json     what the model is, where its files are, their hashes
//	  <name>/files/…        the files, if they were copied in
//	  .tmp-…/               an import under way: written, synced, then renamed
//
// An entry is complete or absent: the rename of its folder is the only commit.
package registry

import (
	"time"

	"soberano/models/defaults"
)

// Kind says what a model can do.
type Kind string

const (
	Chat   Kind = "chat"
	Speech Kind = "speech"
)

// Languages are those that a speech model knows.
type Languages string

const (
	NotSaid       Languages = "" // not a speech model, or not known
	EnglishAlone  Languages = "english"
	ManyLanguages Languages = "many"
)

// How an import treats the file.
type How int

const (
	Copy How = iota // into the library
	Link            // the file stays where it is
)

// Sampling is what a model's makers (or this project's trials) recommend; JSON keys as engine/sample.Params.
type Sampling = defaults.Sampling

// Info is what a model file says of itself, read without loading its weights.
type Info struct {
	Kind         Kind   `json:"kind"`
	Format       string `json:"format"`       // "gguf", "ctranslate2", "ggml", "safetensors", "apr"
	Family       string `json:"family"`       // "llama", "gemma3", "lfm2", "whisper"
	Title        string `json:"title"`        // for people: "SmolLM2 135M Instruct"
	Quantization string `json:"quantization"` // "Q4_1"
	Parameters   int64  `json:"parameters"`
	Context      int    `json:"context"` // tokens; 0 for speech
	Licence      string `json:"licence,omitempty"`
	Bytes        int64  `json:"bytes"`
	Runs         bool   `json:"runs"`             // this program has the family and every type
	Reason       string `json:"reason,omitempty"` // why not
	Template     bool   `json:"template"`         // has a chat template
	// Languages says which languages a speech model knows.
	Languages Languages `json:"languages,omitempty"`
	// Layers (those that keep keys and values), KVHeads and HeadDim give the size of a
	// conversation's state; Local of the layers see only a window of Window positions.
	Layers  int `json:"layers,omitempty"`
	KVHeads int `json:"kv_heads,omitempty"`
	HeadDim int `json:"head_dim,omitempty"`
	Local   int `json:"local,omitempty"`
	Window  int `json:"window,omitempty"`
}

// Stored is one file of an entry.
type Stored struct {
	Path   string `json:"path"` // absolute, or relative to the entry's folder
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Entry is a model in the library.
type Entry struct {
	Name     string    `json:"name"` // unique, usable on a command line
	Info               // flattened
	Files    []Stored  `json:"files"`
	Linked   bool      `json:"linked"`
	Included bool      `json:"included"` // came with the program
	Note     string    `json:"note,omitempty"`
	Sampling Sampling  `json:"sampling"`
	Added    time.Time `json:"added"`

	dir string
}
