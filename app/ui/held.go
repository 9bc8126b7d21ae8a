package ui

// repeats is the state of SetRepeats, for the UI goroutine.
var repeats bool

// SetRepeats is told by the window, before a key is handled, whether the key goes down or repeats because it is held.
func SetRepeats(on bool) { repeats = on }

// Repeats reports whether the key that is being handled repeats because it is held. Then it moves, types and deletes letters again,
// but what a press begins or ends (a button, a message, a chat, an answer) is done once: what gets the focus by that would be done
// next.
func Repeats() bool { return repeats }
