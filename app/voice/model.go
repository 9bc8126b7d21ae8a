package voice

import "errors"

// ErrNoModel: the library has no speech model.
var ErrNoModel = errors.New("there is no speech model in the library; drop a Whisper model on this window")
