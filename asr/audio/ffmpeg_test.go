package audio

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// foreignFile returns a file that is passed to ffmpeg.
func foreignFile(t *testing.T, name string) string {
	return file(t, name, []byte("\x1aE\xdf\xa3\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
}

// sound is a shell function that writes so many bytes of silence as an AU stream of one channel.
const sound = `sound() { printf '.snd\0\0\0\030\377\377\377\377\0\0\0\006\0\0\076\200\0\0\0\001'; head -c "$1" /dev/zero; }
`

// fake puts a script on the PATH as ffmpeg.
func fake(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a shell script stands in for ffmpeg")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ffmpeg"), []byte("#!/bin/sh\n"+sound+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// Any file name is passed to ffmpeg as one argument after "file:".
func TestFFmpegArguments(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	fake(t, `printf '%s\n' "$@" >'`+log+`'; sound 64000`)
	path := foreignFile(t, "-i $(touch x) http:;'\"%d.mkv")
	t.Chdir(filepath.Dir(path))
	got, err := readFile(t, filepath.Base(path))
	if err != nil || len(got) != 16000 {
		t.Fatalf("%d samples: %v", len(got), err)
	}
	said, _ := os.ReadFile(log)
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	found := false
	for i, l := range lines {
		found = found || i > 0 && lines[i-1] == "-i" && l == "file:"+path
		if strings.HasPrefix(l, "-i $") {
			t.Errorf("the name stands as an option: %q", l)
		}
	}
	if !found || !strings.Contains(string(said), "-nostdin") || !strings.Contains(string(said), "-protocol_whitelist\nfile\n") {
		t.Errorf("arguments %q", lines)
	}
}

// Without ffmpeg the error says which kind of MP3 is not supported, and what to do.
func TestUnreadMP3(t *testing.T) {
	t.Setenv("PATH", "")
	tag := []byte("ID3\x04\x00\x00\x00\x00\x00\x03abc")
	for want, head := range map[string]string{
		"an MP3 in free format": "\xff\xfb\x00\xc4", "MPEG audio of layer II, not MP3": "\xff\xfd\x84\x04",
	} {
		for place, b := range map[string][]byte{"byte 0: ": append([]byte(head), make([]byte, 3000)...), "byte 13: ": append(append(tag, head...), make([]byte, 70000)...)} {
			_, err := Open(file(t, "x.mp3", b))
			if err == nil || !strings.Contains(err.Error(), place+"this is "+want) || !strings.Contains(err.Error(), map[bool]string{true: "nor by ffmpeg: convert it", false: "install ffmpeg, or convert the file"}[want == "an MP3 in free format"]) || !errors.Is(err, ErrFormat) {
				t.Errorf("%s%s: %v", place, want, err)
			}
		}
	}
}

// Errors of ffmpeg are returned in one line, after the samples that it gave before.
func TestFFmpegFails(t *testing.T) {
	path := foreignFile(t, "x.mkv")
	for _, c := range []struct {
		name, script, want string
		samples            int
	}{
		{"refuses", `echo "[error] moov atom not found" >&2; exit 1`, "x.mkv: moov atom not found", 0},
		{"no sound", `echo "[fatal] Stream map '0:a:0' matches no streams." >&2; exit 1`, "it holds no sound", 0},
		{"dies", `exit 3`, "exit status 3", 0},
		{"breaks off", `sound 64000; echo "[x @ 0x1] [error] bad [31m packet" >&2; exit 1`, "bad [31m packet", 16000},
		{"cut short", `echo "[info]   Duration: 00:01:00.50, start: 0" >&2; echo "[error] partial file" >&2; sound 64000`, "only 1.0 of 60.5 s", 16000},
		{"is whole", `echo "[info]   Duration: 00:00:01.00, start: 0" >&2; echo "[error] a trifle" >&2; sound 64002`, "", 16000},
		{"killed", `kill -9 $$`, "killed", 0},
	} {
		fake(t, c.script)
		got, err := readFile(t, path)
		if len(got) != c.samples || (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %d samples, want %d: %v", c.name, len(got), c.samples, err)
		}
	}
}

// ffmpeg is stopped with the source, with the context, and when it gives nothing.
func TestFFmpegIsEnded(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	fake(t, `echo $$ >'`+pid+`'; sound 64000; exec sleep 100`)
	path := foreignFile(t, "x.mkv")
	gone := func(what string) {
		b, _ := os.ReadFile(pid)
		for range 100 {
			if exec.Command("kill", "-0", strings.TrimSpace(string(b))).Run() != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s: process %s goes on", what, b)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	gone("closed")

	ctx, cancel := context.WithCancel(t.Context())
	s, err = OpenContext(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := readAll(s); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	gone("canceled")
	s.Close()

	defer func(d time.Duration) { stall = d }(stall)
	stall = 300 * time.Millisecond
	if got, err := readFile(t, path); len(got) != 16000 || err == nil || !strings.Contains(err.Error(), "gave nothing") {
		t.Errorf("stalled: %d samples, %v", len(got), err)
	}
	gone("stalled")
}

// The installed ffmpeg: ALAC, which only it decodes, and files that it must not open.
func TestRealFFmpeg(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed: what it decodes is not tested")
	}
	path := filepath.Join(t.TempDir(), "-x.m4a")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-i", clipPath("goforward.wav"), "-c:a", "alac", "file:"+path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want, err := readFile(t, clipPath("goforward.wav"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := s.Duration() - seconds(int64(len(want))); d.Abs() > 100*time.Millisecond {
		t.Errorf("duration %v", s.Duration())
	}
	got, err := readAll(s)
	s.Close()
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d samples, want %d: %v", len(got), len(want), err)
	}
	if ratio := snr(got, want); ratio < 60 {
		t.Errorf("%.1f dB from the original", ratio)
	} else {
		t.Logf("ALAC: %.1f dB from the original", ratio)
	}
	b, _ := os.ReadFile(path)
	if _, err := readFile(t, file(t, "cut.m4a", b[:len(b)/2])); err == nil || !strings.Contains(err.Error(), "cut.m4a") {
		t.Errorf("cut off: %v", err)
	}
	// A WAV of an unsupported kind, and noise.
	for name, b := range map[string][]byte{"adpcm.wav": header(2, 1, Rate, 1, 4, make([]byte, 100)), "noise.mp3": []byte("\x00\x01\x02noise and nothing else in it")} {
		if _, err := readFile(t, file(t, name, b)); err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A skip in a file that ffmpeg decodes restarts it at the target, to the sample. Sound that begins
// late or pauses has silence in its place. Files without times are decoded up to the target.
func TestFFmpegSkip(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed: skips in what it decodes are not tested")
	}
	dir := t.TempDir()
	for _, c := range []struct {
		name, with string
		slack      int // samples: a container may tell times in milliseconds
	}{
		{"x.m4a", "-c:a aac -ar 44100 -ac 2", 0}, {"x.mp4", "-c:a aac -ar 48000", 0}, {"x.webm", "-c:a libopus", 16},
		{"x.aac", "-c:a aac", 0},
	} {
		path := filepath.Join(dir, c.name)
		args := append([]string{"-v", "error", "-nostdin", "-stream_loop", "2", "-i", clipPath("librivox_long.wav")}, strings.Fields(c.with)...)
		if out, err := exec.Command("ffmpeg", append(args, "file:"+path)...).CombinedOutput(); err != nil {
			t.Logf("%s: this ffmpeg can't write it: %s", c.name, out)
			continue
		}
		whole := readAfter(t, path)
		if n := len(whole) - 3*24*Rate; n < 0 {
			t.Fatalf("%s: %d samples", c.name, len(whole))
		}
		for _, steps := range [][]time.Duration{{61240 * time.Millisecond}, {5 * time.Second, 43123 * time.Millisecond}, {3 * time.Minute}} {
			from := 0
			for _, d := range steps {
				from += int(d.Seconds()*Rate + 0.5)
			}
			want := whole[min(from, len(whole)):]
			got := readAfter(t, path, steps...)
			if d := len(got) - len(want); d < -c.slack || d > c.slack {
				t.Errorf("%s after %v: %d samples, want %d", c.name, steps, len(got), len(want))
				continue
			}
			if c.slack == 0 && len(want) > 0 && snr(got, want) < 40 {
				t.Errorf("%s after %v: %.1f dB from what follows there", c.name, steps, snr(got, want))
			}
		}
	}
	late := filepath.Join(dir, "late.mkv")
	if out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-itsoffset", "3", "-i", clipPath("goforward.wav"), "-f", "lavfi", "-i", "testsrc=d=6:s=64x64:r=5",
		"-c:a", "aac", "-c:v", "mpeg4", "file:"+late).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want, err := readFile(t, clipPath("goforward.wav"))
	if err != nil {
		t.Fatal(err)
	}
	got := readAfter(t, late)
	if d := len(got) - 3*Rate - len(want); d < -200 || d > 3000 { // the codec adds up to two blocks
		t.Errorf("sound that begins at 3 s: %d samples, its own are %d", len(got), len(want))
	}
}

func TestIsText(t *testing.T) {
	for text, want := range map[string]bool{
		"#EXTM3U\n#EXTINF:1,\nhttp://x/y.ts": true, "ffconcat version 1.0\nfile 'x'": true, "héllo\r\n\twörld": true, "cut at \xe2\x82": true,
		"#!AMR\n\x3c\x08": false, "\x1aE\xdf\xa3": false, "FORM\x00\x00\x01\x02AIFF": false,
	} {
		if got := isText([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
