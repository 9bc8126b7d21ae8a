package token

import "strings"

// preTokenizer is a pre-tokenizer with the other options that its name implies.
type preTokenizer struct {
	split        splitter
	ignoreMerges bool // words that are tokens are encoded without merges
	addBOS       bool // default if the file does not say
	// spaces: a space is spelled '▁', and merges begin with characters instead of bytes, as in
	// SentencePiece; a character that is no token becomes the tokens of its bytes, "<0xE2>".
	spaces bool
	// lineBreaks: a word of line breaks alone that is a token is encoded without merges, and BOS is
	// added whatever the file says (Gemma 4).
	lineBreaks bool
	// bare: merges begin with characters, and characters that are no token are left out.
	bare bool
}

// preTokenizers are the known values of tokenizer.ggml.pre. Where llama.cpp only approximates the
// pattern of a tokenizer.json, they follow the latter.
var preTokenizers = func() map[string]preTokenizer {
	const line, slash = "\r\n", "\r\n/"
	var (
		digits   = isolate(isNumber, 1, 1)
		threes   = isolate(isNumber, 1, 3)
		three    = isolate(isASCIIDigit, 3, 3)
		qwen2    = splitLlama3(rules{contractions: true, digits: 1, after: line})
		llama3   = splitLlama3(rules{contractions: true, digits: 3, after: line})
		gpt4o    = splitCased(rules{contractions: true, digits: 3, after: slash})
		deepseek = chain(threes, isolate(isHanOrKana, 1, 0), splitMarked(line))
		finnish  = matches(wordBloom)
	)
	m := map[string]preTokenizer{}
	for names, p := range map[string]preTokenizer{
		"default": {split: chain(isolate(isMark, 1, 0), splitGPT2, isolate(isNumber, 1, 0), three)},
		"falcon":  {split: chain(isolate(isFalconMark, 1, 0), splitGPT2, three)},
		"tekken":  {split: splitCased(rules{digits: 1, after: slash}), ignoreMerges: true, addBOS: true},
		"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2":                 {split: chain(digits, splitGPT2)},
		"gpt-2 phi-2 mpt olmo jais trillion exaone4 gigachat mellum granite-docling a.x-4.0":    {split: splitGPT2},
		"modern-bert jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code roberta-bpe": {split: splitGPT2},
		"llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano":        {split: llama3, ignoreMerges: true, addBOS: true},
		"dbrx smaug-bpe chatglm-bpe": {split: llama3},
		"glm4 glm5":                  {split: llama3, ignoreMerges: true},
		"qwen2 deepseek-r1-qwen kormo stablelm2 hunyuan megrez solar-open grok-2 f2llmv2": {split: qwen2},
		"bailingmoe bailingmoe2 llada-moe":                                                {split: qwen2},
		"qwen35":                                                                          {split: splitLlama3(rules{contractions: true, letter: isLetterOrCombining, other: isOtherThanCombining, digits: 1, after: line})},
		"ufakzeka":                                                                        {split: splitLlama3(rules{digits: 1, after: line})},
		"seed-coder":                                                                      {split: splitLlama3(rules{contractions: true, digits: 1})},
		"minicpm5":                                                                        {split: chain(threes, splitLlama3(rules{contractions: true, after: line})), ignoreMerges: true},
		"jais-2":                                                                          {split: splitJais2},
		"laguna":                                                                          {split: chain(splitLines, qwen2)},
		"exaone-moe":                                                                      {split: splitPhrases(rules{contractions: true, digits: 1, after: slash, oneAfter: true})},
		"gpt-4o llama4 kanana2 talkie minimax-m2": {split: gpt4o},
		"granite-embed-multi-97m":                 {split: gpt4o, ignoreMerges: true},
		"tiny_aya cohere2moe":                     {split: chain(groupDigits(isDecimal, true), gpt4o)},
		"kimi-k2":                                 {split: splitCased(rules{contractions: true, digits: 3, after: line, upper: isUpperNotHan, lower: isLowerNotHan, alone: isHan})},
		"youtu":                                   {split: chain(isolateEach(isHangul, isCJKMark, isBopomofo, isHanOrKana), splitCased(rules{contractions: true, digits: 1, after: slash})), ignoreMerges: true},
		"deepseek-v3 hunyuan-dense joyai-llm hy_v4": {split: deepseek},
		"spark2_5":                        {split: chain(threes, isolate(isHanOrKana, 1, 0), splitSpark, digits)},
		"afmoe":                           {split: chain(groupDigits(isNumber, false), isolate(isAsian, 1, 0), splitMarked(line))},
		"deepseek-llm":                    {split: chain(isolate(isLineBreak, 1, 1), spaced(isDeepSeekLetter), spaced(isDeepSeekMark), splitTrailing, isolate(isEastAsian, 1, 0), isolate(isNumber, 1, 0))},
		"deepseek-coder":                  {split: chain(isolate(isLineBreak, 1, 1), spaced(isLetter), spaced(isPunct), isolate(isEastAsian, 1, 0), digits)},
		"bloom poro-chat gpt3-finnish":    {split: finnish},
		"viking":                          {split: chain(finnish, digits)},
		"superbpe":                        {split: chain(isolate(isNumber, 1, 0), groupDigits(isASCIIDigit, false))},
		"chameleon":                       {split: chain(matches(wordChameleon), digits, isolate(isChameleonMark, 1, 1), splitGPT2), addBOS: true},
		"gemma4 granite-embed-multi-311m": {split: splitLines, spaces: true, lineBreaks: true},
		"sarvam-moe":                      {split: splitLines, spaces: true},
		"whitespace":                      {split: splitFields, bare: true},
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = p
		}
	}
	return m
}()
