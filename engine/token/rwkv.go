package token

// rwkv is the tokenizer of the RWKV "world" models: at each position the longest token counts. Tokens are
// any bytes; the file spells them with escapes:
//
//	\t \n \r   \xe4 (a byte)   \c (the character c, as in \\ and \')
type rwkv struct {
	tokens  *prefixes
	unknown int32
}

func newRWKV(t *Tokenizer, unknown int32) *rwkv {
	var all []spelling
	for i, text := range t.texts {
		if t.kinds[i] == normal || t.kinds[i] == userDefined && !isMarker(text) {
			all = append(all, spelling{string(unescapeRWKV(text)), int32(i)})
		}
	}
	return &rwkv{newPrefixes(all), unknown}
}

func (w *rwkv) encode(dst []int32, text string) []int32 {
	for text != "" {
		n, id := w.tokens.longest(w.tokens.begin(), text)
		if id == none {
			n, id = 1, w.unknown
		}
		if id != none {
			dst = append(dst, id)
		}
		text = text[n:]
	}
	return dst
}

func unescapeRWKV(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 't':
			out = append(out, '\t')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 'x':
			if i+2 < len(s) {
				hi, ok1 := hexDigit(s[i+1])
				lo, ok2 := hexDigit(s[i+2])
				if ok1 && ok2 {
					out = append(out, hi<<4|lo)
					i += 2
				}
			}
		default:
			out = append(out, c)
		}
	}
	return out
}
