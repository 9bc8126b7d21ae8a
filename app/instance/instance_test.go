package instance

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/models"
)

// TestMain is also the main function of a process that takes the window of a folder and keeps it.
func TestMain(m *testing.M) {
	dir := os.Getenv("SOBERANO_INSTANCE_CHILD")
	if dir == "" {
		os.Exit(m.Run())
	}
	var r Request
	for _, path := range os.Args[1:] {
		r.Files = append(r.Files, models.Path(path))
	}
	w, err := Open(context.Background(), dir, r)
	switch {
	case err != nil:
		fmt.Println(err)
	case w == nil:
		fmt.Println("raised")
	default:
		w.Serve(func(r Request) string {
			fmt.Print("asked")
			for _, path := range r.Files {
				fmt.Print(" ", path)
			}
			fmt.Println()
			return Shown
		})
		fmt.Println("open")
		time.Sleep(time.Hour)
	}
	os.Exit(0)
}

// child starts a process that opens the window of dir, and returns its lines of output.
func child(t *testing.T, dir string, files ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], files...)
	cmd.Env = append(os.Environ(), "SOBERANO_INSTANCE_CHILD="+dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

func line(t *testing.T, s *bufio.Scanner, want string) {
	t.Helper()
	if !s.Scan() || s.Text() != want {
		t.Fatalf("got %q, want %q", s.Text(), want)
	}
}

// The second process hands its files over and ends; a process that was killed is in nobody's way; each folder has its own window.
func TestOneWindow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep er", "data")
	for range 2 {
		first, lines := child(t, dir)
		line(t, lines, "open")
		_, second := child(t, dir, "/a/talk with spaces.mp3", "/b/ü\n.gguf")
		line(t, second, "raised")
		line(t, lines, "asked /a/talk with spaces.mp3 /b/ü")
		line(t, lines, ".gguf")
		_, bytes := child(t, dir, "/c/bad\xff\xfeutf.wav")
		line(t, bytes, "raised")
		line(t, lines, "asked /c/bad\xff\xfeutf.wav")
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		_, third := child(t, link)
		line(t, third, "raised")
		_, other := child(t, t.TempDir())
		line(t, other, "open")
		if err := first.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = first.Wait()
	}
}

// Of many starts at once, one opens the window, and all others raise it.
func TestManyStartsAtOnce(t *testing.T) {
	dir := t.TempDir()
	var outputs []*bufio.Scanner
	for range 8 {
		_, s := child(t, dir)
		outputs = append(outputs, s)
	}
	var first []string
	for _, s := range outputs {
		s.Scan()
		first = append(first, s.Text())
	}
	slices.Sort(first)
	opened := slices.DeleteFunc(slices.Clone(first), func(s string) bool { return s != "open" })
	if len(opened) != 1 {
		t.Errorf("the starts say %q", first)
	}
}

// A start during the closing of the window waits, and has the window then. A window that does not answer is reported.
func TestStartWhileClosing(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(t.Context(), dir, Request{})
	if err != nil || w == nil {
		t.Fatal(w, err)
	}
	asked := make(chan Request, 100)
	reply := Closing
	w.Serve(func(r Request) string { asked <- r; return reply })
	next := make(chan *Window)
	go func() {
		w, err := Open(t.Context(), dir, Request{Files: []models.Path{"/a"}})
		if err != nil {
			t.Error(err)
		}
		next <- w
	}()
	if r := <-asked; !slices.Equal(r.Files, []models.Path{"/a"}) {
		t.Errorf("asked for %q", r.Files)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w = <-next; w == nil {
		t.Fatal("there is no window")
	}
	reply = "its window does not answer"
	w.Serve(func(Request) string { return reply })
	if _, err := Open(t.Context(), dir, Request{}); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("got %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// A request that comes before the window is open is kept.
func TestRequestWhileOpening(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(t.Context(), dir, Request{})
	if err != nil || w == nil {
		t.Fatal(w, err)
	}
	defer w.Close()
	if second, err := Open(t.Context(), dir, Request{Files: []models.Path{"/a"}}); err != nil || second != nil {
		t.Fatal(second, err)
	}
	asked := make(chan Request, 1)
	w.Serve(func(r Request) string { asked <- r; return Shown })
	if r := <-asked; !slices.Equal(r.Files, []models.Path{"/a"}) {
		t.Errorf("asked for %q", r.Files)
	}
}

// A folder that can't be written has windows all the same.
func TestFolderThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w, err := Open(t.Context(), dir, Request{})
		if err != nil || w == nil {
			t.Fatal(w, err)
		}
		defer w.Close()
	}
}
