// Package ggml reads Whisper models in the format of whisper.cpp, one ".bin" file. It is the
// format that ggml used before GGUF. Little-endian:
//
//	i32 magic 0x67676d6c ("lmgg")
//	11 × i32  vocabulary, audio context, state, heads, layers, text context, state,
//	          heads, layers, mels, file type (+ 1000 × version of the block formats)
//	i32 mels · i32 bins (201) · float32 mel filters [mels × bins]
//	i32 tokens, then each: i32 length · bytes (spaces are stored as they are)
//	tensors until the end of the file, each
//	          i32 rank · i32 length of the name · i32 type (GGML's number)
//	          rank × i32 sizes, fastest first · name · data, not aligned
//
// Tokens beyond the list are special; the size of the vocabulary determines them. Weights
// are memory-mapped and keep the type in which they are stored. The file has no count of
// its tensors, so a file that ends early between two tensors is accepted here; asr/whisper
// finds out when it misses a tensor.
// Source: models/convert-pt-to-ggml.py and whisper_model_load of whisper.cpp.
package ggml

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"soberano/kernels/quant"
	"soberano/models"
)

// Magic is the first four bytes of a file.
const Magic = "lmgg"

// params names the numbers of the header in their order; they are keys of Meta.
var params = [...]string{
	"ggml.n_vocab", "ggml.n_audio_ctx", "ggml.n_audio_state", "ggml.n_audio_head", "ggml.n_audio_layer",
	"ggml.n_text_ctx", "ggml.n_text_state", "ggml.n_text_head", "ggml.n_text_layer", "ggml.n_mels", "ggml.ftype",
}

// Keys of Meta for the mel filters, row by row, and for the bytes of the tokens.
const (
	filtersKey = "ggml.filters"
	TokensKey  = "ggml.tokens"
)

// Limits; Whisper large has 1,259 tensors.
const (
	maxTensors = 1 << 16
	maxTokens  = 1 << 20
	maxFilters = 1 << 20
	maxDims    = 4
	maxName    = 256
	maxText    = 1 << 12
)

// blockVersion is the version of the block formats that kernels/quant implements. Older
// versions have other scales.
const blockVersion = 2

// Open opens a file. Meta holds the header's numbers as uint64 ("ggml.n_vocab", …), the mel
// filters ("ggml.filters") and the tokens ("ggml.tokens"). The error is a *models.FileError.
func Open(path string) (*models.File, error) {
	data, release, err := models.Map(path)
	if err != nil {
		return nil, err
	}
	f := &models.File{Format: "ggml", Path: path, Paths: []string{path}}
	f.OnClose(release)
	if f.Meta, f.Tensors, err = parse(path, data); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// parse reads a file with the bytes b. Each tensor's data is a part of b and has the length
// that its type and shape require.
func parse(path string, b []byte) (models.Metadata, []models.Tensor, error) {
	c := models.NewCursor(path, b)
	if string(c.Next(4)) != Magic && c.Err() == nil {
		return nil, nil, &models.FileError{Path: path, Reason: "does not begin as a ggml file does", Kind: models.ErrUnknownFormat}
	}
	meta := models.Metadata{}
	for _, key := range params {
		meta[key] = uint64(c.U32())
	}
	readFilters(c, meta)
	readTokens(c, meta)
	tensors := readTensors(c, path)
	if c.Err() != nil {
		return nil, nil, c.Err()
	}
	return meta, tensors, checkVersion(path, meta, tensors)
}

func readFilters(c *models.Cursor, meta models.Metadata) {
	c.Field = "the size of the mel filters"
	mels, bins := uint64(c.U32()), uint64(c.U32())
	if mels > maxFilters || bins > maxFilters || mels*bins > maxFilters {
		c.Corrupt("is %s × %s", models.Grouped(mels), models.Grouped(bins))
	}
	c.Field = "the mel filters"
	n := c.Count(mels*bins, 4)
	filters := make([]float64, n)
	for i := range filters {
		filters[i] = float64(math.Float32frombits(c.U32()))
	}
	if mels != meta["ggml.n_mels"].(uint64) {
		c.Corrupt("are for %d bands, the header says %d", mels, meta["ggml.n_mels"])
	}
	meta[filtersKey] = filters
}

func readTokens(c *models.Cursor, meta models.Metadata) {
	c.Field = "the count of tokens"
	count := uint64(c.U32())
	if count > maxTokens || count > meta["ggml.n_vocab"].(uint64) {
		c.Corrupt("is %s for a vocabulary of %d", models.Grouped(count), meta["ggml.n_vocab"])
	}
	tokens := make([]string, c.Count(count, 4))
	for i := range tokens {
		n := c.U32()
		if n > maxText {
			c.Field = fmt.Sprintf("token %d", i)
			c.Corrupt("has %s bytes", models.Grouped(uint64(n)))
		}
		tokens[i] = string(c.Next(uint64(n)))
	}
	meta[TokensKey] = tokens
}

func readTensors(c *models.Cursor, path string) []models.Tensor {
	var tensors []models.Tensor
	seen := map[string]bool{}
	for c.Err() == nil && c.Left() > 0 {
		c.Field = fmt.Sprintf("the head of tensor %d", len(tensors)+1)
		if n := len(tensors); n > 0 {
			c.Field += ", behind tensor " + models.Quote(tensors[n-1].Name) // whose type or shape may be wrong
		}
		if len(tensors) == maxTensors {
			c.Corrupt("stands there: more than %s tensors", models.Grouped(maxTensors))
		}
		t := readTensor(c, path)
		if c.Err() == nil && seen[t.Name] {
			c.Corrupt("occurs twice")
		}
		seen[t.Name] = true
		tensors = append(tensors, t)
	}
	return tensors
}

// noType is above the numbers of GGML's types, those that were removed included.
const noType quant.Type = 64

func readTensor(c *models.Cursor, path string) models.Tensor {
	rank, length, typ := c.U32(), c.U32(), quant.Type(c.U32())
	if rank > maxDims || length > maxName {
		c.Corrupt("says %s dimensions and a name of %s bytes", models.Grouped(uint64(rank)), models.Grouped(uint64(length)))
		return models.Tensor{}
	}
	t := models.Tensor{Type: typ, Shape: make([]int, rank)}
	for i := range t.Shape {
		t.Shape[int(rank)-1-i] = int(c.U32())
	}
	t.Name = string(c.Next(uint64(length)))
	c.Field = "tensor " + models.Quote(t.Name)
	if c.Err() == nil && typ >= noType {
		c.Corrupt("has type %d, which is the number of no type", typ)
	}
	if c.Err() == nil && !typ.Known() {
		c.Fail(models.Unsupported(path, "download this model as q5_0, q8_0 or f16", "stores %s as %v, which this program does not have", c.Field, typ))
	}
	n, ok := models.Bytes(typ, t.Shape)
	if c.Err() == nil && !ok {
		c.Corrupt("has an impossible shape %v for type %v", t.Shape, typ)
	}
	t.Data = c.Next(n)
	return t
}

// checkVersion refuses block formats of other versions, which were written before May 2023.
func checkVersion(path string, meta models.Metadata, tensors []models.Tensor) error {
	version := meta["ggml.ftype"].(uint64) / 1000
	for _, t := range tensors {
		if t.Type.BlockValues() > 1 && version != blockVersion {
			return models.Unsupported(path, "download a newer file of this model",
				"holds quantized weights of version %d; only version %d is known", version, blockVersion)
		}
	}
	return nil
}

// le is the byte order of the format.
var le = binary.LittleEndian
