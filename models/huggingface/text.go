package huggingface

import (
	"encoding/json"

	"soberano/models"
)

// text sets the chat template, which is in a file of its own, or in tokenizer_config.json as a text or as one of several.
func (c *config) text() {
	const key = "tokenizer.chat_template"
	if b, ok := c.f.Aux["chat_template.jinja"]; ok {
		c.meta[key] = string(b)
		return
	}
	if values, err := object(c.f, "chat_template.json"); err != nil {
		c.err = err
		return
	} else if text, ok := values["chat_template"].(string); ok {
		c.meta[key] = text
		return
	}
	values, err := object(c.f, "tokenizer_config.json")
	if err != nil {
		c.err = err
		return
	}
	switch v := values["chat_template"].(type) {
	case string:
		c.meta[key] = v
	case []any:
		for _, each := range v {
			template, _ := each.(map[string]any)
			if text, ok := template["template"].(string); ok && template["name"] == "default" {
				c.meta[key] = text
			}
		}
	}
}

// pooling sets how a model of sentence-transformers makes one vector of a text.
func (c *config) pooling() {
	values, err := object(c.f, "1_Pooling/config.json")
	if err != nil {
		c.err = err
	}
	if values == nil || err != nil || c.ranks {
		return
	}
	for name, pooling := range map[string]models.Pooling{"pooling_mode_mean_tokens": models.PoolMean, "pooling_mode_cls_token": models.PoolFirst, "pooling_mode_lasttoken": models.PoolLast} {
		if values[name] == true {
			c.set("pooling_type", int(pooling))
			return
		}
	}
	if mode, _ := values["pooling_mode"].(string); mode != "" {
		if pooling, ok := map[string]models.Pooling{"mean": models.PoolMean, "cls": models.PoolFirst, "lasttoken": models.PoolLast}[mode]; ok {
			c.set("pooling_type", int(pooling))
			return
		}
	}
	c.fail("1_Pooling/config.json asks for a pooling other than mean, the first or the last token: %w", models.ErrUnsupported)
}

// sampling are the keys of a GGUF file for the settings in generation_config.json.
var sampling = map[string]string{
	"temperature": "general.sampling.temp", "top_p": "general.sampling.top_p", "min_p": "general.sampling.min_p",
	"repetition_penalty": "general.sampling.penalty_repeat", "top_k": "general.sampling.top_k",
}

// Description returns those of the keys of a GGUF file, or of the metadata of files of weights, that describe a model to people, as "general.license". They are texts.
func Description(meta models.Metadata) models.Metadata {
	m := models.Metadata{}
	for _, key := range []string{"name", "author", "version", "organization", "description", "license", "url", "source.url", "basename", "finetune", "size_label", "quantized_by"} {
		if text, ok := meta["general."+key].(string); ok {
			m["general."+key] = text
		}
	}
	return m
}

// Sampling returns the sampling settings that generation_config.json recommends, under the keys of a GGUF file.
func Sampling(f *models.File) models.Metadata {
	m := models.Metadata{}
	values, err := object(f, "generation_config.json")
	if err != nil || values["do_sample"] == false {
		return m // a damaged file recommends nothing
	}
	for name, key := range sampling {
		number, ok := values[name].(json.Number)
		if !ok {
			continue
		}
		if n, err := number.Int64(); err == nil {
			m[key] = n
		} else if x, err := number.Float64(); err == nil {
			m[key] = x
		}
	}
	return m
}
