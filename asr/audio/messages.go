package audio

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"soberano/models"
)

// timed lists the formats, by ffmpeg's names, whose times are exact; in others ffmpeg estimates
// a position by the bit rate.
var timed = []string{"mov,", "matroska,", "asf", "aiff", "caf", "wav", "w64", "flv", "ape", "tta", "wv", "mpegts", "avi"}

// messages keeps the length of the file and the last errors from ffmpeg's messages. It is written by
// ffmpeg's pipe while the decoder reads.
type messages struct {
	mu     sync.Mutex
	line   []byte
	told   time.Duration
	format string
	sounds []bool // an entry for each track with sound: it is the default one
	output bool   // the description of the file has ended
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
	m.output = m.output || strings.Contains(line, "Stream mapping:") || strings.Contains(line, "Output #0")
	if _, text, ok := strings.Cut(line, "  Stream #0:"); ok && !m.output && strings.Contains(text, ": Audio: ") && len(m.sounds) < 100 {
		m.sounds = append(m.sounds, strings.Contains(text, "(default)"))
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

// tracks returns an entry for each track with sound: whether it is the default one.
func (m *messages) tracks() []bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.sounds)
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
