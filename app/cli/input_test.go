package cli

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"soberano/engine"
	"soberano/engine/arch/tiny"
)

// echoing returns the path of a tiny model whose template writes each message as “<role>text”, so that the number of tokens of a
// prompt tells which messages it holds.
func echoing(t *testing.T) string {
	t.Helper()
	s := tiny.New("llama")
	s.Meta["tokenizer.chat_template"] = "{% for m in messages %}{{ m.content }}{% endfor %}"
	return s.Write(t)
}

// What is piped into standard input is one message, alone or below the text of -p; with --lines each line is one.
func TestPipedText(t *testing.T) {
	home(t)
	model := echoing(t)
	tokens := func(text string) int {
		out, _ := verb(t, "", "chat", "-m", model, "-p", text, "-n", "1", "--temp", "0", "--json")
		var a chatAnswer
		decode(t, out, &a)
		return a.PromptTokens
	}
	for _, c := range []struct {
		in   string
		args []string
		want string // the whole message
	}{
		{"one\ntwo\n\nthree\n", nil, "one\ntwo\n\nthree"},
		{"  /quit\n/new\r\n", nil, "  /quit\n/new"},
		{"one\ntwo\n", []string{"-p", "-"}, "one\ntwo"},
		{"one\ntwo\n", []string{"-p", "Sum up:"}, "Sum up:\n\none\ntwo"},
		{"one\ntwo\n", []string{"-p", ""}, "one\ntwo"},
		{"", []string{"-p", "Sum up:"}, "Sum up:"},
		{" two\n", []string{"-p", "one", "--raw"}, "one two"},
		{"one\n", []string{"--raw"}, "one"},
	} {
		out, code := verb(t, c.in, append([]string{"chat", "-m", model, "-n", "1", "--temp", "0", "--json"}, c.args...)...)
		if code != 0 {
			t.Errorf("%q with %q: exit code %d", c.in, c.args, code)
			continue
		}
		var a chatAnswer
		decode(t, out, &a)
		if want := tokens(c.want); a.PromptTokens != want {
			t.Errorf("%q with %q: a prompt of %d tokens, expected %d of %q", c.in, c.args, a.PromptTokens, want, c.want)
		}
	}
	out, code := verb(t, "one\n\ntwo\n", "chat", "-m", model, "-n", "3", "--temp", "0", "--lines")
	first, _ := verb(t, "one", "chat", "-m", model, "-n", "3", "--temp", "0")
	if code != 0 || !strings.HasPrefix(out, first) || len(out) <= len(first) {
		t.Errorf("--lines: %d %q, expected the answer %q and another", code, out, first)
	}
}

// An input that never ends beside -p is told of, and an interrupt ends the wait.
func TestEndlessInput(t *testing.T) {
	home(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd := program(t, "chat", "-m", echoing(t), "-p", "hello")
	cmd.Stdin = r
	notes, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(notes).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "Reading text from standard input") {
		t.Errorf("%q, %v", line, err)
	}
	if runtime.GOOS == "windows" {
		_ = cmd.Process.Kill()
	} else if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is checked
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
}

// Where there is nothing to answer, or flags contradict each other, nothing is answered.
func TestPipedNothing(t *testing.T) {
	home(t)
	for _, c := range []struct {
		in, args string
		code     int
	}{
		{"", "chat", 2}, {"\n", "chat -m nobody", 2}, {"", "chat -p -", 2}, {"", "chat --raw --lines", 2}, {"", "chat --prompt=", 2}, {" \n", "chat --prompt=", 2}, {"", "chat --prompt= --raw", 2}, {"", "chat -p x -n 0", 2}, {"", "chat --json --lines", 2},
		{"x", "chat --lines -p x", 2}, {"x", "chat --raw --system x", 2}, {strings.Repeat("x", maxPiped+1), "chat", 1},
	} {
		if out, code := verb(t, c.in, strings.Fields(c.args)...); code != c.code || out != "" {
			t.Errorf("%q of %.10q: exit code %d, expected %d (%q)", c.args, c.in, code, c.code, out)
		}
	}
}

// A message that does not fit into the context is refused, the others are answered, and the exit code tells it.
func TestRefusedMessage(t *testing.T) {
	home(t)
	model := echoing(t)
	out, code := verb(t, "hello\n"+strings.Repeat("long ", 100)+"\n/new\nhello\n", "chat", "-m", model, "-n", "3", "--temp", "0", "--lines", "--ctx", "128")
	answer, _ := verb(t, "", "chat", "-m", model, "-n", "3", "--temp", "0", "-p", "hello")
	if code != 1 || strings.Count(out, answer) != 2 {
		t.Errorf("%d %q, expected the answer %q twice", code, out, answer)
	}
}

// A new chat is advised for a message that does not fit only where the message alone would fit.
func TestAdviceForLongMessage(t *testing.T) {
	for _, c := range []struct {
		message int
		want    string
	}{{100, "\n/new begins a new chat."}, {128, ""}} {
		if got := advice(&engine.ContextError{Prompt: 200, Message: c.message, Context: 128}); got != c.want {
			t.Errorf("%d tokens: %q", c.message, got)
		}
	}
}

// A text or a list of words that never ends is refused.
func TestEndlessText(t *testing.T) {
	if _, err := readText(endlessReader{}, 1000); err == nil || !strings.Contains(err.Error(), "longer than 1 kB") {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(path, make([]byte, maxVocabulary+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := vocabulary([]string{"@" + path}); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

type endlessReader struct{}

func (endlessReader) Read(b []byte) (int, error) { return len(b), nil }

// Zero is a seed like every other: two answers with it are equal.
func TestSeedZero(t *testing.T) {
	home(t)
	model := tiny.New("llama").Write(t)
	answers := map[string]int{}
	for range 4 {
		for _, seed := range []string{"0", "1"} {
			out, code := verb(t, "", "chat", "-m", model, "-p", "hello", "-n", "40", "--temp", "2", "--seed", seed)
			if code != 0 {
				t.Fatal(out)
			}
			answers[out]++
		}
	}
	if len(answers) != 2 {
		t.Errorf("two seeds gave %d answers: %v", len(answers), answers)
	}
}

// A value that is no number, or out of range, is wrong usage for every flag that takes a number.
func TestNumbers(t *testing.T) {
	home(t)
	bad := map[string]string{
		"chat -p x": "--temp --tokens --ctx --threads --seed", "logits -p x": "--top --ctx --threads --tokens",
		"perplexity x": "--ctx --chunks --threads", "bench -m x": "--threads --prompt --tokens --depth --rounds --after",
		"dictate": "--threads", "transcribe x": "--threads --beam --patience --best-of --temperature --compression-threshold --no-speech-threshold --suppress --max-initial",
	}
	for verbs, flags := range bad {
		for _, flag := range strings.Fields(flags) {
			for _, value := range []string{"NaN", "nan", "Inf", "+Inf", "-Inf", "-1", "x", "", "1e999", "99999999999999999999999999"} {
				if strings.HasSuffix(flag, "-threshold") && strings.HasPrefix(value, "999") || verbs == "transcribe x" && (flag == "--temperature" || flag == "--suppress") && value == "" {
					continue
				}
				if out, code := verb(t, "", append(strings.Fields(verbs), flag+"="+value)...); code != 2 {
					t.Errorf("%s %s=%s: exit code %d (%s)", verbs, flag, value, code, out)
				}
			}
		}
	}
	for _, args := range []string{"transcribe --length-penalty=NaN x", "transcribe --logprob-threshold=NaN x", "transcribe --logprob-threshold=1 x", "chat --seed=-1 -p x"} {
		if out, code := verb(t, "", strings.Fields(args)...); code != 2 {
			t.Errorf("%s: exit code %d (%s)", args, code, out)
		}
	}
}

// A write that fails ends every verb with exit code 1 and a reason; a reader that has gone ends it without a word.
func TestFailedWrites(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no /dev/full")
	}
	home(t)
	model := tiny.New("llama").Write(t)
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("some words ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, notes, code := run(t, nil, "models", "import", "--name", "tiny", model); code != 0 {
		t.Fatal(notes)
	}
	for _, args := range []string{"--help", "--version", "help chat", "chat --help", "chat -m tiny -p hello -n 5", "chat -m tiny -p hello -n 5 --json", "chat -m tiny --lines",
		"models list", "models list --json", "models show tiny", "models verify", "models verify --json", "models import " + model, "tokenize -m tiny hello", "tokenize -m tiny --json hello",
		"logits -m tiny -p hello", "logits -m tiny --json -p hello", "perplexity -m tiny --ctx 32 --chunks 2 " + text, "bench -m tiny -p 4 -n 2 -r 1 -t 1", "doctor", "doctor --json", "licenses",
		"completion bash", "models remove tiny"} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip("NOT TESTED: ", err)
		}
		cmd := program(t, strings.Fields(args)...)
		cmd.Stdin = strings.NewReader("hello\nhello\n")
		var notes strings.Builder
		cmd.Stdout, cmd.Stderr = full, &notes
		_ = cmd.Run() // the exit code is checked
		if code := cmd.ProcessState.ExitCode(); code != 1 || lastLine(notes.String()) != "soberano: the output can't be written: no space left on device" {
			t.Errorf("%s: exit code %d, %q", args, code, notes.String())
		}
		full.Close()
	}
	for _, args := range []string{"licenses", "--help"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd := program(t, args)
		var notes strings.Builder
		cmd.Stdout, cmd.Stderr = w, &notes
		if err := cmd.Run(); err == nil || notes.String() != "" {
			t.Errorf("%s into a closed pipe: %v, %q", args, err, notes.String())
		}
		w.Close()
	}
}

// Without a seed each answer is another one.
func TestNoSeed(t *testing.T) {
	home(t)
	m := tiny.New("llama").Write(t)
	a, _ := verb(t, "", "chat", "-m", m, "-p", "hello", "-n", "60", "--temp", "2")
	b, _ := verb(t, "", "chat", "-m", m, "-p", "hello", "-n", "60", "--temp", "2")
	if a == b {
		t.Errorf("two answers without a seed are equal: %q", a)
	}
}
