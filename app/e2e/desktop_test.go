// Package e2e starts the real program on a virtual display with a virtual microphone and uses it as a person would, with keys,
// mouse, speech, and drag and drop.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// desktop is a display (Xvfb with a window manager) and a sound server whose default microphone records what play plays. All its
// processes are children of the test.
type desktop struct {
	t     *testing.T
	dir   string   // for files at run time
	shots string   // screenshots, kept as build output
	env   []string // for programs on this desktop
	sound *exec.Cmd
}

// patience is the time limit for a condition. It is long because it matters only if the program hangs.
const patience = 3 * time.Minute

// needs skips the test if a tool is missing, or fails it under SOBERANO_REQUIRE_DESKTOP.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "" {
				t.Fatalf("%s is missing: `make test` installs it", tool)
			}
			t.Skipf("%s is missing: `make test` installs it", tool)
		}
	}
}

// root returns the project's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// startDesktop starts the display, the window manager and the sound server.
func startDesktop(t *testing.T) *desktop {
	t.Helper()
	needs(t, "Xvfb", "openbox", "xdotool", "import", "xclip", "pulseaudio", "pactl", "paplay", "parec", "sox", "/usr/bin/python3")
	// Socket paths must be short (at most 108 bytes), so the folder is not in t.TempDir.
	dir, err := os.MkdirTemp("", "desktop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &desktop{t: t, dir: dir, shots: filepath.Join(root(t), "build", "e2e")}
	if err := os.MkdirAll(d.shots, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"home", "pulse"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.env = append(os.Environ(), "HOME="+filepath.Join(dir, "home"), "LANG=C.UTF-8", "NO_AT_BRIDGE=1", "LIBGL_ALWAYS_SOFTWARE=1")
	d.startDisplay()
	d.startSound()
	return d
}

func (d *desktop) startDisplay() {
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	x := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset", "+extension", "GLX", "+extension", "RANDR")
	x.ExtraFiles = []*os.File{w}
	d.background(x, "xvfb.log")
	w.Close()
	number, err := bufio.NewReader(r).ReadString('\n')
	r.Close()
	if err != nil {
		d.t.Fatalf("the display did not start: %v\n%s", err, d.log("xvfb.log"))
	}
	d.env = append(d.env, "DISPLAY=:"+strings.TrimSpace(number))
	d.background(exec.Command("openbox"), "openbox.log")
	// openbox owns properties of the root window when it is ready.
	d.until("the window manager to start", func() bool {
		out, _ := d.try("xprop", "-root", "_NET_SUPPORTING_WM_CHECK")
		return strings.Contains(out, "window id")
	})
}

func (d *desktop) startSound() {
	pulse := filepath.Join(d.dir, "pulse")
	d.write("alsa.conf", "pcm.default { type pulse hint { show on description \"pulse\" } }\nctl.default { type pulse }\n")
	d.write("default.pa", fmt.Sprintf(`load-module module-native-protocol-unix socket=%s/native auth-anonymous=1
load-module module-null-sink sink_name=speaker rate=48000 channels=2
load-module module-null-sink sink_name=micfeed rate=48000 channels=1 channel_map=mono
load-module module-remap-source source_name=virtmic master=micfeed.monitor channels=1 channel_map=mono
set-default-sink speaker
set-default-source virtmic
`, pulse))
	server := exec.Command("pulseaudio", "-n", "-F", filepath.Join(d.dir, "default.pa"), "--daemonize=no", "--exit-idle-time=-1",
		"--use-pid-file=no", "--disable-shm=yes")
	d.env = append(d.env, "PULSE_RUNTIME_PATH="+pulse, "PULSE_STATE_PATH="+pulse, "DBUS_SESSION_BUS_ADDRESS=",
		"PULSE_SERVER=unix:"+pulse+"/native", "ALSA_CONFIG_PATH="+filepath.Join(d.dir, "alsa.conf"), "JACK_NO_START_SERVER=1")
	d.sound = d.background(server, "pulse.log")
	d.until("the sound server to start", func() bool { _, err := d.try("pactl", "info"); return err == nil })
	// A process that records keeps the sink running at low latency; without it the first recording comes late and garbled.
	d.background(exec.Command("parec", "-d", "virtmic", "--latency-msec=20"), "")
	time.Sleep(2500 * time.Millisecond)
}

// background starts a process that is ended with the test.
func (d *desktop) background(cmd *exec.Cmd, log string) *exec.Cmd {
	d.t.Helper()
	cmd.Env = d.env
	if log != "" {
		f, err := os.Create(filepath.Join(d.dir, log))
		if err != nil {
			d.t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdout, cmd.Stderr = f, f
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatalf("%v: %v", cmd.Args, err)
	}
	d.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

func (d *desktop) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desktop) log(name string) string {
	b, _ := os.ReadFile(filepath.Join(d.dir, name))
	return string(b)
}

// try runs a tool on the desktop.
func (d *desktop) try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = d.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%s %v: %w\n%s", name, args, err, errs.String())
	}
	return out.String(), err
}

// run is try for a tool that must succeed.
func (d *desktop) run(name string, args ...string) string {
	d.t.Helper()
	out, err := d.try(name, args...)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// until waits for a condition.
func (d *desktop) until(what string, ok func() bool) {
	d.t.Helper()
	for end := time.Now().Add(patience); ; {
		if ok() {
			return
		}
		if time.Now().After(end) {
			d.shot("failed")
			d.t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// shot saves a picture of the screen.
func (d *desktop) shot(name string) {
	if _, err := d.try("import", "-window", "root", filepath.Join(d.shots, name+".png")); err != nil {
		d.t.Log(err)
	}
}

// key presses keys given by their X names, such as "ctrl+n".
func (d *desktop) key(keys ...string) {
	d.t.Helper()
	d.run("xdotool", append([]string{"key", "--clearmodifiers", "--delay", "60"}, keys...)...)
}

// text types plain ASCII.
func (d *desktop) text(s string) {
	d.t.Helper()
	d.run("xdotool", "type", "--delay", "25", s)
}

// selection returns the text that ctrl+a ctrl+c copies from the focused entry.
func (d *desktop) selection() string {
	d.key("ctrl+a", "ctrl+c")
	time.Sleep(200 * time.Millisecond)
	out, err := d.try("timeout", "5", "xclip", "-o", "-selection", "clipboard")
	if err != nil {
		return ""
	}
	d.key("End")
	return out
}

// play plays a sound file into the microphone and returns at its end.
func (d *desktop) play(file string) {
	d.t.Helper()
	d.run("paplay", "--device=micfeed", file)
}

// listeners returns the number of recording streams; some of them belong to the desktop.
func (d *desktop) listeners() int {
	d.t.Helper()
	return strings.Count(d.run("pactl", "list", "short", "source-outputs"), "\n")
}

// drop drags files from a real drag source and drops them at a point of a window.
func (d *desktop) drop(window string, at point, files ...string) {
	d.t.Helper()
	src := d.background(exec.Command("/usr/bin/python3", append([]string{"drop_source.py"}, files...)...), "drop.log")
	var id string
	d.until("the drag source's window", func() bool {
		out, err := d.try("xdotool", "search", "--onlyvisible", "--name", "^dragsource$")
		id = strings.TrimSpace(out)
		return err == nil && id != ""
	})
	if i := strings.LastIndex(id, "\n"); i >= 0 {
		id = id[i+1:]
	}
	d.run("xdotool", "windowraise", id, "sleep", "0.3", "mousemove", "--window", id, "60", "30", "sleep", "0.1", "mousedown", "1", "sleep", "0.1")
	for range 6 {
		d.run("xdotool", "mousemove_relative", "--", "6", "4", "sleep", "0.05")
	}
	for i := 6; i >= 0; i-- {
		d.run("xdotool", "mousemove", "--window", window, fmt.Sprint(at.x+i*10), fmt.Sprint(at.y+i*10), "sleep", "0.06")
	}
	d.run("xdotool", "sleep", "0.3", "mouseup", "1", "sleep", "0.5")
	d.until("the drop to be taken", func() bool { return strings.Contains(d.log("drop.log"), "taken") })
	src.Process.Kill()
}
