package audio

import "soberano/asr/audio/input"

// Error says why a file can't be read as sound, or no further.
type Error = input.Error

// Kind says in which way a file can't be read as sound.
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
