//go:build cgo && linux

package mic

// A virtual microphone: a PulseAudio of the test with a null sink whose monitor is the default
// source. Stream.Read has to return what is played into the sink.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"soberano/asr/audio"
)

// The test program runs itself to capture: the environment that ALSA reads is fixed at start.
func TestMain(m *testing.M) {
	switch out := os.Getenv("MIC_TEST_CAPTURE"); out {
	case "":
		os.Exit(m.Run())
	case "none":
		none()
	default:
		record(out)
	}
}

// none prints the errors of Devices and Open.
func none() {
	began := time.Now()
	_, err := Devices()
	_, err2 := Open("")
	fmt.Println(errors.Is(err, ErrNone), errors.Is(err2, ErrNone), time.Since(began) < time.Minute, err)
}

// record captures the default microphone until standard input ends, to a WAV.
func record(out string) {
	list, err := Devices()
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	if _, err := Open("no such thing"); err == nil || !strings.Contains(err.Error(), list[0].Name) {
		fmt.Println("failed: opening a name that does not exist:", err)
		return
	}
	s, err := Open("")
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		s.Close()
	}()
	var all []float32
	var top float32
	p := make([]float32, 320)
	for err == nil {
		var n int
		if n, err = s.Read(context.Background(), p); n > 0 && len(all) == 0 {
			fmt.Println("capturing", s.Device)
		}
		all = append(all, p[:n]...)
		top = max(top, s.Level())
	}
	f, ferr := os.Create(out)
	if ferr == nil {
		ferr = errors.Join(audio.WriteWAV(f, Rate, all), f.Close())
	}
	fmt.Printf("ended: %v; %d samples, peak %.2f, %d overflows, %v\n", err, len(all), top, s.Overflows(), ferr)
}

// virtual starts PulseAudio; it returns the environment of its clients and the process.
func virtual(t *testing.T) ([]string, *exec.Cmd) {
	t.Helper()
	for _, tool := range []string{"pulseaudio", "pactl", "paplay", "parec"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("SOBERANO_REQUIRE_DESKTOP") == "1" {
				t.Fatalf("%s is missing (apt-get install pulseaudio pulseaudio-utils libasound2-plugins)", tool)
			}
			t.Skipf("SKIPPED: %s is missing, so there is no virtual microphone", tool)
		}
	}
	dir, err := os.MkdirTemp("", "mic") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	alsa := write("alsa.conf", "pcm.default { type pulse hint { show on description \"pulse\" } }\nctl.default { type pulse }\n")
	script := write("default.pa", "load-module module-native-protocol-unix socket="+dir+`/native auth-anonymous=1
load-module module-null-sink sink_name=speaker rate=48000 channels=2
load-module module-null-sink sink_name=micfeed rate=48000 channels=1 channel_map=mono
load-module module-remap-source source_name=virtmic master=micfeed.monitor channels=1 channel_map=mono
set-default-sink speaker
set-default-source virtmic
`)
	env := append(os.Environ(), "HOME="+dir, "PULSE_RUNTIME_PATH="+dir, "PULSE_STATE_PATH="+dir, "DBUS_SESSION_BUS_ADDRESS=",
		"PULSE_SERVER=unix:"+dir+"/native", "ALSA_CONFIG_PATH="+alsa)
	server := exec.Command("pulseaudio", "-n", "-F", script, "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes", "--log-target=file:"+dir+"/log")
	background(t, env, server)
	client := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(name, args...)
		c.Env = env
		return c
	}
	wait(t, "PulseAudio", func() bool { return client("pactl", "info").Run() == nil })
	// Keeps the null sink awake with low latency; the first capture would start late and garbled.
	awake := exec.Command("parec", "-d", "virtmic", "--latency-msec=20", "--raw")
	flowing := &counter{}
	awake.Stdout = flowing
	background(t, env, awake)
	wait(t, "a flowing source", func() bool { return flowing.n.Load() > 2*2*48000 })
	return env, server
}

// counter counts what is written to it.
type counter struct{ n atomic.Int64 }

func (c *counter) Write(p []byte) (int, error) { c.n.Add(int64(len(p))); return len(p), nil }

// background starts a program that ends with the test.
func background(t *testing.T, env []string, c *exec.Cmd) {
	t.Helper()
	c.Env = env
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
}

// capture is a running capture process.
type capture struct {
	in     io.Closer
	lines  *bufio.Scanner
	cmd    *exec.Cmd
	stderr bytes.Buffer
	wav    string
}

// startCapture runs this program as record and waits for the first samples.
func startCapture(t *testing.T, env []string) *capture {
	t.Helper()
	c := &capture{wav: filepath.Join(t.TempDir(), "heard.wav"), cmd: exec.Command(os.Args[0])}
	c.cmd.Stderr = &c.stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in, c.lines = in, bufio.NewScanner(out)
	background(t, append(env, "MIC_TEST_CAPTURE="+c.wav), c.cmd)
	if line := c.line(); !strings.HasPrefix(line, "capturing") {
		t.Fatalf("no capture: %s; %s", line, c.stderr.String())
	}
	return c
}

func (c *capture) line() string { c.lines.Scan(); return c.lines.Text() }

// end waits for the process and returns its last line.
func (c *capture) end() string {
	last := c.line()
	c.cmd.Wait()
	return last
}

func TestHearsWhatIsPlayed(t *testing.T) {
	env, _ := virtual(t)
	want := load(t, "../testdata/audio/cards_005.wav")
	best := 0.0
	for try := 0; try < 3 && best < 0.95; try++ { // a busy machine may stutter
		c := startCapture(t, env)
		play := exec.Command("paplay", "--device=micfeed", "../testdata/audio/cards_005.wav")
		play.Env = env
		if out, err := play.CombinedOutput(); err != nil {
			t.Fatalf("paplay: %v: %s", err, out)
		}
		time.Sleep(700 * time.Millisecond) // what is still on its way
		c.in.Close()
		end := c.end()
		if !strings.HasPrefix(end, "ended: EOF;") || !strings.HasSuffix(end, "<nil>") {
			t.Fatal(end)
		}
		if c.stderr.Len() > 0 {
			t.Errorf("noise on standard error: %s", c.stderr.String())
		}
		got := correlation(want, load(t, c.wav))
		t.Logf("%s: correlation %.4f", end, got)
		best = max(best, got)
	}
	if best < 0.95 {
		t.Errorf("correlation %.4f, want 0.95", best)
	}
}

// When the sound server is killed, the stream ends with an error, and what was captured before is kept.
func TestMicrophoneVanishes(t *testing.T) {
	env, server := virtual(t)
	c := startCapture(t, env)
	time.Sleep(300 * time.Millisecond)
	server.Process.Kill()
	end := c.end()
	if !strings.HasPrefix(end, "ended: mic: ") || !strings.Contains(end, "stopped") || strings.Contains(end, "; 0 samples") {
		t.Errorf("%s; %s", end, c.stderr.String())
	}
	t.Log(end)
}

// A configuration whose only device does not exist, and an empty one, with which PortAudio itself
// would crash.
func TestNoMicrophone(t *testing.T) {
	for _, conf := range []string{"pcm.gone { type hw card 99 }\n", ""} {
		path := filepath.Join(t.TempDir(), "alsa.conf")
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "MIC_TEST_CAPTURE=none", "ALSA_CONFIG_PATH="+path, "PULSE_SERVER=unix:/nonexistent")
		var noise bytes.Buffer
		c.Stderr = &noise
		out, err := c.Output()
		if err != nil || !strings.HasPrefix(string(out), "true true true") || noise.Len() > 0 {
			t.Errorf("%q: %s, %v, and on standard error: %s", conf, out, err, noise.String())
		}
	}
}

func load(t *testing.T, path string) []float32 {
	t.Helper()
	s, err := audio.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []float32
	p := make([]float32, 4096)
	for {
		n, err := s.Read(p)
		all = append(all, p[:n]...)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// correlation returns the largest normalised cross-correlation of want within got: the position is
// found by half a second of want, then all of want is compared around it.
func correlation(want, got []float32) float64 {
	probe := want[Rate : Rate+Rate/2]
	place, best := 0, -1.0
	for at := 0; at+len(probe) <= len(got); at++ {
		if c := normal(probe, got[at:]); c > best {
			place, best = at-Rate, c
		}
	}
	// the rest at four times the rate, since the two clocks tick at different moments
	from := max(0, place-2)
	fine, heard := finer(want), finer(got[from:min(len(got), place+len(want)+100)])
	best = 0
	for at := 0; at <= 16 && at+len(fine) <= len(heard); at++ {
		best = max(best, normal(fine, heard[at:]))
	}
	return best
}

func finer(x []float32) []float32 {
	r := audio.NewResampler(Rate, 4*Rate)
	return append(slices.Clone(r.Push(x)), r.Flush()...)
}

func normal(a, b []float32) float64 {
	var ab, bb, aa float32
	for i, v := range a {
		ab += v * b[i]
		aa += v * v
		bb += b[i] * b[i]
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb)+1e-12)
}
