package arch

// The mistral3 family (Ministral 3, Mistral Small 3.2 and Devstral 2) is llama with its own parameters of YaRN, and with scores of attention that
// grow slowly with the position of the query (kernels.Temperature).

func openMistral3(r *reader) (Model, error) {
	c := r.config()
	if c.experts = r.experts(c.ff); c.experts.count > 0 {
		c.dense = 0
	}
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divisors(rotary, c.context)
	rotary.BetaFast = r.float("rope.scaling.yarn_beta_fast", 32, 1e-3, 1e6)
	rotary.BetaSlow = r.float("rope.scaling.yarn_beta_slow", 1, 1e-3, 1e6)
	rotary.MScaleAll = r.float("rope.scaling.yarn_log_multiplier", 0, 0, 1e3)
	temperature := r.temperature("")
	if r.err != nil {
		return nil, r.err
	}
	at := r.attention(c, rotary).interleaved()
	at.Temperature = temperature
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer { return r.llamaLayer(blk, c, at) })
}
