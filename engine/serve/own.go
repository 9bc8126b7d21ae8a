package serve

import (
	"encoding/json"
	"slices"
	"strings"

	"soberano/engine"
)

// ownParameters are parameters of this engine beside those of OpenAI, other than of sampling.
type ownParameters struct {
	Overflow *string `json:"context_overflow"` // what is done if prompt and answer do not fit into the context
	besideParameters
}

// besideParameters are parameters of this engine in all dialects: what is used beside the model.
type besideParameters struct {
	Lora       []adapterRequest `json:"lora"`        // as of llama.cpp's server
	DraftModel string           `json:"draft_model"` // as of LM Studio
	Propose    *string          `json:"propose"`     // see engine.Propose
}

// mostScale is the largest factor of an adapter that a request may choose; common ones are from 0 to 2.
const mostScale = 100

// adapterRequest chooses an adapter by its name or its number.
type adapterRequest struct {
	ID    adapterID `json:"id"`
	Scale *float32  `json:"scale"` // nil: 1
}

// adapterID is a name, or a number in decimal digits.
type adapterID string

// UnmarshalJSON implements json.Unmarshaler.
func (id *adapterID) UnmarshalJSON(raw []byte) error {
	var number uint32
	if json.Unmarshal(raw, (*string)(id)) == nil && *id != "" {
		return nil
	}
	if err := json.Unmarshal(raw, &number); err != nil || string(raw) == "null" {
		return refuse("lora", "The \"id\" of an adapter must be its name or its number.")
	}
	*id = adapterID(raw)
	return nil
}

// into puts the parameters into an order.
func (p *ownParameters) into(o *order) error {
	if p.Overflow != nil {
		if !slices.Contains(engine.Overflows(), *p.Overflow) {
			return refuse("context_overflow", "The parameter \"context_overflow\" must be %s.", strings.Join(engine.Overflows(), ", "))
		}
		o.request.Overflow = engine.Overflow(*p.Overflow)
	}
	return p.besideParameters.into(o)
}

// into puts the parameters into an order.
func (p *besideParameters) into(o *order) error {
	if p.Propose != nil {
		how, ok := engine.Proposals()[*p.Propose]
		if !ok {
			return refuse("propose", "The parameter \"propose\" must be auto, on or off.")
		}
		o.request.Propose = how
	}
	o.beside.Draft = p.DraftModel
	for _, a := range p.Lora {
		if a.ID == "" {
			return refuse("lora", "The \"id\" of an adapter is missing.")
		}
		scale := value(a.Scale, 1)
		if scale < -mostScale || scale > mostScale {
			return refuse("lora", "The \"scale\" of an adapter must be from -%d to %d.", mostScale, mostScale)
		}
		o.beside.Adapters = append(o.beside.Adapters, AdapterChoice{string(a.ID), scale})
	}
	return nil
}
