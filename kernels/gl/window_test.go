//go:build linux && cgo

package gl

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"soberano/kernels/quant"
)

// windowVariable makes a process of the tests one that runs inWindow.
const windowVariable = "SOBERANO_TEST_WINDOW"

// TestMain is also the main function of the process of TestWindow: GLFW wants the main thread.
func TestMain(m *testing.M) {
	if os.Getenv(windowVariable) == "" {
		os.Exit(m.Run())
	}
	if err := inWindow(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// inWindow runs some of the self-check's kernels in the context of a hidden window, twice, and prints the driver's name.
func inWindow() error {
	list, err := List()
	if err != nil || len(list) != 1 || list[0].Error != nil {
		return fmt.Errorf("listed %+v, %v", list, err)
	}
	for range 2 {
		g, err := Open(0)
		if err != nil {
			return err
		}
		if g.window == nil {
			return errors.New("the context has no window")
		}
		d, err := New(Options{GPU: g})
		if err != nil {
			return err
		}
		c := checker{d: d, r: rand.New(rand.NewPCG(3, 5))}
		c.product(quant.Q4_K)
		c.product(quant.Q4_0)
		c.norm()
		c.attention()
		if err := errors.Join(c.err, d.Close(), g.Close(), g.Close()); err != nil {
			return err
		}
	}
	fmt.Println("runs on", list[0].Renderer)
	return nil
}

// display starts an X server without a screen and returns its name; it ends with the test.
func display(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("Xvfb")
	switch {
	case err != nil && os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(path, "-displayfd", "3", "-screen", "0", "320x240x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb does not start: %v", err)
	}
	return ":" + strings.TrimSpace(line)
}

// TestWindow checks that a hidden window's context is used where EGL has none, that it computes what the host computes, and that without a display
// there is an error.
func TestWindow(t *testing.T) {
	run := func(display string) (string, error) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), windowVariable+"=1", "__EGL_VENDOR_LIBRARY_DIRS="+t.TempDir(), "DISPLAY="+display, "WAYLAND_DISPLAY=")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(""); err == nil || !strings.Contains(out, "there is no display") {
		t.Errorf("without a display: %v, %s", err, out)
	}
	if out, err := run(display(t)); err != nil || !strings.Contains(out, "runs on ") {
		t.Errorf("%v: %s", err, out)
	}
}
