// Package sample chooses the next token from a model's logits.
package sample

// Params are the settings of sampling. The zero value is greedy: always the best token.
// Order: penalties, top-k, top-p, min-p, temperature, then a draw.
type Params struct {
	Temperature float32 `json:"temperature"`       // 0: greedy
	TopK        int     `json:"top_k"`             // keep the k best; 0: all
	TopP        float32 `json:"top_p"`             // keep the smallest set of at least this probability; 0 or 1: all
	MinP        float32 `json:"min_p"`             // keep those of at least MinP times the best's probability
	Repeat      float32 `json:"repeat_penalty"`    // divides positive, multiplies negative logits of seen tokens; 0 or 1: none
	Frequency   float32 `json:"frequency_penalty"` // subtracted once for each time a token was seen
	Presence    float32 `json:"presence_penalty"`  // subtracted once from each seen token
	Last        int     `json:"repeat_last"`       // tokens looked back at by penalties; 0: 64
	Seed        uint64  `json:"seed"`              // 0: a random one
}
