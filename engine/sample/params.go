// Package sample chooses the next token from the logits of a model.
package sample

// Params are the settings of sampling. The zero value is greedy: it always chooses the best token.
// The stages run in this order: penalties, top-k, top-p, min-p, temperature, random choice.
type Params struct {
	Temperature float32 `json:"temperature"`       // 0: greedy
	TopK        int     `json:"top_k"`             // keep the k best; 0: all
	TopP        float32 `json:"top_p"`             // keep the fewest best tokens whose probabilities add up to at least this; 0 or 1: all
	MinP        float32 `json:"min_p"`             // keep tokens with at least MinP times the probability of the best; 0: all
	Repeat      float32 `json:"repeat_penalty"`    // divides positive and multiplies negative logits of tokens seen; 0 or 1: none
	Frequency   float32 `json:"frequency_penalty"` // subtracted once for each time a token was seen
	Presence    float32 `json:"presence_penalty"`  // subtracted once from each seen token
	Last        int     `json:"repeat_last"`       // number of last tokens that the penalties consider; 0: 64
	Seed        uint64  `json:"seed"`              // of the random choice; 0: a random one, unless Seeded
	Seeded      bool    `json:"seeded,omitempty"`  // Seed is used even if it is 0
}
