// Package search finds words in texts. Texts that people hold for the same are found, whatever characters they are written with:
//
//	equivalent and compatible characters   é of one or of two characters, ﬁ and fi, Ａ and A (NFKC)
//	case                                   STRASSE and straße, ς and σ (full case folding)
//	what is not seen                       soft hyphens, joiners, marks of direction
//	space                                  any run of spaces and line ends is one space; a soft hyphen at a line's end joins
//	                                       it with the next, and so do two Chinese or Japanese characters
//	typographic marks                      ’ and ', “ and ", the hyphens
//
// Sources: Unicode Standard, chapter 3.13 (NFKC_Casefold), and Annexes #15 and #21.
package search

import (
	"bytes"
	"sort"
	"strings"
	"sync"
)

// Range is a part of a text: the bytes from From up to, but not including, To.
type Range struct{ From, To int }

// Key returns the folded form of words that are searched for; "" if there is nothing to search for.
func Key(words string) string {
	f := folder{}
	return strings.TrimSpace(string(f.fold(words)))
}

// buffers holds the memory of folded texts for Contains.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Contains reports whether text contains the words of a key.
func Contains(text, key string) bool {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	f := folder{out: (*buf)[:0]}
	*buf = f.fold(text)
	return bytes.Contains(*buf, []byte(key))
}

// Find returns the occurrences of the words of a key in text, in order and without overlaps, at most most of them. A range ends
// between two characters as a reader sees them: if a part of a ligature is found, the range holds all of it.
func Find(text, key string, most int) (all []Range) {
	if key == "" {
		return nil
	}
	f := folder{tracks: true}
	folded := f.fold(text)
	for at := 0; len(all) < most; {
		i := bytes.Index(folded[at:], []byte(key))
		if i < 0 {
			break
		}
		at += i + len(key)
		r := Range{f.source(at - len(key)).From, f.source(at - 1).To}
		if n := len(all); n == 0 || r.From >= all[n-1].To {
			all = append(all, r)
		}
	}
	return all
}

// unit says which part of the text became which part of the folded text.
//
//	run    bytes from folded on are the text's bytes from from on, one by one
//	other  bytes from folded on, up to the next unit, stand for the text's bytes from from to to
type unit struct {
	folded, from, to int
	run              bool
}

// track records that the text's bytes from from to to became what is at the end of the folded text from before on. single says
// that they are characters which were folded one by one.
func (f *folder) track(before, from, to int, single bool) {
	if !f.tracks {
		return
	}
	run := single && len(f.out)-before == to-from
	if n := len(f.units); run && n > 0 {
		if u := f.units[n-1]; u.run && u.from+before-u.folded == from {
			return
		}
	}
	f.units = append(f.units, unit{before, from, to, run})
}

// source returns the part of the text that byte i of the folded text stands for.
func (f *folder) source(i int) Range {
	u := f.units[sort.Search(len(f.units), func(k int) bool { return f.units[k].folded > i })-1]
	if u.run {
		return Range{u.from + i - u.folded, u.from + i - u.folded + 1}
	}
	return Range{u.from, u.to}
}
