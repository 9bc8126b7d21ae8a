package audio

import (
	"bufio"
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

// external is a running ffmpeg, which decodes what is not supported here (AAC, WMA, AMR, the sound
// of a film), if it is installed:
//
//	file ─▶ ffmpeg, a process of its own ─▶ pipe: AU, float32, 16 kHz, 1 or 2 channels ─▶ Mixer ─▶ Source.Read
//	                                     └▶ messages: length, tracks, errors
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
	program  string
	full     string // absolute path
	ctx      context.Context
	track    int // from 0 on
	cmd      *exec.Cmd
	out      *bufio.Reader
	cancel   context.CancelFunc
	messages *messages
	first    []float32 // read by openFFmpeg
	buf      []byte
	rest     int // bytes of an incomplete frame at the beginning of buf
	channels int
	split    [][]float32
	mixer    *input.Mixer
	limiter  input.Limiter
	decoded  int64 // samples
	idle     bool  // it was stopped because it gave nothing
	err      error
}

// openFFmpeg starts ffmpeg on a track of a file and waits for its first samples; see OpenTrack. why is the
// error of the decoders here.
func openFFmpeg(ctx context.Context, path string, track int, why error) (*external, error) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, noDecoder(path, why)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, &Error{Path: path, At: -1, Kind: Unreadable, Reason: "its place is unknown", Err: err}
	}
	x := &external{path: path, program: program, full: full, ctx: ctx, track: max(0, track-1), buf: make([]byte, 1<<16)}
	if err := x.begin(); err != nil {
		return nil, err
	}
	tracks := x.messages.tracks()
	if track == 0 && len(tracks) > 1 {
		if err := x.choose(tracks); err != nil {
			return nil, err
		}
	}
	if len(tracks) > 1 {
		x.Note(input.Remark{Kind: input.OtherTracks, Track: x.track + 1, Tracks: len(tracks)})
	}
	return x, nil
}

// begin starts ffmpeg at the beginning of the file and reads the first samples.
func (x *external) begin() error {
	x.err, x.first, x.rest, x.decoded = nil, nil, 0, 0
	if err := x.start(0); err != nil {
		return err
	}
	first, err := x.Next()
	if err != nil && err != io.EOF {
		x.close()
		return err
	}
	x.first = slices.Clone(first)
	return nil
}

// start starts ffmpeg, so many seconds into the file.
func (x *external) start(at int64) error {
	inner, cancel := context.WithCancel(x.ctx)
	x.cancel, x.messages, x.channels = cancel, &messages{}, 0
	x.cmd = exec.CommandContext(inner, x.program, arguments(x.full, x.track, at)...)
	x.cmd.Stderr = x.messages
	x.cmd.WaitDelay = time.Second // a child of it may hold the pipe open
	out, err := x.cmd.StdoutPipe()
	if err == nil {
		x.out = bufio.NewReaderSize(out, 1<<12)
		err = x.cmd.Start()
	}
	if err != nil {
		x.cancel()
		x.err = &Error{Path: x.path, At: -1, Kind: Unreadable, Reason: "ffmpeg could not be started", Err: err}
	}
	return x.err
}

// trackSeconds is how much of a track is searched for sound, and trackSilent the level below which there
// is none, -60 dB.
const trackSeconds, trackSilent = 60, 1e-3

// choose starts ffmpeg on the default track, or else on the first, but of these and the others on the first
// with sound in its first minute.
func (x *external) choose(tracks []bool) error {
	order := []int{max(0, slices.Index(tracks, true))}
	for i := range tracks {
		if i != order[0] {
			order = append(order, i)
		}
	}
	for _, x.track = range order {
		sound, err := x.sounds()
		if err != nil {
			return err
		}
		if sound {
			return x.begin()
		}
	}
	x.track = order[0]
	return x.begin()
}

// sounds reports whether the track has sound in its first minute, and stops ffmpeg.
func (x *external) sounds() (bool, error) {
	x.close()
	if err := x.begin(); err != nil {
		return false, err
	}
	defer x.close()
	for block, err := x.first, error(nil); ; block, err = x.Next() {
		for _, v := range block {
			if v > trackSilent || v < -trackSilent {
				return true, nil
			}
		}
		if err == io.EOF || x.decoded > trackSeconds*Rate {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		x.first = nil
	}
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

// arguments returns those of ffmpeg. async fills gaps; more than two channels are mixed to two, with
// rematrix_maxval as their mean instead of their sum.
func arguments(path string, track int, at int64) []string {
	return []string{"-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-protocol_whitelist", "file", "-ss", strconv.FormatInt(at, 10), "-i", "file:" + path,
		"-map", "0:a:" + strconv.Itoa(track), "-af", "aresample=async=1:first_pts=0:rematrix_maxval=1.0,aformat=channel_layouts=mono|stereo",
		"-ar", strconv.Itoa(Rate), "-c:a", "pcm_f32be", "-f", "au", "pipe:1"}
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
	n, err := x.read()
	x.idle = !late.Stop()
	mono := x.mix(n)
	x.decoded += int64(len(mono))
	if err != nil {
		if err != io.EOF {
			x.cancel()
		}
		x.err = x.end(err)
	}
	return mono, x.err
}

// read reads what the pipe holds behind the bytes that are left in buf, and returns how many bytes are there.
func (x *external) read() (int, error) {
	if x.channels == 0 {
		if err := x.header(); err != nil {
			return 0, err
		}
	}
	n, err := x.out.Read(x.buf[x.rest:])
	return n + x.rest, err
}

// header reads the header of an AU stream, big-endian: ".snd", u32 offset of the data, u32 size, u32 encoding,
// u32 rate, u32 channels.
func (x *external) header() error {
	var b [24]byte
	if _, err := io.ReadFull(x.out, b[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		return err
	}
	u32 := func(at int) int { return int(binary.BigEndian.Uint32(b[at:])) }
	if string(b[:4]) != ".snd" || u32(4) < 24 || u32(20) < 1 || u32(20) > 2 {
		return fmt.Errorf("ffmpeg began its output with %q", b[:])
	}
	if _, err := x.out.Discard(u32(4) - 24); err != nil {
		return err
	}
	x.channels = u32(20)
	x.split, x.mixer = make([][]float32, x.channels), input.NewMixer(x.channels, Rate)
	return nil
}

// mix returns the whole frames among the first n bytes of buf, mixed to mono, and keeps the rest.
func (x *external) mix(n int) []float32 {
	if x.channels == 0 {
		return nil
	}
	frame := 4 * x.channels
	end := n / frame * frame
	for c := range x.split {
		x.split[c] = x.split[c][:0]
		for at := 4 * c; at < end; at += frame {
			x.split[c] = append(x.split[c], math.Float32frombits(binary.BigEndian.Uint32(x.buf[at:])))
		}
	}
	x.rest = copy(x.buf, x.buf[end:n])
	x.limiter.Limit(x.split, Rate)
	return x.mixer.Mix(x.split)
}

// end waits for ffmpeg to exit and returns io.EOF or what went wrong.
func (x *external) end(err error) error {
	exit := x.cmd.Wait()
	length, reason := x.messages.length(), x.messages.reason(x.path)
	switch {
	case x.ctx.Err() != nil:
		return fmt.Errorf("audio: %s: %w", models.Printable(x.path), x.ctx.Err())
	case x.idle:
		return x.wrong(Stalled, ErrFormat, "ffmpeg gave nothing for %v and was ended", stall)
	case err != io.EOF:
		return x.wrong(Unreadable, err, "reading from ffmpeg failed")
	case exit != nil && reason == silent && len(x.messages.tracks()) > 0:
		return x.wrong(Unread, ErrFormat, "the file has %d tracks with sound, and track %d was asked for", len(x.messages.tracks()), x.track+1)
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
