// Package ui defines the program's appearance: two palettes, a Fyne theme made of them, and the widgets and layouts that all
// screens use (wrapped text, buttons, boxes, bars, columns).
//
//	paper-like surfaces · one accent · red only for recording and errors
//	spacing in steps of 4 · corners 8 to 14 · text 14, 12 for what is secondary, 22 once
//
// Widgets take colours by name and look them up when they are drawn, so a change of theme needs a refresh only. An object
// whose height depends on its width implements Tall.
package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Names of colours. A colour for text has a contrast of at least 4.5 : 1 on every surface it is used on.
const (
	Paper                         = theme.ColorNameBackground
	Side      fyne.ThemeColorName = "side"
	Surface   fyne.ThemeColorName = "surface"
	Line      fyne.ThemeColorName = "line"
	Ink                           = theme.ColorNameForeground
	Muted                         = theme.ColorNamePlaceHolder
	Accent                        = theme.ColorNamePrimary
	OnAccent                      = theme.ColorNameForegroundOnPrimary
	Tint      fyne.ThemeColorName = "tint"
	Selection                     = theme.ColorNameSelection // behind selected text; it differs from Tint, on which text can be selected
	Hover                         = theme.ColorNameHover
	Record                        = theme.ColorNameError
	OnRecord                      = theme.ColorNameForegroundOnError
	Code      fyne.ThemeColorName = "code"
	Amber     fyne.ThemeColorName = "amber" // only in bars, never for text
	Stone     fyne.ThemeColorName = "stone" // only in bars, never for text

	CodeKeyword fyne.ThemeColorName = "codeKeyword"
	CodeString  fyne.ThemeColorName = "codeString"
	CodeNumber  fyne.ThemeColorName = "codeNumber"
	CodeName    fyne.ThemeColorName = "codeName"
	CodeComment fyne.ThemeColorName = "codeComment"
)

type palette map[fyne.ThemeColorName]color.NRGBA

// hex returns the colour 0xRRGGBB.
func hex(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

var light = palette{
	Paper: hex(0xFBFAF7), Side: hex(0xF2F0EA), Surface: hex(0xFFFFFF), Line: hex(0xDEDACF),
	Ink: hex(0x1E1D1A), Muted: hex(0x655F54), Accent: hex(0x0B6E5F), OnAccent: hex(0xFFFFFF),
	Tint: hex(0xE4EFEC), Selection: hex(0xB5DDD3), Hover: hex(0xEAE7DE), Record: hex(0xB3261E), OnRecord: hex(0xFFFFFF), Code: hex(0xF5F3EE),
	Amber: hex(0xD9A441), Stone: hex(0x8A8172),
	CodeKeyword: hex(0x8A2C91), CodeString: hex(0x2F6B1F), CodeNumber: hex(0x9A4A00), CodeName: hex(0x1F5C99), CodeComment: hex(0x6B6455),
}

var dark = palette{
	Paper: hex(0x171613), Side: hex(0x1E1D19), Surface: hex(0x24221E), Line: hex(0x38352E),
	Ink: hex(0xEDEAE2), Muted: hex(0xABA598), Accent: hex(0x4CC2A8), OnAccent: hex(0x0E1F1B),
	Tint: hex(0x20302C), Selection: hex(0x2F5C51), Hover: hex(0x2C2A25), Record: hex(0xF2776D), OnRecord: hex(0x2A0E0B), Code: hex(0x1C1B17),
	Amber: hex(0xD9A441), Stone: hex(0x8A8172),
	CodeKeyword: hex(0xD59BE0), CodeString: hex(0x9CCB86), CodeNumber: hex(0xE5A66B), CodeName: hex(0x82B8EC), CodeComment: hex(0xA09A8C),
}

// pairs lists the surfaces that each text colour is used on, for the contrast test.
var pairs = map[fyne.ThemeColorName][]fyne.ThemeColorName{
	Ink:         {Paper, Side, Surface, Tint, Selection, Code, Hover, Line},
	Muted:       {Paper, Side, Surface, Tint, Code, Hover},
	Accent:      {Paper, Surface, Side, Tint},
	Record:      {Paper, Surface},
	OnAccent:    {Accent},
	OnRecord:    {Record},
	CodeKeyword: {Code}, CodeString: {Code}, CodeNumber: {Code}, CodeName: {Code}, CodeComment: {Code},
}

// Color returns a colour of the theme in use.
func Color(name fyne.ThemeColorName) color.Color { return theme.Color(name) }
