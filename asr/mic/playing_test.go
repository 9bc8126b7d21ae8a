//go:build cgo && linux

package mic

// Playback into a PulseAudio of the test: its sink's monitor has to record what was played.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"soberano/asr/audio"
)

// The test program runs itself to play: the environment that ALSA reads is fixed at start.
func init() {
	if path := os.Getenv("MIC_TEST_PLAY"); path != "" {
		fmt.Println(playFile(path))
		os.Exit(0)
	}
}

// playFile plays a file and prints the result.
func playFile(path string) string {
	src, err := audio.Open(path)
	if err != nil {
		return err.Error()
	}
	defer src.Close()
	began := time.Now()
	s, err := Play(src)
	if err != nil {
		return fmt.Sprint(errors.Is(err, ErrNoSpeaker), " ", err)
	}
	opened := time.Since(began)
	time.Sleep(time.Second)
	middle := s.Played()
	<-s.Done()
	return fmt.Sprintf("ended: %v; opened in %v, after a second %v heard, %v in all of %v", s.Err(), opened, middle, s.Played(), src.Duration())
}

func TestPlaysIntoTheLoudspeaker(t *testing.T) {
	env, _ := virtual(t)
	want := load(t, "../testdata/audio/cards_005.wav")
	best := 0.0
	for try := 0; try < 3 && best < 0.95; try++ { // a busy machine may stutter
		var heard bytes.Buffer
		rec := exec.Command("parec", "-d", "speaker.monitor", "--raw", "--rate=16000", "--channels=1", "--format=float32le", "--latency-msec=20")
		rec.Env, rec.Stdout = env, &heard
		if err := rec.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		c := exec.Command(os.Args[0])
		c.Env = append(env, "MIC_TEST_PLAY=../testdata/audio/cards_005.wav")
		var noise bytes.Buffer
		c.Stderr = &noise
		out, err := c.Output()
		time.Sleep(500 * time.Millisecond)
		rec.Process.Kill()
		rec.Wait()
		if err != nil || !strings.HasPrefix(string(out), "ended: <nil>;") || noise.Len() > 0 {
			t.Fatalf("%s, %v, and on standard error: %s", out, err, noise.String())
		}
		samples := make([]float32, heard.Len()/4)
		for i := range samples {
			samples[i] = math.Float32frombits(binary.LittleEndian.Uint32(heard.Bytes()[4*i:]))
		}
		got := correlation(want, samples)
		t.Logf("%s: correlation %.4f", strings.TrimSpace(string(out)), got)
		best = max(best, got)
	}
	if best < 0.95 {
		t.Errorf("correlation %.4f, want 0.95", best)
	}
}

func TestNoSpeaker(t *testing.T) {
	for _, conf := range []string{"pcm.gone { type hw card 99 }\n", ""} {
		path := filepath.Join(t.TempDir(), "alsa.conf")
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "MIC_TEST_PLAY=../testdata/audio/cards_005.wav", "ALSA_CONFIG_PATH="+path, "PULSE_SERVER=unix:/nonexistent")
		out, err := c.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "true ") {
			t.Errorf("%q: %s, %v", conf, out, err)
		}
	}
}
