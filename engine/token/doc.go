// Package token turns text into the numbers that a language model reads, and back.
//
//	text ──special tokens──▶ stretches ──pre-tokenizer──▶ words ──merges──▶ ids
//	"<|im_start|>Hi all"     [1] "Hi all"                  "Hi" " all"       [1 26843 511]
//
// There are two kinds of vocabulary, both as GGUF files have them: byte-level BPE (bpe.go; GPT-2,
// Llama 3, Qwen, SmolLM, Whisper) and SentencePiece with scores (sentencepiece.go; Llama 2, Gemma).
// Plain text never becomes a control token: only text that the caller allows to (Part.Special,
// Options.ParseSpecial). A Stream turns tokens into text while they arrive.
package token
