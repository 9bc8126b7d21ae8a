package serve

import (
	"fmt"
	"net/http"
	"time"
)

// ollamaModel describes a model in the list.
type ollamaModel struct {
	Name     string        `json:"name"`
	Model    string        `json:"model"`
	Modified time.Time     `json:"modified_at"`
	Size     int64         `json:"size"`
	Digest   string        `json:"digest"`
	Details  ollamaDetails `json:"details"`
}

type ollamaDetails struct {
	Parent       string   `json:"parent_model"`
	Format       string   `json:"format"`
	Family       string   `json:"family"`
	Families     []string `json:"families"`
	Parameters   string   `json:"parameter_size"`
	Quantization string   `json:"quantization_level"`
}

type ollamaModels struct {
	Models []ollamaModel `json:"models"`
}

func ollamaDetailsOf(m Model) ollamaDetails {
	return ollamaDetails{Format: m.Format, Family: m.Family, Families: []string{m.Family}, Parameters: parameterSize(m.Parameters), Quantization: m.Quantization}
}

// parameterSize writes a number of parameters as in 1.5B or 135M.
func parameterSize(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1fB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0fM", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}

// ollamaTags answers GET /api/tags.
func ollamaTags(c *call) error {
	list, err := c.models.List()
	if err != nil {
		return err
	}
	out := ollamaModels{Models: []ollamaModel{}}
	for _, m := range list {
		out.Models = append(out.Models, ollamaModel{m.ID, m.ID, m.Added.UTC(), m.Bytes, m.Digest, ollamaDetailsOf(m)})
	}
	return c.reply(http.StatusOK, out)
}

// ollamaShowRequest is the body of POST /api/show.
type ollamaShowRequest struct {
	Model   string `json:"model"`
	Name    string `json:"name"` // the earlier name of model
	Verbose bool   `json:"verbose"`

	System   absent `json:"system"`
	Template absent `json:"template"`
	Options  absent `json:"options"`
}

// ollamaShown is the answer of POST /api/show.
type ollamaShown struct {
	License      string         `json:"license,omitempty"`
	Modelfile    string         `json:"modelfile"`
	Parameters   string         `json:"parameters"`
	Details      ollamaDetails  `json:"details"`
	Info         map[string]any `json:"model_info"`
	Capabilities []string       `json:"capabilities"`
	Modified     time.Time      `json:"modified_at"`
}

// ollamaShow answers POST /api/show. It opens a chat model, to say whether it sees and knows tools.
func ollamaShow(c *call) error {
	var r ollamaShowRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	if r.Model == "" {
		r.Model = r.Name
	}
	m, err := c.models.Named(ollamaName(r.Model))
	if err != nil {
		return err
	}
	out := ollamaShown{License: m.License, Details: ollamaDetailsOf(m), Modified: m.Added.UTC(), Capabilities: []string{}, Modelfile: "FROM " + m.ID + "\n",
		Info: map[string]any{"general.architecture": m.Family, "general.parameter_count": m.Parameters, m.Family + ".context_length": m.Context}}
	p := m.Sampling
	out.Parameters = fmt.Sprintf("temperature %v\ntop_k %d\ntop_p %v\nmin_p %v\nrepeat_penalty %v", p.Temperature, p.TopK, p.TopP, p.MinP, p.Repeat)
	switch m.Kind {
	case Embedding:
		out.Capabilities = append(out.Capabilities, "embedding")
	case Chat:
		l, err := c.models.Chat(c.ctx, m.ID, Beside{})
		if err != nil {
			return err
		}
		defer l.Free()
		out.Capabilities = append(out.Capabilities, "completion")
		if l.Model.Sees() {
			out.Capabilities = append(out.Capabilities, "vision")
		}
		if c.tools.describes(l) {
			out.Capabilities = append(out.Capabilities, "tools")
		}
	}
	return c.reply(http.StatusOK, out)
}

// ollamaEmbedRequest is the body of POST /api/embed.
type ollamaEmbedRequest struct {
	Model      string         `json:"model"`
	Input      texts          `json:"input"`
	Truncate   *bool          `json:"truncate"` // nil: true
	Dimensions *int           `json:"dimensions"`
	Options    *ollamaOptions `json:"options"`
	KeepAlive  any            `json:"keep_alive"`
}

type ollamaEmbedded struct {
	Model      string      `json:"model"`
	Embeddings [][]float32 `json:"embeddings"`
	Total      int64       `json:"total_duration"`
	Load       int64       `json:"load_duration"`
	Count      int         `json:"prompt_eval_count"`
}

// ollamaEmbed answers POST /api/embed.
func ollamaEmbed(c *call) error {
	var r ollamaEmbedRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	if len(r.Input) > mostInputs {
		return refuse("input", "A request may have at most %d inputs.", mostInputs)
	}
	e, err := c.encode(Embedding, ollamaName(r.Model))
	if err != nil {
		return err
	}
	defer e.close()
	load := time.Since(c.start)
	out := ollamaEmbedded{Model: r.Model, Embeddings: [][]float32{}}
	if len(r.Input) > 0 {
		var inputs [][]int32
		for _, text := range r.Input {
			inputs = append(inputs, r.tokens(e, text))
		}
		if out.Embeddings, err = e.run(inputs); err != nil {
			return err
		}
	}
	if r.Dimensions != nil {
		for i, v := range out.Embeddings {
			if out.Embeddings[i], err = shortened(v, *r.Dimensions); err != nil {
				return err
			}
		}
	}
	out.Total, out.Load, out.Count = time.Since(c.start).Nanoseconds(), load.Nanoseconds(), e.tokens
	return c.reply(http.StatusOK, out)
}

// tokens returns the tokens of a text. Of one that is too long, the beginning and the last token, which ends a text, unless the request
// forbids that.
func (r *ollamaEmbedRequest) tokens(e *encoding, text string) []int32 {
	ids := e.lease.Model.Tokens(text)
	most := e.lease.Model.Info().Context
	if len(ids) <= most || r.Truncate != nil && !*r.Truncate {
		return ids
	}
	return append(ids[:most-1:most-1], ids[len(ids)-1])
}

// ollamaVersion answers GET /api/version.
func ollamaVersion(c *call) error {
	return c.reply(http.StatusOK, ollamaVersionAnswer{c.version})
}

type ollamaVersionAnswer struct {
	Version string `json:"version"`
}
