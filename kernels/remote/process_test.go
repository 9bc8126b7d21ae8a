package remote

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/devicetest"
)

// serves is set in the child processes of tests.
const serves = "SOBERANO_TEST_SERVES"

func TestMain(m *testing.M) {
	if os.Getenv(serves) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child serves a device of the CPU.
func child() error {
	conn, err := Standard()
	if err != nil {
		return err
	}
	fmt.Println("a driver writes to standard output")
	dev, err := cpu.New(cpu.Options{Threads: 1, Exact: true})
	if err != nil {
		return err
	}
	return Serve(conn, dev, ServeOptions{}, func() { os.Exit(0) })
}

// inChild returns a device that is served in a child process.
func inChild(t testing.TB, o Options) (kernels.Device, *process) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), serves+"=1")
	conn, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(conn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, conn.(*process)
}

// TestProcess checks that a device in a child process computes, and that the child ends with it.
func TestProcess(t *testing.T) {
	d, p := inChild(t, Options{})
	for range 2 {
		if x, err := scale(d); err != nil || x[3] != 8 {
			t.Fatalf("a step: %v, %v", x, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if !p.ended() || !p.cmd.ProcessState.Success() {
		t.Errorf("the child process has not ended properly: %v", p.cmd.ProcessState)
	}
}

// TestKilled checks that everything fails after the child process was killed.
func TestKilled(t *testing.T) {
	d, p := inChild(t, Options{})
	w := devicetest.RandomWeights(devicetest.Rand(), 0, 8, 64)
	m, err := d.Load(w)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := scale(d); !errors.Is(err, ErrEnded) {
		t.Errorf("a step: %v", err)
	}
	if _, err := d.Load(w); !errors.Is(err, ErrEnded) {
		t.Errorf("a matrix: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("closing a matrix: %v", err)
	}
}

// TestEndsWithInput checks that a child whose input ends does so too.
func TestEndsWithInput(t *testing.T) {
	_, p := inChild(t, Options{})
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	if state, err := p.cmd.Process.Wait(); err != nil || !state.Success() {
		t.Errorf("the child process: %v, %v", state, err)
	}
}

// TestManySteps checks that the child process has room for many more steps than it keeps.
func TestManySteps(t *testing.T) {
	d, _ := inChild(t, Options{Timeout: 30 * time.Second})
	for i := range 500 {
		if x, err := scale(d); err != nil || x[0] != 2 {
			t.Fatalf("step %d: %v, %v", i, x, err)
		}
	}
}
