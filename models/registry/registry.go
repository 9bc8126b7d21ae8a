// Package registry recognises file formats and keeps the user's library of models on disk.
//
//	DataDir()/models/
//	  <name>/entry.json     what the model is, where its files are, their hashes
//	  <name>/files/…        the files, if they were copied
//	  .tmp-…/               an import in progress: written, synced, then renamed
//	DataDir()/library.db    an index of the entries, which is made anew from them whenever it is missing, damaged or out of date
//
// An entry is either complete or absent: renaming its folder is the only commit.
package registry

import (
	"encoding/json"
	"time"

	"soberano/models"
	"soberano/models/defaults"
)

// Kind says what a model can do.
type Kind string

const (
	Chat      Kind = "chat"
	Speech    Kind = "speech"
	Embedding Kind = "embedding" // makes a vector of a text
	Reranker  Kind = "reranker"  // scores how well a document answers a query
	Vision    Kind = "vision"    // the vision encoder of a chat model, which Library.Attach adds to that one
)

// Languages tells which languages a speech model knows.
type Languages string

const (
	UnknownLanguages Languages = "" // not a speech model, or unknown
	EnglishAlone     Languages = "english"
	ManyLanguages    Languages = "many"
)

// How is the way in which an import treats the files.
type How int

const (
	Copy How = iota // copy them into the library
	Link            // leave them where they are
	Take            // as Copy, of files that the caller deletes afterwards: if they are on the library's disk, they are not written again
)

// Sampling holds recommended sampling settings. Its JSON keys are those of engine/sample.Params.
type Sampling = defaults.Sampling

// Info is the description that a model file contains, read without loading its weights.
type Info struct {
	Kind         Kind   `json:"kind"`
	Format       string `json:"format"`       // "gguf", "ctranslate2", "ggml", "safetensors", "apr"
	Family       string `json:"family"`       // general.architecture, or "whisper"
	Title        string `json:"title"`        // title that people see: "SmolLM2 135M Instruct"
	Quantization string `json:"quantization"` // "Q4_1"
	Parameters   int64  `json:"parameters"`
	Context      int    `json:"context"` // tokens; 0 for speech
	Licence      string `json:"licence,omitempty"`
	Bytes        int64  `json:"bytes"`
	// LookedUp is how many of Bytes are tables of which a row is read for each token: embeddings that are not the output matrix.
	LookedUp int64  `json:"looked_up,omitempty"`
	Runs     bool   `json:"runs"`              // the program can open it, see Check
	Reason   string `json:"reason,omitempty"`  // why it does not run
	Warning  string `json:"warning,omitempty"` // in sentences, what the file of a model that runs lacks
	Template bool   `json:"template"`          // has a chat template
	// Encrypted: the weights are, and a password is needed to open the model.
	Encrypted bool `json:"encrypted,omitempty"`
	// SignedBy is the public key of the file's signature, in base64; "": it has none. Imports and Verify check the signature.
	SignedBy string `json:"signed_by,omitempty"`
	// Languages tells which languages a speech model knows.
	Languages Languages `json:"languages,omitempty"`
	// Layers (only those that keep keys and values), KVHeads and HeadDim give the size of a
	// conversation's state. Local of these layers attend only to a window of Window positions.
	Layers  int `json:"layers,omitempty"`
	KVHeads int `json:"kv_heads,omitempty"`
	HeadDim int `json:"head_dim,omitempty"`
	Local   int `json:"local,omitempty"`
	Window  int `json:"window,omitempty"`
	// Needs is what the model needs in memory, as the Check has found; nil if it found nothing.
	Needs *Needs `json:"needs,omitempty"`
}

// Needs is what a model needs in memory when it is opened on the CPU.
type Needs struct {
	Weights    int64 `json:"weights"`              // bytes of the weights as the CPU keeps them
	Vocabulary int64 `json:"vocabulary,omitempty"` // bytes of the tokenizer
	Row        int64 `json:"row"`                  // bytes of a row of a step
	Logits     int64 `json:"logits,omitempty"`     // bytes of the logits of a step
	Whole      bool  `json:"whole,omitempty"`      // a step has a whole text, however long it is
	// Kept is what the layers keep of a sequence: some numbers of layers that keep the same.
	Kept []Kept `json:"kept,omitempty"`
}

// Kept is what each of so many layers keeps of a sequence: the fields of a kernels.Layer.
type Kept struct {
	Layers   int  `json:"layers"`
	Kind     int  `json:"kind,omitempty"`
	KVHeads  int  `json:"kv_heads,omitempty"`
	KeyDim   int  `json:"key_dim,omitempty"`
	ValueDim int  `json:"value_dim,omitempty"`
	Window   int  `json:"window,omitempty"`
	Fine     bool `json:"fine,omitempty"`
	Rows     int  `json:"rows,omitempty"`
	Cols     int  `json:"cols,omitempty"`
}

// Verdict is what a Check finds in a model that can be opened.
type Verdict struct {
	Warning string // in sentences, what the file lacks
	Needs   *Needs // nil: not known
}

// Stored is one file of an entry.
type Stored struct {
	Path   string `json:"path"` // absolute, or relative to the entry's folder
	Bytes  int64  `json:"bytes"`
	BLAKE3 string `json:"blake3,omitempty"` // the identity of its content; "" of a linked file that was not read yet, or if only SHA256 is known
	SHA256 string `json:"sha256,omitempty"` // by which files are known in public; of copied files, and of those that Library.SHA256 has read
	Sample string `json:"sample,omitempty"` // of a linked file without hashes: the hash of some parts of it
	Stamp  string `json:"stamp,omitempty"`  // of a linked file: when it was last changed, see Entry.Unchanged
}

// hashed reports whether a hash of the whole content is recorded.
func (s Stored) hashed() bool { return s.BLAKE3 != "" || s.SHA256 != "" }

// stored is Stored without its methods.
type stored Stored

// storedJSON is the JSON of Stored, in which the path is a models.Path, so that every name of a file can be kept.
type storedJSON struct {
	Path models.Path `json:"path"` // takes the place of the one in stored
	stored
}

// MarshalJSON implements json.Marshaler.
func (s Stored) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedJSON{models.Path(s.Path), stored(s)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Stored) UnmarshalJSON(b []byte) error {
	j := storedJSON{stored: stored(*s), Path: models.Path(s.Path)}
	err := json.Unmarshal(b, &j)
	*s = Stored(j.stored)
	s.Path = string(j.Path)
	return err
}

// Entry is a model in the library.
type Entry struct {
	Name  string   `json:"name"` // unique, valid on a command line
	Info           // flattened
	Own            // flattened
	Files []Stored `json:"files"`
	// Projector is the file of the vision encoder that Attach has added. Others are found beside the model's file.
	Projector *Stored   `json:"projector,omitempty"`
	Linked    bool      `json:"linked"`
	Included  bool      `json:"included"` // included with the program
	Note      string    `json:"note,omitempty"`
	Sampling  Sampling  `json:"sampling"`
	Added     time.Time `json:"added"`
	Checked   string    `json:"checked,omitempty"` // the version of the program that determined Runs
	// Verified is the result of the last Verify, see Entry.Verification.
	Verified *Verification `json:"verified,omitempty"`

	dir string
}
