package search

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// folder folds one text.
type folder struct {
	out    []byte
	tracks bool // units are recorded
	units  []unit
	table  *table
}

// fold returns the folded text.
func (f *folder) fold(text string) []byte {
	f.out = slices.Grow(f.out, len(text)+utf8.UTFMax)
	f.table = tables()
	for i := 0; i < len(text); {
		if n := f.ascii(text[i:]); n > 0 {
			f.track(len(f.out)-n, i, i+n, true)
			i += n
			continue
		}
		if n := f.plain(text, i); n > 0 {
			i += n
			continue
		}
		i = f.character(text, i)
	}
	return f.out
}

// plain folds the characters at text[i:] that the table has and that normalization does not join, single spaces between them
// included, and returns how many bytes they are. It is what most texts consist of that are not ASCII.
func (f *folder) plain(text string, i int) int {
	begin := i
	r, n := utf8.DecodeRuneInString(text[i:])
	for f.table.isPlain(r) || r == ' ' {
		next, size := utf8.DecodeRuneInString(text[i+n:])
		if size > 0 && !f.table.isPlain(next) && (r == ' ' || next != ' ') {
			break
		}
		before := len(f.out)
		f.out = utf8.AppendRune(f.out, rune(f.table.form[r]))
		f.track(before, i, i+n, true)
		if i += n; size == 0 {
			break
		}
		r, n = next, size
	}
	return i - begin
}

// ascii folds the ASCII characters at the beginning of text, and returns how many bytes they are. It stops before a run of space,
// and before a character that the next one may join.
func (f *folder) ascii(text string) int {
	n := len(text)
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf {
			n = max(0, i-1)
			break
		} else if c < ' ' || c == ' ' && i+1 < len(text) && text[i+1] <= ' ' {
			n = i
			break
		}
	}
	at := len(f.out)
	f.out = append(f.out, text[:n]...)
	for i, c := range f.out[at:] {
		if 'A' <= c && c <= 'Z' {
			f.out[at+i] = c + 'a' - 'A'
		}
	}
	return n
}

// character folds the character, or the run of space, at text[i:], and returns its end.
func (f *folder) character(text string, i int) int {
	r, n := utf8.DecodeRuneInString(text[i:])
	switch {
	case unicode.IsSpace(r):
		return f.space(text, i)
	case r == softHyphen:
		return i + n + brokenLine(text[i+n:])
	case ignorable(r):
		return i + n
	}
	before, end, same := len(f.out), i+n, f.table.same(r)
	for end < len(text) {
		next, size := utf8.DecodeRuneInString(text[end:])
		if f.table.starts(next) {
			break
		}
		same = same && f.table.same(next)
		end += size
	}
	switch one := f.table.simpleForm(r); {
	case end == i+n && one != 0:
		f.out = utf8.AppendRune(f.out, one)
	case same && norm.NFKC.IsNormalString(text[i:end]):
		f.out = append(f.out, text[i:end]...)
	default:
		f.out = append(f.out, foldSegment(text[i:end])...)
	}
	f.track(before, i, end, end == i+n)
	return end
}

// space folds the run of space at text[i:] to one space, or to nothing where a line ends between two characters of a script
// without spaces.
func (f *folder) space(text string, i int) int {
	end, ends := i, false
	var r rune
	for end < len(text) {
		var n int
		if r, n = utf8.DecodeRuneInString(text[end:]); !unicode.IsSpace(r) && !ignorable(r) {
			break
		}
		ends = ends || r == '\n' || r == '\u2028' || r == '\u2029'
		end += n
	}
	if last, _ := utf8.DecodeLastRune(f.out); ends && end < len(text) && unspaced(last) && unspaced(r) {
		return end
	}
	f.out = append(f.out, ' ')
	f.track(len(f.out)-1, i, end, end == i+1)
	return end
}

// brokenLine returns the length of the space at the beginning of text if a line ends in it; 0 otherwise.
func brokenLine(text string) int {
	rest := strings.TrimLeftFunc(text, unicode.IsSpace)
	if n := len(text) - len(rest); strings.ContainsAny(text[:n], "\n\u2028\u2029") {
		return n
	}
	return 0
}

// unspaced reports whether r belongs to a script that writes no spaces and may break a line anywhere.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

const softHyphen = 0xad

// ignorable reports whether r is not seen: soft hyphen, joiners, marks of direction, selectors of a variant, tags. Source:
// Default_Ignorable_Code_Point of the Unicode Character Database.
func ignorable(r rune) bool {
	switch {
	case r < softHyphen:
		return false
	case r == softHyphen, r == 0x34f, r == 0x61c, r == 0xfeff, r >= 0x180b && r <= 0x180f, r >= 0x200b && r <= 0x200f,
		r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return false
}

// marks are typographic marks that keyboards lack, with what is typed instead. The dotted and the dotless i of Turkish are
// found as i, with which they share a capital letter.
var marks = strings.NewReplacer("’", "'", "‘", "'", "ʼ", "'", "“", `"`, "”", `"`, "„", `"`, "\u2010", "-", "\u2011", "-", "İ", "i", "ı", "i")

// foldSegment folds a sequence of characters that normalization does not join with what stands around it.
func foldSegment(s string) string {
	s = marks.Replace(norm.NFKC.String(marks.Replace(s)))
	s = strings.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, s)
	return marks.Replace(norm.NFKC.String(cases.Fold().String(s)))
}

// table has the folded forms of the characters of the Basic Multilingual Plane, so that most texts need no normalization.
type table struct {
	form  [1 << 16]uint16 // the folded form of the character alone; 0 if it is not one character of this plane
	start [1 << 16]bool   // normalization never joins the character with the one before
	plain [1 << 16]bool   // both of it, and it is neither space nor ignorable
}

var tables = sync.OnceValue(func() *table {
	t := &table{}
	for r := rune(0); r < 1<<16; r++ {
		switch {
		case alone(r):
			t.form[r], t.start[r] = uint16(r), true
		case utf8.ValidRune(r):
			s := string(r)
			t.start[r] = norm.NFKC.PropertiesString(s).BoundaryBefore()
			folded := foldSegment(s)
			if one, n := utf8.DecodeRuneInString(folded); n == len(folded) && one < 1<<16 && one != utf8.RuneError {
				t.form[r] = uint16(one)
			}
		}
		t.plain[r] = t.start[r] && t.form[r] != 0 && !unicode.IsSpace(r) && !ignorable(r)
	}
	return t
})

// alone reports whether r is an ideograph or a Hangul syllable, which folding does not change.
func alone(r rune) bool {
	return r >= 0x3400 && r <= 0x4dbf || r >= 0x4e00 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3
}

func (t *table) isPlain(r rune) bool { return r < 1<<16 && t.plain[r] }

// simpleForm returns the folded form of a character alone, if the table has it; otherwise 0.
func (t *table) simpleForm(r rune) rune {
	if r < 1<<16 {
		return rune(t.form[r])
	}
	return 0
}

// same reports whether folding leaves the character alone as it is.
func (t *table) same(r rune) bool { return r < 1<<16 && t.form[r] == uint16(r) && r != 0 }

// starts reports whether normalization never joins the character with the one before.
func (t *table) starts(r rune) bool {
	if r < 1<<16 {
		return t.start[r]
	}
	return norm.NFKC.PropertiesString(string(r)).BoundaryBefore()
}
