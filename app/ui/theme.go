package ui

import (
	"encoding/binary"
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
)

// Mode is the user's choice between light and dark.
type Mode string

// The modes, as they are stored in the settings.
const (
	System Mode = "system"
	Light  Mode = "light"
	Dark   Mode = "dark"
)

// Theme implements fyne.Theme with the palettes of this package, so that Fyne's own widgets (entries, menus, lists, scroll
// bars, dialogs) match the widgets of this package.
type Theme struct{ Mode Mode }

// Text sizes.
const (
	TextSize  = 14
	SmallSize = 12
	TitleSize = 22
)

// Color returns the colour with one of Fyne's names or one of this package's.
func (t Theme) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	p := light
	if t.Mode == Dark || t.Mode != Light && variant == theme.VariantDark {
		p = dark
	}
	if c, ok := p[name]; ok {
		return c
	}
	switch name {
	case theme.ColorNameButton, theme.ColorNameMenuBackground, theme.ColorNameOverlayBackground, theme.ColorNameInputBackground:
		return p[Surface]
	case theme.ColorNameHeaderBackground, theme.ColorNameDisabledButton:
		return p[Side]
	case theme.ColorNameInputBorder, theme.ColorNameSeparator:
		return p[Line]
	case theme.ColorNameDisabled:
		return p[Muted]
	case theme.ColorNameHyperlink, theme.ColorNameSuccess:
		return p[Accent]
	case theme.ColorNameForegroundOnSuccess, theme.ColorNameForegroundOnWarning:
		return p[OnAccent]
	case theme.ColorNameWarning:
		return p[Record]
	case theme.ColorNameFocus: // Fyne draws it over the colour of a button, whose label stays readable
		c := p[Ink]
		c.A = 48
		return c
	case theme.ColorNamePressed:
		return p[Line]
	case theme.ColorNameScrollBar:
		return p[Stone]
	case theme.ColorNameScrollBarBackground:
		return color.Transparent
	case theme.ColorNameShadow:
		return color.NRGBA{A: 24}
	}
	return theme.DefaultTheme().Color(name, variant)
}

// mono and monoBold are the fonts for code. Fyne puts the baseline of a text on a whole row of pixels below the font's ascent, and
// cuts off what is below the height of a line, which it rounds. Without a gap between the lines, up to one and a half rows of
// letters such as g and y are lost; Fyne's own monospaced font has none either.
var (
	mono     = fyne.NewStaticResource("Go-Mono.ttf", withLineGap(gomono.TTF, codeGap))
	monoBold = fyne.NewStaticResource("Go-Mono-Bold.ttf", withLineGap(gomonobold.TTF, codeGap))
)

// codeGap is one and a half pixels at a text size of 10, in units of which Go Mono has 2048.
const codeGap = 300

// withLineGap returns a TrueType font with another gap between lines: the field lineGap of the table hhea, see
// https://learn.microsoft.com/typography/opentype/spec/hhea
func withLineGap(font []byte, gap uint16) []byte {
	font = slices.Clone(font)
	for i := range int(binary.BigEndian.Uint16(font[4:])) {
		table := font[12+16*i:]
		if string(table[:4]) == "hhea" {
			binary.BigEndian.PutUint16(font[binary.BigEndian.Uint32(table[8:])+8:], gap)
		}
	}
	return font
}

// Font returns Fyne's own fonts, and Go Mono for code.
func (t Theme) Font(style fyne.TextStyle) fyne.Resource {
	switch {
	case style.Monospace && style.Bold:
		return monoBold
	case style.Monospace:
		return mono
	}
	return theme.DefaultTheme().Font(style)
}

// Icon returns Fyne's own icons.
func (t Theme) Icon(name fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(name) }

// Size returns the sizes that differ from Fyne's, and Fyne's for the rest.
func (t Theme) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return TextSize
	case theme.SizeNameCaptionText:
		return SmallSize
	case theme.SizeNameHeadingText:
		return TitleSize
	case theme.SizeNameSubHeadingText:
		return 16
	case theme.SizeNamePadding:
		return 4
	case theme.SizeNameInnerPadding:
		return 8
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return 8
	case theme.SizeNameInputBorder:
		return 1
	case theme.SizeNameScrollBar:
		return 10
	case theme.SizeNameScrollBarSmall:
		return 4
	}
	return theme.DefaultTheme().Size(name)
}
