package token

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"soberano/models"
)

// pieceModel is a tokenizer.model of SentencePiece, a message of Protocol Buffers:
//
//	ModelProto      1 pieces, repeated: 1 piece · 2 score · 3 type
//	                2 trainer_spec: 3 model_type (1 unigram, 2 BPE) · 40 unk_id · 41 bos_id · 42 eos_id
//	                3 normalizer_spec: 1 name · 2 precompiled_charsmap · 3 add_dummy_prefix · 4 remove_extra_whitespaces
//
// The types of pieces are numbered as those of tokens in GGUF files. Source: sentencepiece_model.proto of SentencePiece.
type pieceModel struct {
	texts          []string
	scores         []float64
	kinds          []int64
	model          uint64
	unk, bos, eos  int64
	normalizer     string
	charsMap       []byte
	prefix, merges bool // add_dummy_prefix, remove_extra_whitespaces
}

// Types of models of SentencePiece.
const (
	unigramModel = 1
	bpeModel     = 2
)

// loadPieces reads tokenizer.model and what the files beside it say of its tokens, as keys of a GGUF file.
func loadPieces(files map[string][]byte) (*Tokenizer, error) {
	p := pieceModel{model: unigramModel, bos: 1, eos: 2, prefix: true, merges: true}
	if err := p.read(files["tokenizer.model"]); err != nil {
		return nil, err
	}
	added, c, err := addedTokens(files)
	if err != nil {
		return nil, err
	}
	for _, a := range added {
		p.add(a)
	}
	m, err := p.meta()
	if err != nil {
		return nil, err
	}
	m[prefix+"add_bos_token"], m[prefix+"add_eos_token"] = c.AddBOS == nil || *c.AddBOS, c.AddEOS != nil && *c.AddEOS
	for i, text := range p.texts {
		for key, s := range map[string]spelled{"bos_token_id": c.BOS, "eos_token_id": c.EOS, "unknown_token_id": c.Unknown} {
			if text != "" && text == string(s) {
				m[prefix+key] = uint64(i)
			}
		}
	}
	t, err := load(m)
	if err != nil {
		return nil, err
	}
	return t, t.readEnds(files)
}

// readEnds adds the ends of an answer that generation_config.json and config.json name.
func (t *Tokenizer) readEnds(files map[string][]byte) error {
	named := []int32{t.eos}
	for _, name := range []string{"generation_config.json", "config.json"} {
		var f struct {
			EOS someIDs `json:"eos_token_id"`
			No  someIDs `json:"suppress_tokens"`
		}
		if err := readAux(files, name, &f); err != nil {
			return err
		}
		t.suppress(f.No)
		for _, id := range f.EOS {
			if t.has(id) {
				named = append(named, id)
			}
		}
	}
	t.setEnds(false, named...)
	t.setSpecial()
	return nil
}

// add sets a token that is not a piece, or the kind of one that is.
func (p *pieceModel) add(a jsonAdded) {
	for len(p.texts) <= a.ID {
		p.texts = append(p.texts, fmt.Sprintf("[PAD%d]", len(p.texts)))
		p.scores, p.kinds = append(p.scores, -1000), append(p.kinds, int64(unused))
	}
	p.texts[a.ID] = a.Content
	if p.kinds[a.ID] == int64(unknown) {
		return
	}
	if p.kinds[a.ID] = int64(userDefined); a.Special {
		p.kinds[a.ID] = int64(control)
	}
}

// meta returns the model as the keys of a GGUF file.
func (p *pieceModel) meta() (models.Metadata, error) {
	m := models.Metadata{
		prefix + "tokens": p.texts, prefix + "scores": p.scores, prefix + "token_type": p.kinds, prefix + "add_space_prefix": p.prefix,
	}
	for key, id := range map[string]int64{"unknown_token_id": p.unk, "bos_token_id": p.bos, "eos_token_id": p.eos} {
		if id >= 0 && id < int64(len(p.texts)) {
			m[prefix+key] = uint64(id)
		}
	}
	switch {
	case p.model == bpeModel && (len(p.charsMap) > 0 || p.merges):
		return nil, fmt.Errorf("BPE with the normalizer %s is known from tokenizer.json only: %w", models.Quote(p.normalizer), models.ErrUnsupported)
	case p.model == bpeModel:
		m[prefix+"model"] = "llama"
	case p.model == unigramModel:
		chars := make([]int64, len(p.charsMap))
		for i, b := range p.charsMap {
			chars[i] = int64(b)
		}
		m[prefix+"model"], m[prefix+"remove_extra_whitespaces"], m[prefix+"precompiled_charsmap"] = "t5", p.merges, chars
	default:
		return nil, fmt.Errorf("a model of type %d is neither BPE nor unigram: %w", p.model, models.ErrUnsupported)
	}
	return m, nil
}

func (p *pieceModel) read(b []byte) error {
	return fields(b, func(number int, value uint64, bytes []byte) error {
		switch number {
		case 1:
			return p.readPiece(bytes)
		case 2:
			return p.readTrainer(bytes)
		case 3:
			return p.readNormalizer(bytes)
		}
		return nil
	})
}

func (p *pieceModel) readPiece(b []byte) error {
	text, score, typ := "", 0.0, int64(normal)
	err := fields(b, func(number int, value uint64, bytes []byte) error {
		switch number {
		case 1:
			text = string(bytes)
		case 2:
			score = float64(math.Float32frombits(uint32(value)))
		case 3:
			typ = int64(value)
		}
		return nil
	})
	if len(p.texts) >= maxTokens {
		return fmt.Errorf("it has more than %d pieces", maxTokens)
	}
	p.texts, p.scores, p.kinds = append(p.texts, text), append(p.scores, score), append(p.kinds, typ)
	return err
}

func (p *pieceModel) readTrainer(b []byte) error {
	return fields(b, func(number int, value uint64, _ []byte) error {
		switch number {
		case 3:
			p.model = value
		case 40:
			p.unk = int64(int32(value))
		case 41:
			p.bos = int64(int32(value))
		case 42:
			p.eos = int64(int32(value))
		}
		return nil
	})
}

func (p *pieceModel) readNormalizer(b []byte) error {
	return fields(b, func(number int, value uint64, bytes []byte) error {
		switch number {
		case 1:
			p.normalizer = string(bytes)
		case 2:
			p.charsMap = bytes
		case 3:
			p.prefix = value != 0
		case 4:
			p.merges = value != 0
		}
		return nil
	})
}

// errCut is the error of a message that ends within a field.
var errCut = errors.New("it is no message of Protocol Buffers, or cut short")

// fields calls field for each field of a message of Protocol Buffers: with the value of a number, or with the bytes of a string or message.
// Source: https://protobuf.dev/programming-guides/encoding/
func fields(b []byte, field func(number int, value uint64, bytes []byte) error) error {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 || key>>3 > math.MaxInt32 {
			return errCut
		}
		b = b[n:]
		var value uint64
		var bytes []byte
		switch key & 7 {
		case 0:
			if value, n = binary.Uvarint(b); n <= 0 {
				return errCut
			}
			b = b[n:]
		case 1, 5:
			size := map[uint64]int{1: 8, 5: 4}[key&7]
			if len(b) < size {
				return errCut
			}
			for i := range size {
				value |= uint64(b[i]) << (8 * i)
			}
			b = b[size:]
		case 2:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return errCut
			}
			bytes, b = b[n:][:size], b[n+int(size):]
		default:
			return errCut
		}
		if err := field(int(key>>3), value, bytes); err != nil {
			return err
		}
	}
	return nil
}
