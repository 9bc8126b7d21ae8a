package audio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"soberano/asr/audio/input"
	"soberano/models"
)

// foreign returns the error for a file that ffmpeg may be able to read.
func foreign(in *input.Reader, format string, args ...any) error {
	return in.Refuse(Foreign, ErrFormat, format, args...)
}

// isForeign reports whether err is one of foreign.
func isForeign(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Foreign
}

// noDecoder returns the error for a file that can't be read for why, where there is no ffmpeg.
func noDecoder(path string, why error) error {
	e := &Error{Path: path, At: -1, Kind: NoDecoder, Reason: why.Error(), Err: ErrFormat}
	if foreign, ok := errors.AsType[*Error](why); ok {
		e.At, e.Reason = foreign.At, foreign.Reason
	}
	return e
}

// unread returns the error for a file of a kind that is not supported here. ffmpeg may be able
// to read it, unless it is an MP3 in free format.
func unread(in *input.Reader, kind string) error {
	if kind == freeFormat {
		return in.Refuse(Unread, ErrFormat, "%s", kind)
	}
	return foreign(in, "%s", kind)
}

// stall is how long ffmpeg may take for its next samples before it is stopped.
var stall = time.Minute

// ffmpegNear is up to how many seconds are decoded and dropped instead of restarting ffmpeg.
// ffmpegWarm is how many seconds before the target ffmpeg is started, because codecs depend on
// earlier samples.
const ffmpegNear, ffmpegWarm = 30, 2

// timed lists the formats, by ffmpeg's names, whose times are exact; in others ffmpeg estimates
// a position by the bit rate.
var timed = []string{"mov,", "matroska,", "asf", "aiff", "caf", "wav", "w64", "flv", "ape", "tta", "wv", "mpegts", "avi"}

// external is a running ffmpeg, which decodes what is not supported here (AAC, WMA, AMR, the sound
// of a film), if it is installed:
//
//	file ─▶ ffmpeg, a process of its own ─▶ pipe: float32, 16 kHz, mono ─▶ Source.Read
//	                                     └▶ messages: length, errors
//
// The file is not trusted. Its name is passed as an argument after "file:", not through a shell;
// ffmpeg may open files but no network; text files (playlists name other files) are not passed to
// it; and it is stopped when it gives nothing for a minute.
//
// Times are those of the file: sound that begins later than the picture begins with silence, and
// a gap is silence too. So ffmpeg can be started at any position of a file whose format states
// times.
type external struct {
	input.Losses
	path     string
	start    func(at int64) error // starts ffmpeg, so many seconds into the file
	cmd      *exec.Cmd
	out      io.ReadCloser
	cancel   context.CancelFunc
	ended    func() error // of the caller's context
	messages messages
	first    []float32 // read by openFFmpeg
	buf      []byte
	rest     int // bytes of an incomplete sample at the beginning of buf
	mono     []float32
	decoded  int64 // samples
	idle     bool  // it was stopped because it gave nothing
	err      error
}

// openFFmpeg starts ffmpeg on a file and waits for its first samples. why is the error of the
// decoders here.
func openFFmpeg(ctx context.Context, path string, why error) (*external, error) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, noDecoder(path, why)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, &Error{Path: path, At: -1, Kind: Unreadable, Reason: "its place is unknown", Err: err}
	}
	x := &external{path: path, ended: ctx.Err, buf: make([]byte, 1<<16)}
	x.start = func(at int64) (err error) {
		var inner context.Context
		inner, x.cancel = context.WithCancel(ctx)
		x.cmd = exec.CommandContext(inner, program, arguments(full, at)...)
		x.cmd.Stderr = &x.messages
		x.cmd.WaitDelay = time.Second // a child of it may hold the pipe open
		if x.out, err = x.cmd.StdoutPipe(); err == nil {
			err = x.cmd.Start()
		}
		if err != nil {
			x.cancel()
			x.err = &Error{Path: path, At: -1, Kind: Unreadable, Reason: "ffmpeg could not be started", Err: err}
		}
		return x.err
	}
	if err := x.start(0); err != nil {
		return nil, err
	}
	x.first, err = x.Next()
	if err != nil && err != io.EOF {
		x.close()
		return nil, err
	}
	return x, nil
}

// Skip restarts ffmpeg at a position far ahead.
func (x *external) Skip(n int64) (int64, error) {
	target := x.decoded - int64(len(x.first)) + n
	at := target/Rate - ffmpegWarm
	length := x.messages.length()
	if x.err != nil || n < ffmpegNear*Rate || time.Duration(at+1)*time.Second > length || !x.messages.timed() {
		return n, nil
	}
	x.close()
	x.err, x.first, x.rest, x.decoded = nil, nil, 0, at*Rate
	if err := x.start(at); err != nil {
		return 0, err
	}
	return target - x.decoded, nil
}

// arguments returns those of ffmpeg. async fills gaps; with rematrix_maxval channels are averaged
// instead of added.
func arguments(path string, at int64) []string {
	return []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-protocol_whitelist", "file", "-ss", strconv.FormatInt(at, 10), "-i", "file:" + path,
		"-map", "0:a:0", "-ac", "1", "-af", "aresample=async=1:first_pts=0:rematrix_maxval=1.0", "-ar", strconv.Itoa(Rate), "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"}
}

func (x *external) Rate() int { return Rate }

// Frames returns the length that ffmpeg reported.
func (x *external) Frames() int64 {
	if d := x.messages.length(); d > 0 {
		return int64(d.Seconds() * Rate)
	}
	return -1
}

// Next reads what the pipe holds.
func (x *external) Next() ([]float32, error) {
	if first := x.first; len(first) > 0 {
		x.first = nil
		return first, nil
	}
	if x.err != nil {
		return nil, x.err
	}
	late := time.AfterFunc(stall, x.cancel)
	n, err := x.out.Read(x.buf[x.rest:])
	x.idle = !late.Stop()
	n += x.rest
	x.mono = x.mono[:0]
	for b := x.buf[:n&^3]; len(b) > 0; b = b[4:] {
		x.mono = append(x.mono, input.Clip(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	}
	x.rest = copy(x.buf, x.buf[n&^3:n])
	x.decoded += int64(len(x.mono))
	if err != nil {
		x.err = x.end(err)
	}
	return x.mono, x.err
}

// end waits for ffmpeg to exit and returns io.EOF or what went wrong.
func (x *external) end(err error) error {
	exit := x.cmd.Wait()
	length, reason := x.messages.length(), x.messages.reason(x.path)
	switch {
	case x.ended() != nil:
		return fmt.Errorf("audio: %s: %w", models.Printable(x.path), x.ended())
	case x.idle:
		return x.wrong(Stalled, ErrFormat, "ffmpeg gave nothing for %v and was ended", stall)
	case err != io.EOF:
		return x.wrong(Unreadable, err, "reading from ffmpeg failed")
	case exit != nil && reason == silent:
		return x.wrong(NoSound, ErrFormat, "%s", reason)
	case exit != nil && reason == "":
		return x.wrong(Refused, exit, "ffmpeg ended without a word")
	case exit != nil:
		return x.wrong(Refused, ErrFormat, "%s", reason)
	case reason != "" && seconds(x.decoded) < min(length-time.Second, length*49/50):
		return x.wrong(CutOff, io.ErrUnexpectedEOF, "only %.1f of %.1f s could be read: ffmpeg: %s", seconds(x.decoded).Seconds(), length.Seconds(), reason)
	}
	return io.EOF
}

func (x *external) wrong(kind Kind, cause error, format string, args ...any) error {
	return &Error{Path: x.path, At: -1, Kind: kind, Reason: fmt.Sprintf(format, args...), Err: cause}
}

func seconds(samples int64) time.Duration { return time.Duration(samples) * time.Second / Rate }

// close stops ffmpeg.
func (x *external) close() {
	x.cancel()
	if x.err == nil {
		x.err = io.EOF
		_ = x.cmd.Wait() // it was killed; its exit status says nothing
	}
}

// messages keeps the length of the file and the last errors from ffmpeg's messages. It is written by
// ffmpeg's pipe while the decoder reads.
type messages struct {
	mu     sync.Mutex
	line   []byte
	told   time.Duration
	format string
	errors []string
}

// Write parses the messages line by line.
func (m *messages) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range p {
		if c != '\n' && c != '\r' {
			if len(m.line) < 1000 {
				m.line = append(m.line, c)
			}
			continue
		}
		m.take(string(m.line))
		m.line = m.line[:0]
	}
	return len(p), nil
}

func (m *messages) take(line string) {
	if _, text, ok := strings.Cut(line, "Input #0, "); ok && m.format == "" {
		m.format = text
	}
	if _, text, ok := strings.Cut(line, "  Duration: "); ok && m.told == 0 && len(m.errors) == 0 {
		var h, minutes int
		var sec float64
		if n, _ := fmt.Sscanf(text, "%d:%d:%f", &h, &minutes, &sec); n == 3 && h >= 0 && h < 1e5 {
			m.told = time.Duration(h)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(sec*float64(time.Second))
		}
	}
	for _, level := range []string{"[error] ", "[fatal] "} {
		if _, text, ok := strings.Cut(line, level); ok {
			m.errors = append(m.errors, models.Printable(strings.TrimRight(text, ". ")))
			m.errors = m.errors[max(0, len(m.errors)-2):]
		}
	}
}

func (m *messages) length() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.told
}

// timed reports whether ffmpeg finds any position of the file exactly.
func (m *messages) timed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(timed, func(f string) bool { return strings.HasPrefix(m.format, f) })
}

// silent is the reason for a file without sound.
const silent = "it holds no sound"

// reason returns the last errors in a line, with the file's base name instead of its full path.
func (m *messages) reason(path string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := strings.Join(m.errors, "; ")
	if strings.Contains(all, "matches no streams") {
		return silent
	}
	if full, err := filepath.Abs(path); err == nil {
		all = strings.ReplaceAll(all, "file:"+full, filepath.Base(path))
	}
	return all
}

// isText reports whether a file begins with half a kilobyte of readable text. No sound file does.
func isText(head []byte) bool {
	for len(head) > 0 && utf8.FullRune(head) {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) && !unicode.IsSpace(r) {
			return false
		}
		head = head[n:]
	}
	return true
}
