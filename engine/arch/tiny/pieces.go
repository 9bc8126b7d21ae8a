package tiny

import (
	"encoding/binary"
	"math"

	"soberano/models"
)

// message appends a field with bytes to a message of Protocol Buffers.
func message(b []byte, number int, bytes []byte) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|2)
	return append(binary.AppendUvarint(b, uint64(len(bytes))), bytes...)
}

// number appends a field with a number.
func number(b []byte, field int, value int64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(field)<<3), uint64(value))
}

// Pieces returns the tokenizer.model of SentencePiece with the vocabulary of a GGUF file. model is 1 (unigram) or 2 (BPE), merge whether repeated white space is left out.
func Pieces(m models.Metadata, model int64, merge bool) (b []byte) {
	texts, _ := m.Strings("tokenizer.ggml." + "tokens")
	kinds, _ := m.Ints("tokenizer.ggml." + "token_type")
	scores, _ := m.Floats("tokenizer.ggml." + "scores")
	for i, text := range texts {
		piece := append(message(nil, 1, []byte(text)), 2<<3|5)
		piece = binary.LittleEndian.AppendUint32(piece, math.Float32bits(float32(scores[i])))
		if kinds[i] != 1 {
			piece = number(piece, 3, kinds[i])
		}
		b = message(b, 1, piece)
	}
	trainer := number(nil, 3, model)
	for key, field := range map[string]int{"unknown_token_id": 40, "bos_token_id": 41, "eos_token_id": 42} {
		if id, err := m.Int("tokenizer.ggml."+key, -1); err == nil && m["tokenizer.ggml."+key] != nil {
			trainer = number(trainer, field, int64(id))
		}
	}
	b = message(b, 2, trainer)
	space, _ := m.Bool("tokenizer.ggml."+"add_space_prefix", true)
	chars, _ := m.Ints("tokenizer.ggml." + "precompiled_charsmap")
	raw := make([]byte, len(chars))
	for i, x := range chars {
		raw[i] = byte(x)
	}
	normalizer := message(number(number(nil, 3, truth(space)), 4, truth(merge)), 1, []byte("nmt_nfkc"))
	if len(raw) > 0 {
		normalizer = message(normalizer, 2, raw)
	}
	return message(message(b, 3, normalizer), 9, []byte("a field of tomorrow"))
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
