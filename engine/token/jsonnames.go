package token

import (
	"encoding/json"
	"fmt"

	"soberano/models"
)

// spelled is the spelling of a token: "</s>" or {"content": "</s>", …}; null is "".
type spelled string

func (s *spelled) UnmarshalJSON(b []byte) error {
	var object struct{ Content string }
	if len(b) > 0 && b[0] == '{' {
		err := json.Unmarshal(b, &object)
		*s = spelled(object.Content)
		return err
	}
	var text *string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if text != nil {
		*s = spelled(*text)
	}
	return nil
}

// someIDs is an id, a list of ids, or null.
type someIDs []int32

func (s *someIDs) UnmarshalJSON(b []byte) error {
	var list []int32
	var one *int32
	if err := json.Unmarshal(b, &list); err == nil {
		*s = list
		return nil
	}
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	if one != nil {
		*s = someIDs{*one}
	}
	return nil
}

// readJSONNames reads which tokens begin, end and separate texts. The spellings in tokenizer_config.json count
// before those in special_tokens_map.json; the ids of generation_config.json and config.json are further ends.
func (t *Tokenizer) readJSONNames(files map[string][]byte) error {
	for _, name := range []string{"tokenizer_config.json", "special_tokens_map.json"} {
		var f struct {
			BOS spelled `json:"bos_token"`
			EOS spelled `json:"eos_token"`
			SEP spelled `json:"sep_token"`
			CLS spelled `json:"cls_token"`
		}
		if err := readAux(files, name, &f); err != nil {
			return err
		}
		for _, x := range []struct {
			id   *int32
			text spelled
		}{{&t.bos, f.BOS}, {&t.eos, f.EOS}, {&t.sep, f.SEP}, {&t.bos, f.CLS}} {
			if id, ok := t.ids.find(string(x.text)); ok && *x.id == none {
				*x.id = id
			}
		}
	}
	t.ends = map[int32]bool{}
	for _, name := range []string{"generation_config.json", "config.json"} {
		var f struct {
			BOS someIDs `json:"bos_token_id"`
			EOS someIDs `json:"eos_token_id"`
			No  someIDs `json:"suppress_tokens"`
		}
		if err := readAux(files, name, &f); err != nil {
			return err
		}
		t.suppress(f.No)
		for _, id := range f.EOS {
			if t.has(id) {
				t.ends[id] = true
			}
		}
		if t.bos == none && len(f.BOS) == 1 && t.has(f.BOS[0]) {
			t.bos = f.BOS[0]
		}
		if t.eos == none && len(f.EOS) > 0 && t.has(f.EOS[0]) {
			t.eos = f.EOS[0]
		}
	}
	return nil
}

// suppress adds those of ids that are in the vocabulary to the tokens that are never chosen.
func (t *Tokenizer) suppress(ids []int32) {
	for _, id := range ids {
		if t.has(id) {
			t.suppressed = append(t.suppressed, id)
		}
	}
}

// readAux parses a file, if there is one. Its other fields may have any types.
func readAux(files map[string][]byte, name string, v any) error {
	data := files[name]
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w: %w", name, err, models.ErrCorrupt)
	}
	return nil
}

// setJSONEnds determines the tokens that end an answer, once all kinds are known.
func (t *Tokenizer) setJSONEnds() {
	named := []int32{t.eos}
	for id := range t.ends {
		named = append(named, id)
	}
	t.setEnds(false, named...)
}

// jsonPart is a part of a template: a special token or one of the texts, "A" and "B".
type jsonPart struct {
	Special  *struct{ ID string } `json:"SpecialToken"`
	Sequence *struct{ ID string }
}

// jsonPost has the fields of all post-processors.
type jsonPost struct {
	Type         string
	Processors   []json.RawMessage
	Single, Pair []jsonPart
	Tokens       map[string]struct{ IDs []int32 } `json:"special_tokens"`
	CLS, SEP     []any                            // ["[CLS]", 101]
}

// readPostProcessor sets what is added before and after a text, and between two.
func (t *Tokenizer) readPostProcessor(raw json.RawMessage) error {
	var p jsonPost
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("post_processor: %w", err)
	}
	switch p.Type {
	case "", "ByteLevel":
	case "Sequence":
		for _, x := range p.Processors {
			if err := t.readPostProcessor(x); err != nil {
				return err
			}
		}
	case "BertProcessing", "RobertaProcessing":
		return t.addAround(p)
	case "TemplateProcessing":
		return t.readTemplate(p)
	default:
		return fmt.Errorf("the post-processor %s is not known: %w", models.Quote(p.Type), models.ErrUnsupported)
	}
	return nil
}

func (t *Tokenizer) readTemplate(p jsonPost) error {
	single, err := t.pairParts(p, p.Single)
	if err != nil {
		return err
	}
	add := &t.before
	for _, x := range single {
		if x.text > 0 {
			add = &t.after
		} else {
			*add = append(*add, x.token)
		}
	}
	t.pair, err = t.pairParts(p, p.Pair)
	return err
}

func (t *Tokenizer) pairParts(p jsonPost, parts []jsonPart) (out []pairPart, err error) {
	for _, x := range parts {
		switch {
		case x.Special != nil:
			for _, id := range p.Tokens[x.Special.ID].IDs {
				if !t.has(id) {
					return nil, fmt.Errorf("post_processor: token %d is out of range", id)
				}
				out = append(out, pairPart{token: id})
			}
		case x.Sequence != nil && x.Sequence.ID == "B":
			out = append(out, pairPart{text: 2})
		case x.Sequence != nil:
			out = append(out, pairPart{text: 1})
		}
	}
	return out, nil
}

// addAround reads the tokens of BERT's and RoBERTa's post-processors, a spelling and an id. RoBERTa puts the second token between
// two texts twice.
func (t *Tokenizer) addAround(p jsonPost) error {
	for _, x := range []struct {
		to   *[]int32
		pair []any
	}{{&t.before, p.CLS}, {&t.after, p.SEP}} {
		if len(x.pair) != 2 {
			return fmt.Errorf("post_processor: a token of %d parts", len(x.pair))
		}
		id, ok := x.pair[1].(float64)
		if !ok || id != float64(int32(id)) || !t.has(int32(id)) {
			return fmt.Errorf("post_processor: token %v is out of range", x.pair[1])
		}
		*x.to = append(*x.to, int32(id))
	}
	cls, sep := pairPart{token: t.before[len(t.before)-1]}, pairPart{token: t.after[len(t.after)-1]}
	t.pair = []pairPart{cls, {text: 1}, sep, {text: 2}, sep}
	if p.Type == "RobertaProcessing" {
		t.pair = []pairPart{cls, {text: 1}, sep, sep, {text: 2}, sep}
	}
	return nil
}
