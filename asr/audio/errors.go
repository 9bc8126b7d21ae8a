package audio

import "soberano/asr/audio/input"

// Error describes why a file cannot be read as sound, or not any further.
type Error = input.Error

// Kind classifies an Error.
type Kind = input.Kind

// The kinds of an Error.
const (
	Empty      = input.Empty
	TooShort   = input.TooShort
	Text       = input.Text
	Picture    = input.Picture
	Foreign    = input.Foreign
	NoDecoder  = input.NoDecoder
	Refused    = input.Refused
	Unread     = input.Unread
	NoSound    = input.NoSound
	Stalled    = input.Stalled
	CutOff     = input.CutOff
	Damaged    = input.Damaged
	Unreadable = input.Unreadable
)

// RemarkKind classifies a Remark.
type RemarkKind = input.RemarkKind

// The kinds of a Remark.
const (
	NoEndMark   = input.NoEndMark
	EndsEarly   = input.EndsEarly
	Understated = input.Understated
	OtherTracks = input.OtherTracks
)
