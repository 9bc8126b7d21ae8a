package whisper

import (
	"encoding/json"

	"soberano/models"
)

// wordHeads returns the heads of cross attention that follow the words, as pairs of layer and head,
// or nil if they are not known (openai/whisper, whisper/model.py). Files of Hugging Face and
// CTranslate2 list them; for ggml and APR files they are those of the published model of that size.
func wordHeads(f *models.File, d Dims) ([][2]int, error) {
	for _, name := range []string{"generation_config.json", "config.json"} {
		var c struct {
			Heads [][2]int `json:"alignment_heads"`
		}
		b := f.Aux[name]
		if b == nil {
			continue
		}
		if err := json.Unmarshal(b, &c); err != nil {
			return nil, models.Corrupt(f.Path, "is damaged: %s: %v", name, err)
		}
		if len(c.Heads) > d.DecLayers*d.Heads {
			return nil, models.Corrupt(f.Path, "is damaged: %s aligns words by %d heads, of %d", name, len(c.Heads), d.DecLayers*d.Heads)
		}
		for _, h := range c.Heads {
			if h[0] < 0 || h[0] >= d.DecLayers || h[1] < 0 || h[1] >= d.Heads {
				return nil, models.Corrupt(f.Path, "is damaged: %s aligns words by head %d of layer %d, which is not there", name, h[1], h[0])
			}
		}
		if len(c.Heads) > 0 {
			return c.Heads, nil
		}
	}
	return publishedHeads[published{d.State, d.Mels, d.EncLayers, d.DecLayers, d.Vocab > leastVocab}], nil
}

// published identifies a published model. Large v1 and v2 are equal in it; the heads are v2's.
type published struct {
	state, mels, encoder, decoder int
	multilingual                  bool
}

// publishedHeads lists OpenAI's heads (whisper/__init__.py, _ALIGNMENT_HEADS).
var publishedHeads = map[published][][2]int{
	{384, 80, 4, 4, false}:    {{1, 0}, {2, 0}, {2, 5}, {3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 4}},
	{384, 80, 4, 4, true}:     {{2, 2}, {3, 0}, {3, 2}, {3, 3}, {3, 4}, {3, 5}},
	{512, 80, 6, 6, false}:    {{3, 3}, {4, 7}, {5, 1}, {5, 5}, {5, 7}},
	{512, 80, 6, 6, true}:     {{3, 1}, {4, 2}, {4, 3}, {4, 7}, {5, 1}, {5, 2}, {5, 4}, {5, 6}},
	{768, 80, 12, 12, false}:  {{6, 6}, {7, 0}, {7, 3}, {7, 8}, {8, 2}, {8, 5}, {8, 7}, {9, 0}, {9, 4}, {9, 8}, {9, 10}, {10, 0}, {10, 1}, {10, 2}, {10, 3}, {10, 6}, {10, 11}, {11, 2}, {11, 4}},
	{768, 80, 12, 12, true}:   {{5, 3}, {5, 9}, {8, 0}, {8, 4}, {8, 7}, {8, 8}, {9, 0}, {9, 7}, {9, 9}, {10, 5}},
	{1024, 80, 24, 24, false}: {{11, 4}, {14, 1}, {14, 12}, {14, 14}, {15, 4}, {16, 0}, {16, 4}, {16, 9}, {17, 12}, {17, 14}, {18, 7}, {18, 10}, {18, 15}, {20, 0}, {20, 3}, {20, 9}, {20, 14}, {21, 12}},
	{1024, 80, 24, 24, true}:  {{13, 15}, {15, 4}, {15, 15}, {16, 1}, {20, 0}, {23, 4}},
	{1280, 80, 32, 32, true}: {{10, 12}, {13, 17}, {16, 11}, {16, 12}, {16, 13}, {17, 15}, {17, 16}, {18, 4}, {18, 11}, {18, 19}, {19, 11}, {21, 2}, {21, 3},
		{22, 3}, {22, 9}, {22, 12}, {23, 5}, {23, 7}, {23, 13}, {25, 5}, {26, 1}, {26, 12}, {27, 15}},
	{1280, 128, 32, 32, true}: {{7, 0}, {10, 17}, {12, 18}, {13, 12}, {16, 1}, {17, 14}, {19, 11}, {21, 4}, {24, 1}, {25, 6}},
	{1280, 128, 32, 4, true}:  {{2, 4}, {2, 11}, {3, 3}, {3, 6}, {3, 11}, {3, 14}},
}
