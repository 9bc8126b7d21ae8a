package problem

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"soberano/models"
)

// What is told is a sentence: without packages' names, the path that stands beside it, and what
// only a program understands.
func TestOf(t *testing.T) {
	const path = "/talks/a.wav"
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("audio: /talks/a.wav: byte 0: the file is empty: not an audio format that can be read"), "The file is empty."},
		{errors.New("audio: /talks/a.wav: byte 20000: the file is cut off: 44044 bytes of audio are missing: unexpected EOF"), "At byte 20,000: the file is cut off: 44,044 bytes of audio are missing."},
		{errors.New("audio: /talks/a.wav: byte 0: this is an MP4 or M4A file: not an audio format that can be read; install ffmpeg"), "This is an MP4 or M4A file; install ffmpeg."},
		{errors.New("mic: no microphone was found"), "No microphone was found."},
		{&fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}, "The file may not be read. Change its permissions, or copy it to your own folder."},
		{fmt.Errorf("asr: %w", &models.FileError{Path: "m.bin", Reason: "is cut off", Advice: "fetch it again"}), "m.bin is cut off. Fetch it again."},
	} {
		if got := Of(path, c.err); got != c.want {
			t.Errorf("%v: %q, expected %q", c.err, got, c.want)
		}
	}
	if got := Sentence("  "); got != "" {
		t.Errorf("nothing is %q", got)
	}
}
