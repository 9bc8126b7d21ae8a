// Package token converts text to the token ids that a language model reads, and back.
//
//	text ──special tokens──▶ stretches ──pre-tokenizer──▶ words ──merges──▶ ids
//	"<|im_start|>Hi all"     [1] "Hi all"                  "Hi" " all"       [1 26843 511]
//
// There are two kinds of vocabulary, both as GGUF files store them: byte-level BPE (type bpe; GPT-2,
// Llama 3, Qwen, SmolLM, Whisper) and SentencePiece with scores (type sentencePiece; Llama 2, Gemma).
// Plain text never becomes a control token, unless the caller allows it with Part.Special or
// Options.ParseSpecial. A Stream converts tokens to text as they arrive.
package token
