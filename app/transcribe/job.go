package transcribe

import (
	"context"
	"sync/atomic"
	"time"

	"soberano/app/problem"
)

// job is the file being transcribed.
type job struct {
	id      int64
	cancel  context.CancelFunc
	ctx     context.Context
	reading context.Context // ends before ctx where what has been heard is still written down
	stop    context.CancelFunc
	ending  bool // stop was called
	stopped bool // by the user
	began   time.Time
	from    time.Duration // where this run began
	length  time.Duration // of the audio; 0: unknown
	read    atomic.Int64  // samples since from
	heard   atomic.Int64  // how much of the whole audio is transcribed
	opening bool
	remarks []problem.Problem // on the recording that was read
}

// end ends a file: within that time, or at once if it is 0, the file is not read yet, or end was called before.
func (j *job) end(within time.Duration) {
	if within == 0 || j.opening || j.ending {
		j.cancel()
		return
	}
	j.ending = true
	j.stop()
	timer := time.AfterFunc(within, j.cancel)
	context.AfterFunc(j.ctx, func() { timer.Stop() })
}
