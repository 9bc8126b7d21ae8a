// Package convert converts Whisper models from CTranslate2 to the other file formats, for tests of
// those: the same weights under other names and in other types, with the side files of published
// models in that format.
//
//	CTranslate2 ─split, rename─▶ OpenAI's names ─▶ ggml .bin
//	                                  └rename─▶ Hugging Face's ─▶ safetensors directory, APR
package convert

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine/token"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/convert"
	"soberano/models/ggml"
	"soberano/models/safetensors"
)

// Types that only APR has, as apr.Write expects them.
const (
	APRQ4 quant.Type = 128
	APRQ8 quant.Type = 129
)

// FileTypes maps the type of most weights to its number in ggml's header.
var FileTypes = map[quant.Type]uint64{
	quant.F32: 0, quant.F16: 1, quant.Q4_0: 2002, quant.Q4_1: 2003, quant.Q8_0: 2007, quant.Q5_0: 2008, quant.Q5_1: 2009,
	quant.Q4_K: 2012, quant.Q5_K: 2013, quant.Q6_K: 2014,
}

// GGML writes f to path with its matrices as typ, and the convolutions as float16, as whisper.cpp's
// programs do. The mel filters are zeros, as those of asr/mel are used for every model.
func GGML(t testing.TB, path string, f *models.File, typ quant.Type) {
	t.Helper()
	s := sizesOf(t, f)
	meta := models.Metadata{
		"ggml.n_vocab": s.vocab, "ggml.n_audio_ctx": uint64(1500), "ggml.n_audio_state": s.state, "ggml.n_audio_head": s.heads, "ggml.n_audio_layer": s.enc,
		"ggml.n_text_ctx": s.context, "ggml.n_text_state": s.state, "ggml.n_text_head": s.heads, "ggml.n_text_layer": s.dec,
		"ggml.n_mels": s.mels, "ggml.ftype": FileTypes[typ], "ggml.filters": make([]float64, s.mels*201), ggml.TokensKey: texts(t, f),
	}
	tensors := convert.OpenAITensors(f)
	for i := range tensors {
		x := &tensors[i]
		switch {
		case strings.HasSuffix(x.Name, "positional_embedding") || len(x.Shape) == 1:
			retype(t, x, quant.F32)
		case len(x.Shape) == 2:
			retype(t, x, typ)
		case typ != quant.F32:
			retype(t, x, quant.F16)
		default:
			retype(t, x, quant.F32)
		}
		if strings.Contains(x.Name, "conv") && strings.HasSuffix(x.Name, ".bias") {
			x.Shape = []int{x.Shape[0], 1}
		}
	}
	save(t, path, func(w *os.File) error { return ggml.Write(w, meta, tensors) })
}

// Safetensors writes f to the directory dir, all weights as typ: float32, float16 or bfloat16. With
// parts it writes two files and an index.
func Safetensors(t testing.TB, dir string, f *models.File, typ quant.Type, parts bool) {
	t.Helper()
	tensors := huggingFace(t, f, "model.")
	for i := range tensors {
		retype(t, &tensors[i], typ)
	}
	meta := models.Metadata{"format": "pt"}
	if !parts {
		save(t, filepath.Join(dir, safetensors.Weights), func(w *os.File) error { return safetensors.Write(w, meta, tensors) })
	} else {
		where := map[string]string{}
		for i, half := range [][]models.Tensor{tensors[:len(tensors)/2], tensors[len(tensors)/2:]} {
			name := fmt.Sprintf("model-%05d-of-00002.safetensors", i+1)
			for _, x := range half {
				where[x.Name] = name
			}
			save(t, filepath.Join(dir, name), func(w *os.File) error { return safetensors.Write(w, meta, half) })
		}
		saveJSON(t, filepath.Join(dir, safetensors.Index), map[string]any{"weight_map": where})
	}
	sideFiles(t, dir, f)
}

// sideFiles writes config.json, generation_config.json and tokenizer.json in the form of Hugging
// Face.
func sideFiles(t testing.TB, dir string, f *models.File) {
	t.Helper()
	var own struct {
		Suppress json.RawMessage `json:"suppress_ids"`
		Begin    json.RawMessage `json:"suppress_ids_begin"`
		Heads    json.RawMessage `json:"alignment_heads"`
	}
	if err := json.Unmarshal(f.Aux["config.json"], &own); err != nil {
		t.Fatal(err)
	}
	s := sizesOf(t, f)
	saveJSON(t, filepath.Join(dir, "config.json"), map[string]any{
		"model_type": "whisper", "architectures": []string{"WhisperForConditionalGeneration"}, "activation_function": "gelu", "scale_embedding": false,
		"d_model": s.state, "num_mel_bins": s.mels, "encoder_layers": s.enc, "decoder_layers": s.dec, "vocab_size": s.vocab,
		"encoder_attention_heads": s.heads, "decoder_attention_heads": s.heads,
	})
	saveJSON(t, filepath.Join(dir, "generation_config.json"), map[string]any{
		"suppress_tokens": own.Suppress, "begin_suppress_tokens": own.Begin, "alignment_heads": own.Heads,
	})
	if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), f.Aux["tokenizer.json"], 0o600); err != nil {
		t.Fatal(err)
	}
}

// APR writes f to path, all weights as typ, which is a type of single values or APRQ8. With APRQ4
// the matrices have that type, and the rest is float32.
func APR(t testing.TB, path string, f *models.File, typ quant.Type) {
	t.Helper()
	s := sizesOf(t, f)
	tensors := huggingFace(t, f, "")
	rename := strings.NewReplacer("embed_positions.weight", "positional_embedding", "embed_tokens.weight", "token_embedding")
	for i := range tensors {
		x := &tensors[i]
		x.Name = rename.Replace(x.Name)
		if typ == APRQ4 && len(x.Shape) != 2 {
			retype(t, x, quant.F32)
		} else {
			retype(t, x, typ)
		}
	}
	meta := models.Metadata{
		"model_type": "speech-recognition", "model_family": "whisper", "architecture": "whisper", "n_mels": s.mels, "vocab_size": s.vocab,
		"n_audio_state": s.state, "n_audio_layer": s.enc, "n_audio_head": s.heads, "n_audio_ctx": 1500,
		"n_text_state": s.state, "n_text_layer": s.dec, "n_text_head": s.heads, "n_text_ctx": s.context,
	}
	list := texts(t, f)
	vocabulary := binary.LittleEndian.AppendUint32(nil, uint32(len(list)))
	vocabulary = binary.LittleEndian.AppendUint32(vocabulary, 0)
	for _, text := range list {
		vocabulary = append(binary.LittleEndian.AppendUint16(vocabulary, uint16(len(text))), text...)
	}
	save(t, path, func(w *os.File) error {
		return apr.Write(w, meta, tensors, map[string][]byte{"__vocab__": vocabulary})
	})
}

type sizes struct{ vocab, state, heads, enc, dec, context, mels uint64 }

func sizesOf(t testing.TB, f *models.File) sizes {
	t.Helper()
	shape := func(name string, i int) uint64 {
		x, ok := f.Tensor(name)
		if !ok {
			t.Fatalf("%s has no tensor %s", f.Path, name)
		}
		return uint64(x.Shape[i])
	}
	layers := func(half string) (n uint64) {
		for ; ; n++ {
			if _, ok := f.Tensor(fmt.Sprintf("%s/layer_%d/ffn/layer_norm/gamma", half, n)); !ok {
				return n
			}
		}
	}
	heads, err := f.Meta.Int("encoder/num_heads", 0)
	if err != nil {
		t.Fatal(err)
	}
	return sizes{
		vocab: shape("decoder/embeddings/weight", 0), state: shape("encoder/conv1/weight", 0), heads: uint64(heads), enc: layers("encoder"), dec: layers("decoder"),
		context: shape("decoder/position_encodings/encodings", 0), mels: shape("encoder/conv1/weight", 1),
	}
}

// texts returns the bytes of the tokens before <|endoftext|>.
func texts(t testing.TB, f *models.File) []string {
	t.Helper()
	vocabulary := f.Aux["vocabulary.json"]
	if vocabulary == nil {
		vocabulary = f.Aux["vocabulary.txt"]
	}
	tok, err := token.NewWhisper(f.Aux["tokenizer.json"], vocabulary)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := tok.EOS()
	list := make([]string, end)
	for i := range list {
		list[i] = string(tok.Piece(int32(i)))
	}
	return list
}

func huggingFace(t testing.TB, f *models.File, prefix string) []models.Tensor {
	t.Helper()
	tensors := convert.WhisperTensors(f)
	for i := range tensors {
		tensors[i].Name = prefix + tensors[i].Name
	}
	return tensors
}

// retype converts x to another type.
func retype(t testing.TB, x *models.Tensor, typ quant.Type) {
	t.Helper()
	if x.Type == typ {
		return
	}
	values := make([]float32, x.Len())
	quant.Dequantize(x.Type, values, x.Data)
	x.Type = typ
	switch typ {
	case APRQ4:
		x.Data = aprQ4(values)
	case APRQ8:
		x.Data = aprQ8(values)
	case quant.Q5_K: // a Q4_K block is one of Q5_K without the fifth bits
		q4 := make([]byte, quant.Q4_K.RowBytes(len(values)))
		quant.Quantize(quant.Q4_K, q4, values)
		x.Data = make([]byte, 0, len(q4)/144*176)
		for ; len(q4) > 0; q4 = q4[144:] {
			x.Data = append(append(append(x.Data, q4[:16]...), make([]byte, 32)...), q4[16:144]...)
		}
	default:
		x.Data = make([]byte, typ.RowBytes(len(values)))
		quant.Quantize(typ, x.Data, values)
	}
}

// aprQ8 encodes values with one scale, by which the largest is 127.
func aprQ8(values []float32) []byte {
	most := float32(0)
	for _, v := range values {
		most = max(most, max(v, -v))
	}
	scale := most / 127
	if most == 0 {
		scale = 1
	}
	b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(scale))
	for _, v := range values {
		b = append(b, byte(int8(math.RoundToEven(float64(v/scale)))))
	}
	return b
}

// aprQ4 encodes values with a scale for each 32, by which the largest is 7.
func aprQ4(values []float32) []byte {
	var b []byte
	for ; len(values) > 0; values = values[min(32, len(values)):] {
		block := make([]float32, 32)
		copy(block, values)
		most := float32(0)
		for _, v := range block {
			most = max(most, max(v, -v))
		}
		half := quant.F32ToF16(most / 7)
		b = binary.LittleEndian.AppendUint16(b, half)
		scale := quant.F16ToF32(half)
		level := func(v float32) byte {
			if scale == 0 {
				return 8
			}
			return byte(8 + max(-8, min(7, math.RoundToEven(float64(v/scale)))))
		}
		for i := 0; i < 32; i += 2 {
			b = append(b, level(block[i])|level(block[i+1])<<4)
		}
	}
	return b
}

func save(t testing.TB, path string, write func(*os.File) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func saveJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
