package serve

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
)

// embedRequest is the body of POST /v1/embeddings.
type embedRequest struct {
	Model      string  `json:"model"`
	Input      prompts `json:"input"`
	Format     string  `json:"encoding_format"`
	Dimensions *int    `json:"dimensions"`

	openAIIgnored
}

type embedAnswer struct {
	Object string      `json:"object"`
	Data   []embedding `json:"data"`
	Model  string      `json:"model"`
	Usage  embedUsage  `json:"usage"`
}

type embedding struct {
	Object string `json:"object"`
	Index  int    `json:"index"`
	Vector any    `json:"embedding"` // []float32, or a string in base64
}

type embedUsage struct {
	Prompt int `json:"prompt_tokens"`
	Total  int `json:"total_tokens"`
}

// openAIEmbed answers POST /v1/embeddings.
func openAIEmbed(c *call) error {
	var r embedRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	e, err := c.encode(Embedding, r.Model)
	if err != nil {
		return err
	}
	defer e.close()
	inputs := r.Input.tokens
	for _, text := range r.Input.texts {
		inputs = append(inputs, e.lease.Model.Tokens(text))
	}
	vectors, err := e.run(inputs)
	if err != nil {
		return err
	}
	out := embedAnswer{Object: "list", Model: e.lease.About.ID, Usage: embedUsage{e.tokens, e.tokens}}
	for i, v := range vectors {
		if r.Dimensions != nil {
			if v, err = shortened(v, *r.Dimensions); err != nil {
				return err
			}
		}
		out.Data = append(out.Data, embedding{"embedding", i, packed(v, r.Format)})
	}
	return c.reply(http.StatusOK, out)
}

func (r *embedRequest) check() error {
	switch {
	case r.Input.len() == 0:
		return refuse("input", "There is no input.")
	case r.Input.len() > mostInputs:
		return refuse("input", "A request may have at most %d inputs.", mostInputs)
	case r.Format != "" && r.Format != "float" && r.Format != "base64":
		return refuse("encoding_format", "The parameter \"encoding_format\" must be float or base64.")
	}
	return nil
}

// packed returns a vector in the form that is asked for; base64 is of float32, the lowest byte first.
func packed(v []float32, format string) any {
	if format != "base64" {
		return v
	}
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// shortened returns the first n values of a vector, divided by their length, as is usual for models whose first values say most.
func shortened(v []float32, n int) ([]float32, error) {
	if n < 1 || n > len(v) {
		return nil, refuse("dimensions", "The vectors of this model have %d values.", len(v))
	}
	sum := 0.0
	for _, x := range v[:n] {
		sum += float64(x) * float64(x)
	}
	out := make([]float32, n)
	for i, x := range v[:n] {
		out[i] = float32(float64(x) / math.Sqrt(max(sum, math.SmallestNonzeroFloat64)))
	}
	return out, nil
}

// encoding is the use of an encoder.
type encoding struct {
	c      *call
	lease  Lease[Encoder]
	tokens int
}

// encode opens an encoder; the result must be closed.
func (c *call) encode(kind Kind, model string) (*encoding, error) {
	lease, err := c.models.Encoder(c.ctx, kind, model)
	return &encoding{c: c, lease: lease}, err
}

func (e *encoding) close() { e.lease.Free() }

// run returns the vectors of texts, which are given as tokens.
func (e *encoding) run(inputs [][]int32) ([][]float32, error) {
	ctx, cancel := e.lease.Within(e.c.ctx)
	defer cancel()
	vocabulary := e.lease.Model.Info().Vocabulary
	for i, ids := range inputs {
		if len(ids) == 0 {
			return nil, refuse("input", "Text %d is empty.", i+1)
		}
		for _, id := range ids {
			if id < 0 || int(id) >= vocabulary {
				return nil, refuse("input", "The token %d is not in the vocabulary of %d tokens.", id, vocabulary)
			}
		}
		e.tokens += len(ids)
	}
	return e.lease.Model.Encode(ctx, inputs...)
}

// scores returns how well each document answers a query.
func (e *encoding) scores(query string, documents []string) ([]float64, error) {
	inputs := make([][]int32, len(documents))
	for i, d := range documents {
		var err error
		if inputs[i], err = e.lease.Model.PairTokens(query, d); err != nil {
			return nil, err
		}
	}
	vectors, err := e.run(inputs)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(vectors))
	for i, v := range vectors {
		if len(v) != 1 {
			return nil, &failure{class: invalid, param: "model", message: fmt.Sprintf("This model gives %d scores, not one.", len(v))}
		}
		out[i] = float64(v[0])
	}
	return out, nil
}
