package voice

import "soberano/app/problem"

// ErrNoModel reports that the library has no speech model.
var ErrNoModel error = &problem.Problem{Code: problem.NoSpeechModel}
