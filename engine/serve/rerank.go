package serve

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
)

// rerankRequest is the body of POST /v1/rerank, in the form of Jina and Cohere.
type rerankRequest struct {
	Model           string     `json:"model"`
	Query           string     `json:"query"`
	Documents       []document `json:"documents"`
	TopN            *int       `json:"top_n"`
	ReturnDocuments bool       `json:"return_documents"`

	MaxTokens absent `json:"max_tokens_per_doc"`
	Truncate  absent `json:"truncation"`
	RankField absent `json:"rank_fields"`
}

// document is a text, or an object with one.
type document string

// UnmarshalJSON implements json.Unmarshaler.
func (d *document) UnmarshalJSON(raw []byte) error {
	if !strings.HasPrefix(string(raw), "{") {
		return json.Unmarshal(raw, (*string)(d))
	}
	var o struct {
		Text string `json:"text"`
	}
	err := strict(raw, &o)
	*d = document(o.Text)
	return err
}

type rerankAnswer struct {
	ID      string       `json:"id"`
	Model   string       `json:"model"`
	Usage   rerankUsage  `json:"usage"`
	Results []rerankItem `json:"results"`
}

type rerankUsage struct {
	Total int `json:"total_tokens"`
}

type rerankItem struct {
	Index    int             `json:"index"`
	Score    float64         `json:"relevance_score"`
	Document *rerankDocument `json:"document,omitempty"`
}

type rerankDocument struct {
	Text string `json:"text"`
}

// rerank answers POST /v1/rerank: the documents that answer the query best come first, with scores from 0 to 1.
func rerank(c *call) error {
	var r rerankRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	texts := make([]string, len(r.Documents))
	for i, d := range r.Documents {
		texts[i] = string(d)
	}
	if err := rankable("documents", r.Query, texts); err != nil {
		return err
	}
	if r.TopN != nil && *r.TopN < 1 {
		return refuse("top_n", "The parameter \"top_n\" must be at least 1.")
	}
	e, err := c.encode(Reranker, r.Model)
	if err != nil {
		return err
	}
	defer e.close()
	scores, err := e.scores(r.Query, texts)
	if err != nil {
		return err
	}
	out := rerankAnswer{ID: newID("rerank-"), Model: e.lease.About.ID, Usage: rerankUsage{e.tokens}}
	for _, i := range ranked(scores) {
		item := rerankItem{Index: i, Score: logistic(scores[i])}
		if r.ReturnDocuments {
			item.Document = &rerankDocument{texts[i]}
		}
		out.Results = append(out.Results, item)
	}
	if r.TopN != nil {
		out.Results = out.Results[:min(*r.TopN, len(out.Results))]
	}
	return c.reply(http.StatusOK, out)
}

// rankable checks what is to be ranked.
func rankable(param, query string, texts []string) error {
	switch {
	case query == "":
		return refuse("query", "The query is empty.")
	case len(texts) == 0:
		return refuse(param, "There are no texts to rank.")
	case len(texts) > mostInputs:
		return refuse(param, "A request may have at most %d texts.", mostInputs)
	}
	return nil
}

// ranked returns the indexes of scores, the highest first.
func ranked(scores []float64) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return -cmp.Compare(scores[a], scores[b]) })
	return order
}

// logistic makes a number from 0 to 1 of a score.
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// teiRerankRequest is the body of POST /rerank, in the form of text-embeddings-inference.
type teiRerankRequest struct {
	Query      string   `json:"query"`
	Texts      []string `json:"texts"`
	RawScores  bool     `json:"raw_scores"`
	ReturnText bool     `json:"return_text"`

	Truncate  absent          `json:"truncate"`
	Direction json.RawMessage `json:"truncation_direction"` // of what is not truncated
}

type teiRank struct {
	Index int     `json:"index"`
	Score float64 `json:"score"`
	Text  *string `json:"text,omitempty"`
}

// teiRerank answers POST /rerank.
func teiRerank(c *call) error {
	var r teiRerankRequest
	if err := c.parse(&r); err != nil {
		return err
	}
	if err := rankable("texts", r.Query, r.Texts); err != nil {
		return err
	}
	e, err := c.encode(Reranker, "")
	if err != nil {
		return err
	}
	defer e.close()
	scores, err := e.scores(r.Query, r.Texts)
	if err != nil {
		return err
	}
	out := []teiRank{}
	for _, i := range ranked(scores) {
		rank := teiRank{Index: i, Score: logistic(scores[i])}
		if r.RawScores {
			rank.Score = scores[i]
		}
		if r.ReturnText {
			rank.Text = &r.Texts[i]
		}
		out = append(out, rank)
	}
	return c.reply(http.StatusOK, out)
}
