package ui

import (
	"sort"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/harfbuzz"
	"github.com/go-text/typesetting/shaping"
	fixedpoint "golang.org/x/image/math/fixed"
)

// meter measures text in one style and size, as Fyne draws it: with the same fonts and the same shaping. Fyne's own
// measuring prepares the font anew for each text, which takes most of its time; here one shaper serves all, and the widths of
// words are kept.
type meter struct {
	set    *fontSet
	size   fixedpoint.Int26_6
	words  map[string]float32
	single map[rune]float32    // the widths of runes that stand alone
	pairs  map[[2]rune]float32 // what the width of two such runes differs from the sum of theirs
}

type meterKey struct {
	fontKey
	size float32
}

// gauge is what all meters share.
type gauge struct {
	sync.Mutex
	sets   map[fontKey]*fontSet
	meters map[meterKey]*meter
	shaper shaping.HarfbuzzShaper
	split  shaping.Segmenter
	runes  []rune // buffers
	from   []int
}

var measuring = newGauge()

func newGauge() *gauge {
	g := &gauge{sets: map[fontKey]*fontSet{}, meters: map[meterKey]*meter{}}
	g.shaper.SetFontCacheSize(64)
	return g
}

const (
	mostWords = 1 << 15 // the number of words whose widths a meter keeps
	mostWord  = 64      // the longest word in bytes that is kept
	chunk     = 48      // the number of runes that are shaped together where a word is long
)

// meterFor returns the meter of a style and size in the present theme.
func meterFor(style fyne.TextStyle, size float32) *meter {
	style = fyne.TextStyle{Bold: style.Bold, Italic: style.Italic, Monospace: style.Monospace}
	k := meterKey{fontKey{style, fyne.CurrentApp().Settings().Theme().Font(style)}, size}
	measuring.Lock()
	defer measuring.Unlock()
	if m := measuring.meters[k]; m != nil {
		return m
	}
	set := measuring.sets[k.fontKey]
	if set == nil {
		set = newFontSet(k.fontKey)
		measuring.sets[k.fontKey] = set
	}
	m := &meter{set: set, size: fixedpoint.Int26_6(float64(size) * 64), words: map[string]float32{}, single: map[rune]float32{}, pairs: map[[2]rune]float32{}}
	measuring.meters[k] = m
	return m
}

// stop is a place in a text at which the caret can stand: a boundary between clusters (letters with their marks), as an
// offset in bytes, and its distance from the left edge.
type stop struct {
	at int
	x  float32
}

// width returns the width of a text of one line. That of a text whose runes stand alone is the sum of theirs and of the kerning
// between them.
func (m *meter) width(text string) float32 {
	measuring.Lock()
	defer measuring.Unlock()
	if w, ok := m.kerned(text); ok {
		return w
	}
	if w, ok := m.words[text]; ok {
		return w
	}
	w, _ := m.shape(text, nil)
	if len(text) <= mostWord {
		if len(m.words) >= mostWords {
			clear(m.words)
		}
		m.words[strings.Clone(text)] = w
	}
	return w
}

// kerned is width for a text whose runes stand alone; false for others, and where a space is drawn in the font of a rune before
// it, which is not that of the text.
func (m *meter) kerned(text string) (width float32, ok bool) {
	var prev rune
	for i, r := range text {
		if !alone(r) || i > 0 && unicode.IsSpace(r) && m.set.ResolveFace(prev) != m.set.ResolveFace(' ') {
			return 0, false
		}
		width += m.rune(r)
		if i > 0 && r != ' ' && prev != ' ' {
			width += m.kerning(prev, r)
		}
		prev = r
	}
	return width, true
}

func (m *meter) kerning(a, b rune) float32 {
	k := [2]rune{a, b}
	w, ok := m.pairs[k]
	if !ok {
		w, _ = m.shape(string(k[:]), nil)
		w -= m.rune(a) + m.rune(b)
		if len(m.pairs) >= mostWords {
			clear(m.pairs)
		}
		m.pairs[k] = w
	}
	return w
}

// rune returns the width of a rune that stands alone.
func (m *meter) rune(r rune) float32 {
	if w, ok := m.single[r]; ok {
		return w
	}
	as, n := m.set.shown(r)
	if as != r {
		return float32(n) * m.rune(as)
	}
	w, _ := m.shape(string(r), nil)
	m.single[r] = w
	return w
}

// coarse is stops, without regard to kerning where all runes of the text stand alone. That is precise enough to cut a long
// word, and a hundred times as fast.
func (m *meter) coarse(text string) []stop {
	measuring.Lock()
	defer measuring.Unlock()
	stops := make([]stop, 1, len(text)+1)
	var x float32
	for i, r := range text {
		if !alone(r) {
			_, stops = m.shape(text, stops[:0])
			return stops
		}
		if i > 0 {
			stops = append(stops, stop{i, x})
		}
		x += m.rune(r)
	}
	return append(stops, stop{len(text), x})
}

// alone reports whether a rune is of a script whose letters are drawn side by side, each as it is, and is no mark.
func alone(r rune) bool {
	switch {
	case r < 0x300:
		return true
	case r >= 0x370 && r < 0x590: // Greek, Cyrillic, Armenian
		return r < 0x483 || r > 0x489
	case r >= 0x10a0 && r < 0x1100, r >= 0x1e00 && r < 0x200b, r >= 0x2010 && r < 0x2028, r >= 0x2030 && r < 0x2060, r >= 0x2070 && r < 0x20d0, r >= 0x2100 && r < 0x2cef:
		return true
	case r >= 0x2e80 && r < 0xa66f: // ideographs, kana, hangul
		return (r < 0x302a || r > 0x302f) && r != 0x3099 && r != 0x309a
	case r >= 0xac00 && r < 0xd7a4, r >= 0xe000 && r < 0xfb00, r >= 0xff00 && r < 0xfff0, r == replacement:
		return true
	case r >= 0x1f000 && r < 0x1fb00: // emoji, without the letters of flags and the tones of skin
		return (r < 0x1f1e6 || r > 0x1f1ff) && (r < 0x1f3fb || r > 0x1f3ff)
	}
	return r >= 0x20000 && r < 0xe0000 || r >= 0xe0200
}

// mark reports whether a rune belongs to the letter before it.
func mark(r rune) bool { return !alone(r) && (unicode.Is(unicode.M, r) || r == 0x200d) }

// stops returns the boundaries of the clusters of a text of one line, its beginning and its end included. The whole text is
// shaped, so it must not be long.
func (m *meter) stops(text string) []stop {
	measuring.Lock()
	defer measuring.Unlock()
	_, stops := m.shape(text, make([]stop, 0, len(text)+1))
	return stops
}

// shape shapes the text that is shown for text, and appends the boundaries to stops unless it is nil.
func (m *meter) shape(text string, stops []stop) (width float32, _ []stop) {
	g := measuring
	g.runes, g.from = m.set.convert(text, g.runes[:0], g.from[:0])
	var advance []float32
	if stops != nil {
		advance = make([]float32, len(g.runes))
		for i := range advance {
			advance[i] = -1
		}
	}
	for _, part := range m.split(text) {
		out := g.shaper.Shape(part)
		var sum fixedpoint.Int26_6
		for _, glyph := range out.Glyphs {
			sum += glyph.XAdvance
			if c := glyph.ClusterIndex; advance != nil && c < len(advance) {
				advance[c] = max(0, advance[c]) + float32(glyph.XAdvance)/64
			}
		}
		width += float32(sum) / 64
	}
	if stops == nil {
		return width, nil
	}
	stops = append(stops, stop{})
	var x float32
	for i, a := range advance {
		if at := g.from[i]; a >= 0 && at > stops[len(stops)-1].at {
			stops = append(stops, stop{at, x})
		}
		x += max(0, a)
	}
	if last := stops[len(stops)-1]; last.at < len(text) {
		stops = append(stops, stop{len(text), x})
	}
	return width, stops
}

// split returns the parts of a text, which was converted to the shared runes, that have one direction, script and font.
func (m *meter) split(text string) (list []shaping.Input) {
	g := measuring
	whole := shaping.Input{Text: g.runes, RunEnd: len(g.runes), Direction: di.DirectionLTR, Face: m.set.ResolveFace(' '), Size: m.size}
	if len(g.runes) == 0 {
		return nil
	}
	if _, _, ok := m.set.nextEmoji(text); !ok {
		return g.split.Split(whole, m.set)
	}
	m.set.pieces(text, func(from, to int, emoji bool) {
		part := whole
		part.RunStart, part.RunEnd = sort.SearchInts(g.from, from), sort.SearchInts(g.from, to)
		switch {
		case part.RunStart == part.RunEnd:
		case emoji:
			list = append(list, m.set.emojiInput(g.runes, part.RunStart, part.RunEnd, m.size))
		default:
			list = append(list, g.split.Split(part, m.set)...)
		}
	})
	return list
}

// convert appends what is shown for a text, and for each rune of it the offset of the rune for which it stands.
func (s *fontSet) convert(text string, runes []rune, from []int) ([]rune, []int) {
	s.pieces(text, func(start, end int, emoji bool) {
		for i, r := range text[start:end] {
			as, n := r, 1
			if !emoji {
				as, n = s.shown(r)
			}
			for range n {
				runes, from = append(runes, as), append(from, start+i)
			}
		}
	})
	return runes, from
}

// leads reports whether a text begins in another font than that of the style, whose height is that of the line.
func (m *meter) leads(text string) bool {
	if text == "" || text[0] < utf8.RuneSelf {
		return false
	}
	measuring.Lock()
	defer measuring.Unlock()
	for _, r := range text {
		if !unicode.IsSpace(r) && !harfbuzz.IsDefaultIgnorable(r) {
			return m.set.ResolveFace(r) != m.set.faces[0]
		}
	}
	return false
}

// draw returns the text that is shown for a text, in which only runes occur that a font has.
func (m *meter) draw(text string) string {
	plain := true
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	measuring.Lock()
	defer measuring.Unlock()
	g := measuring
	g.runes, g.from = m.set.convert(text, g.runes[:0], g.from[:0])
	return string(g.runes)
}

// HasFont reports whether a font, of Fyne or of the system, has the rune.
func HasFont(r rune) bool {
	m := meterFor(fyne.TextStyle{}, TextSize)
	measuring.Lock()
	defer measuring.Unlock()
	return m.set.find(r) != nil
}
