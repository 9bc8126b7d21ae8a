package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"soberano/engine/arch/tiny"
	"soberano/models"
	"soberano/models/registry"
)

// endless returns the path of a tiny model whose answers at temperature 0 do not end: the end's logit is always 0.
func endless(t *testing.T) string {
	t.Helper()
	s := tiny.New("llama")
	s.Meta["llama.context_length"] = uint64(1 << 16)
	for _, w := range s.Tensors {
		if w.Name == "token_embd.weight" {
			for _, end := range []int{tiny.End, tiny.Vocabulary - 1} { // </s> and <|im_end|>
				clear(w.Data[end*tiny.Dim*4:][:tiny.Dim*4])
			}
		}
	}
	return s.Write(t)
}

// In a terminal Ctrl+C ends an answer, and the chat goes on; where none is being written it ends the chat.
func TestInterruptInTerminal(t *testing.T) {
	home(t)
	p := inTerminal(t, program(t, "chat", "-m", endless(t), "--temp", "0", "--ctx", "65536"))
	for n := 1; n <= 2; n++ {
		p.await("\n> ", n)
		before := len(p.written())
		p.enter("hello\n")
		p.awaitMore(before + 40)
		p.enter("\x03")
		p.await("Stopped.", n)
	}
	p.await("\n> ", 3)
	p.enter("\x03")
	text, code := p.end()
	if code != 0 || strings.Contains(text, "interrupted") {
		t.Errorf("exit code %d: %q", code, text)
	}
}

// A password is typed without echo, and asked for again if it is wrong.
func TestPasswordInTerminal(t *testing.T) {
	home(t)
	file, out := filepath.Join(t.TempDir(), "password"), filepath.Join(t.TempDir(), "m.apr")
	if err := os.WriteFile(file, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, notes, code := run(t, nil, "models", "convert", tiny.New("llama").Write(t), out, "--encrypt", "--password-file", file); code != 0 {
		t.Fatal(notes)
	}
	p := inTerminal(t, program(t, "tokenize", "-m", out, "--json", "a"))
	for n, typed := range []string{"wrong", "sesame"} {
		p.await("Password of", n+1)
		p.enter(typed + "\n")
	}
	text, code := p.end()
	if code != 0 || !strings.Contains(text, "has another password") || strings.Contains(text, "wrong") || strings.Contains(text, "sesame") {
		t.Errorf("exit code %d: %q", code, text)
	}
	p = inTerminal(t, program(t, "tokenize", "-m", out, "--json", "a"))
	p.await("Password of", 1)
	p.enter("\x03")
	if text, code := p.end(); code != 1 || lastLine(text) != "soberano: interrupted" {
		t.Errorf("after Ctrl+C: exit code %d: %q", code, text)
	}
}

// The handler takes one interrupt: a second one ends the chat even if the answer has not ended yet.
func TestInterruptTwice(t *testing.T) {
	in := &interrupts{}
	ctx := context.WithValue(t.Context(), interruptsKey{}, in)
	part, release := interruptible(ctx)
	if !in.handle(os.Interrupt) || part.Err() == nil || ctx.Err() != nil {
		t.Error("the first interrupt does not end the answer alone")
	}
	if in.handle(os.Interrupt) {
		t.Error("the second interrupt has no effect")
	}
	release()
	if in.handle(os.Interrupt) {
		t.Error("an interrupt has no effect after the answer")
	}
}

// An interrupt of a chat that is not typed, or of a single answer, ends it, and the exit code tells it.
func TestInterruptOfPipe(t *testing.T) {
	home(t)
	model := endless(t)
	for _, args := range [][]string{{"--lines"}, {"-p", "hello"}} {
		cmd := program(t, append([]string{"chat", "-m", model, "--temp", "0", "--ctx", "65536"}, args...)...)
		cmd.Stdin = strings.NewReader("hello\nhello\n")
		p := inTerminal(t, cmd)
		p.awaitMore(200)
		p.enter("\x03")
		if text, code := p.end(); code != 1 || lastLine(text) != "soberano: interrupted" {
			t.Errorf("%q: exit code %d: %q", args, code, text[max(0, len(text)-200):])
		}
	}
}

// Control characters that a model writes, or that names and metadata of files hold, are shown in a terminal and not obeyed.
// The tiny model writes any bytes.
func TestTerminalIsNotObeyed(t *testing.T) {
	home(t)
	title := endless(t)
	evil := hostile(t, "evil\x1b[31m\u202e\u009b.gguf")
	lib, err := openLibrary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lib.Import(t.Context(), evil, registry.Link, registry.ImportOptions{}, nil); err != nil { // as an earlier version has added it
		t.Fatal(err)
	}
	for _, args := range [][]string{{"chat", "-m", title, "-p", "hi", "-n", "400", "--temp", "0"}, {"chat", "-m", title, "-p", "hi", "-n", "400", "--temp", "0", "--json"}, {"models", "show", title},
		{"models", "show", evil}, {"models", "show", "--json", evil}, {"models", "verify", evil}, {"models", "verify", "--json", evil}, {"models", "import", "--link", evil}, {"models", "list"}, {"models", "list", "--json"},
		{"models", "show", "evil-31m"}, {"models", "show", "evil-31m", "--json"}, {"models", "verify"}, {"doctor"}, {"doctor", "--json"},
		{"logits", "-m", title, "-p", "hi"}, {"chat", "-m", evil, "-p", "hi"}, {"transcribe", evil}, {"tokenize", "\x1b]0;x\a", "-m", evil}} {
		p := inTerminal(t, program(t, args...))
		text, _ := p.end()
		text = strings.ReplaceAll(text, "\r\n", "\n")
		if i := strings.IndexFunc(text, func(r rune) bool {
			return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f || r >= 0x80 && r < 0xa0 || models.Directs(r)
		}); i >= 0 || text == "" {
			t.Errorf("%.80q: %.300q", args, text[max(0, i-20):])
		}
	}
}

// Into a pipe, what a model writes is exact.
func TestPipeIsExact(t *testing.T) {
	home(t)
	out, notes, code := run(t, nil, "chat", "-m", endless(t), "-p", "hi", "-n", "400", "--temp", "0")
	if code != 0 || strings.IndexFunc(out, func(r rune) bool { return r < ' ' && r != '\n' }) < 0 || strings.ContainsAny(out, "␀␁␂␛␡") {
		t.Errorf("%d %q %s", code, out, notes)
	}
}

// An interrupted import says so and leaves nothing behind.
func TestInterruptedImport(t *testing.T) {
	home(t)
	large := tiny.New("llama")
	large.Float32()
	for _, x := range slices.Clone(large.Tensors) { // a thousand layers
		rest, ok := strings.CutPrefix(x.Name, "blk.2.")
		for i := 3; ok && i < 1000; i++ {
			x.Name = fmt.Sprintf("blk.%d.%s", i, rest)
			large.Tensors = append(large.Tensors, x)
		}
	}
	large.Meta["llama.block_count"] = uint64(1000)
	p := inTerminal(t, program(t, "models", "import", "--copy", large.Write(t)))
	p.await("copying", 2)
	p.enter("\x03")
	text, code := p.end()
	if code != 1 || lastLine(text) != "soberano: the import was interrupted; nothing was added to the library" {
		t.Errorf("exit code %d: %q", code, text)
	}
	left, err := os.ReadDir(filepath.Join(os.Getenv("SOBERANO_HOME"), "models"))
	if err != nil || len(left) != 1 || left[0].Name() != ".lock" {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// While a stopped process holds the library's lock, every verb that reads works at once, and one that writes names the process.
func TestLockedLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every verb several times, each in one goroutine")
	}
	home(t)
	model := tiny.New("llama").Write(t)
	if out, code := verb(t, "", "models", "import", "--name", "m", model); code != 0 {
		t.Fatal(out)
	}
	f, err := os.OpenFile(filepath.Join(os.Getenv("SOBERANO_HOME"), "models", ".lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command("sleep", "60")
	holder.ExtraFiles = []*os.File{f}
	if err := errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_EX), holder.Start(), f.Close(), holder.Process.Signal(syscall.SIGSTOP)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	}()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("some words ", 30)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range reading {
		for _, name := range []string{model, "m"} {
			began, busy := time.Now(), processorTime(t)
			out, notes, code := run(t, nil, strings.Fields(strings.ReplaceAll(strings.ReplaceAll(args, "MODEL", name), "TEXT", text))...)
			if waited := time.Since(began) - (processorTime(t) - busy); code != 0 || waited > 4*time.Second {
				t.Errorf("%s: exit code %d, waited %v: %s%s", args, code, waited, out, notes)
			}
		}
	}
	want := fmt.Sprintf("sleep (process %d), which is stopped, has locked it", holder.Process.Pid)
	if _, notes, code := run(t, nil, "models", "remove", "m"); code != 1 || !strings.Contains(notes, want) {
		t.Errorf("remove: exit code %d: %s, expected %s", code, notes, want)
	}
}

// processorTime returns the processor time that the test has taken.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
