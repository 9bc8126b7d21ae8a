package ui

import (
	"bytes"
	"sync"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/theme"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/fontscan"
	"github.com/go-text/typesetting/harfbuzz"
	"github.com/go-text/typesetting/language"
)

// fontSet finds the font of each rune in one style, in the order of Fyne's painter: the theme's font, Fyne's own, its emoji,
// the font of the user's language, the other fonts of the system.
//
// Fyne never remembers that no font has a rune: each time it searches all fonts again, and appends another font to those that
// it searches first, so that such a rune costs up to 20 ms. Here the answer is kept, and text reaches Fyne without such runes
// (see shown).
type fontSet struct {
	family string
	faces  []*font.Face
	found  map[rune]*font.Face // nil: no font has the rune
	emoji  *font.Face          // nil: there is none

	asking    sync.Mutex      // for sequences
	sequences map[string]bool // of several runes: whether the font of emoji has them
}

// fontKey names a style and the theme's font for it.
type fontKey struct {
	style fyne.TextStyle
	font  fyne.Resource
}

func newFontSet(k fontKey) *fontSet {
	s := &fontSet{family: fontscan.SansSerif, found: map[rune]*font.Face{}, sequences: map[string]bool{}}
	fallback := theme.DefaultTextFont()
	switch {
	case k.style.Monospace:
		s.family, fallback = fontscan.Monospace, theme.DefaultTextMonospaceFont()
	case k.style.Bold && k.style.Italic:
		fallback = theme.DefaultTextBoldItalicFont()
	case k.style.Bold:
		fallback = theme.DefaultTextBoldFont()
	case k.style.Italic:
		fallback = theme.DefaultTextItalicFont()
	}
	list := []fyne.Resource{fallback}
	if k.font != nil && k.font != fallback {
		list = []fyne.Resource{k.font, fallback}
	}
	emoji := emojiFont()
	if emoji != nil {
		list = append(list, emoji)
	}
	for _, r := range list {
		if f, err := font.ParseTTF(bytes.NewReader(r.Content())); err == nil { // Fyne reports a font that it can't read
			s.faces = append(s.faces, f)
			if r == emoji {
				s.emoji = f
			}
		}
	}
	aspect := font.Aspect{}
	if k.style.Italic {
		aspect.Style = font.StyleItalic
	}
	if k.style.Bold {
		aspect.Weight = font.WeightBold
	}
	if f := systemFonts().forLanguage(s.family, aspect); f != nil {
		s.faces = append(s.faces, f)
	}
	return s
}

// ResolveFace implements shaping.Fontmap. A rune that no font has gets the first font.
func (s *fontSet) ResolveFace(r rune) *font.Face {
	if f := s.find(r); f != nil {
		return f
	}
	return s.faces[0]
}

// find returns the font that has the rune, nil if there is none.
func (s *fontSet) find(r rune) *font.Face {
	if f, ok := s.found[r]; ok {
		return f
	}
	f := s.search(r)
	s.found[r] = f
	return f
}

func (s *fontSet) search(r rune) *font.Face {
	for _, f := range s.faces {
		if _, ok := f.NominalGlyph(r); ok {
			return f
		}
	}
	f := systemFonts().forRune(r, s.family)
	if f != nil {
		s.faces = append(s.faces, f)
	}
	return f
}

// installed are the fonts of the system. Fyne uses the same index, which is read or built once.
type installed struct {
	list []fontscan.Footprint
	fm   *fontscan.FontMap // nil: there are none, or they can't be listed
}

var systemFonts = sync.OnceValue(func() *installed {
	list, err := fontscan.SystemFonts(silent{}, "")
	fm := fontscan.NewFontMap(silent{})
	if err != nil || fm.UseSystemFonts("") != nil {
		return &installed{} // Fyne does without them too
	}
	return &installed{list: list, fm: fm}
})

// silent drops the messages of fontscan, as Fyne does.
type silent struct{}

func (silent) Printf(string, ...any) {}

// has reports whether an installed font has the rune. It asks the index, which costs some microseconds.
func (i *installed) has(r rune) bool {
	for k := range i.list {
		if i.list[k].Runes.Contains(r) {
			return true
		}
	}
	return false
}

func (i *installed) forRune(r rune, family string) *font.Face {
	if i.fm == nil || !i.has(r) {
		return nil
	}
	i.fm.SetQuery(fontscan.Query{Families: []string{family}})
	f := i.fm.ResolveFace(r)
	if f == nil {
		return nil
	}
	if _, ok := f.NominalGlyph(r); !ok {
		return nil // the index is out of date
	}
	return f
}

func (i *installed) forLanguage(family string, aspect font.Aspect) *font.Face {
	if i.fm == nil {
		return nil
	}
	i.fm.SetQuery(fontscan.Query{Families: []string{family}, Aspect: aspect})
	id, _ := fontscan.NewLangID(language.Language(locale()))
	return i.fm.ResolveFaceForLang(id)
}

var locale = sync.OnceValue(func() string { return lang.SystemLocale().LanguageString() })

// replacement is shown in the place of a rune that no font has.
const replacement = '\uFFFD'

// shown returns what is drawn for a rune: the rune itself, four spaces for a tab, nothing for a rune without a shape of its
// own that no font has, and the replacement character for others that no font has.
func (s *fontSet) shown(r rune) (as rune, count int) {
	switch {
	case r >= ' ' && r < 0x7f:
		return r, 1
	case r == '\t':
		return ' ', 4
	case r == '\r' || r == '\n':
		return 0, 0
	case r < ' ' || r >= 0x7f && r < 0xa0:
		return s.missing(), 1
	case s.find(r) != nil:
		return r, 1
	case unicode.Is(unicode.Zs, r):
		return ' ', 1
	case harfbuzz.IsDefaultIgnorable(r) || unicode.In(r, unicode.Zl, unicode.Zp):
		return 0, 0
	}
	return s.missing(), 1
}

func (s *fontSet) missing() rune {
	if s.find(replacement) == nil {
		return '?'
	}
	return replacement
}
