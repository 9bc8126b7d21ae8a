package models

import (
	"fmt"
	"slices"
)

// Pooling says how an encoder makes one vector of the rows of a text. The numbers are those of the key pooling_type in
// GGUF files (llama.h, enum llama_pooling_type).
type Pooling int

const (
	PoolNone  Pooling = iota // the file does not say how
	PoolMean                 // the mean of all rows
	PoolFirst                // the first row, that of the token [CLS]
	PoolLast                 // the last row
	PoolRank                 // a classification head computes scores from the first row, or from the last with causal attention
)

// Purpose is what a language model is for.
type Purpose int

const (
	Continues Purpose = iota // it continues a text: a chat model
	Embeds                   // it makes a vector of a text: an embedding model
	Ranks                    // it scores how well a document answers a query: a reranker
)

// Encoders are the families whose attention is not causal. Their models embed or rank texts, and continue none.
var Encoders = []string{"bert", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llama-embed", "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe"}

// Pooling returns family.pooling_type, PoolNone where the key is absent.
func (m Metadata) Pooling(family string) (Pooling, error) {
	key := family + ".pooling_type"
	n, err := m.Int(key, 0)
	switch {
	case err != nil:
		return PoolNone, err
	case n == -1: // not specified
		return PoolNone, nil
	case n < 0 || n > int(PoolRank):
		return PoolNone, fmt.Errorf("key %q is %d, this program knows 0 to %d: %w", key, n, PoolRank, ErrUnsupported)
	}
	return Pooling(n), nil
}

// Purpose returns what the model with these metadata is for. Models of the families Encoders embed texts, and so do those of
// other families if the file says how to pool; with PoolRank they rank. With the error of a damaged key, the purpose is the likely one.
func (m Metadata) Purpose() (Purpose, error) {
	family, err := m.String("general.architecture", "")
	if err != nil {
		return Continues, err
	}
	pooling, err := m.Pooling(family)
	switch {
	case err != nil:
		return Embeds, err
	case pooling == PoolRank:
		return Ranks, nil
	case pooling != PoolNone || slices.Contains(Encoders, family):
		return Embeds, nil
	}
	return Continues, nil
}

// IsVision reports whether these are the metadata of a vision encoder, a file beside that of a language model. Files of the same kind
// may hold an encoder of sound instead.
func (m Metadata) IsVision() bool {
	family, err := m.String("general.architecture", "")
	sees, damaged := m.Bool("clip.has_vision_encoder", false)
	return err == nil && family == "clip" && (sees || damaged != nil)
}
