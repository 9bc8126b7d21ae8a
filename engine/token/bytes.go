package token

// Bytes estimates the memory that the tokenizer takes, as measured: about 95 bytes for a token and 55 for a merge.
func (t *Tokenizer) Bytes() int64 {
	n := 95 * int64(len(t.texts))
	if b, ok := t.words.(*bpe); ok {
		n += 55 * int64(len(b.merges.list))
	}
	return n
}
