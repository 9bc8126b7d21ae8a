package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels/cpu"
	"soberano/models/defaults"
)

// verb runs a command in this process, as Main does, and returns its output and its exit code.
func verb(t *testing.T, in string, args ...string) (string, int) {
	t.Helper()
	root := command(nil)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(io.Discard)
	root.SetIn(strings.NewReader(in))
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	if err == nil {
		return out.String(), 0
	}
	t.Logf("%v: %v", args, err)
	if _, ok := errors.AsType[usageError](err); ok {
		return out.String(), 2
	}
	return out.String(), 1
}

// home gives the test an empty library of its own.
func home(t *testing.T) {
	t.Helper()
	t.Setenv("SOBERANO_HOME", t.TempDir())
}

// decode reads JSON strictly into v.
func decode(t *testing.T, text string, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func TestExitCodes(t *testing.T) {
	home(t)
	missing := filepath.Join(t.TempDir(), "missing.gguf")
	for _, c := range []struct {
		args string
		code int
	}{
		{"", 1}, // no window in this build
		{"--help", 0},
		{"--version", 0},
		{"chat --help", 0},
		{"help models import", 0},
		{"help nosuch", 2},
		{"help chat now", 2},
		{"completion bash", 0},
		{"chat -m= -p hello", 2},
		{"chat --raw -p= -m " + missing, 2},
		{"logits --raw -p= -m " + missing, 2},
		{"perplexity .", 1},
		{"sing", 2},
		{"--loud", 2},
		{"chat now", 2},
		{"chat --json", 2},
		{"chat --raw", 2},
		{"chat -n -3 -p x", 2},
		{"chat -n many", 2},
		{"chat -p hello", 1}, // no model
		{"chat -m " + missing + " -p hello", 2},
		{"transcribe", 2},
		{"transcribe --format pdf x.wav", 2},
		{"models", 2},
		{"models list", 0},
		{"models import", 2},
		{"models import " + missing, 1},
		{"models show nobody", 1},
		{"models remove nobody", 1},
		{"models verify", 0},
		{"models verify nobody", 1},
		{"tokenize", 2},
		{"logits -m x", 2},
		{"logits -m x -p a --tokens 1", 2},
		{"logits -m x -p a --top 0", 2},
		{"perplexity", 2},
		{"perplexity --ctx 1 x", 2},
		{"bench", 2},
		{"bench -m x -r 0", 2},
		{"bench -m x -d -1", 2},
		{"bench -m x --kernels", 2},
		{"bench --limits -t 1", 0},
		{"bench clip.wav", 2},
		{"bench --dictation", 1}, // no model
		{"bench -m nobody", 2},
		{"dictate", 1},
		{"dictate --vocabulary @nothing", 2},
		{"dictate --toggle --json", 2},
		{"dictate -l xx", 2},
		{"transcribe --threads -3 x.wav", 2},
		{"transcribe --threads abc x.wav", 2},
		{"transcribe --model nosuch x.wav", 2},
		{"transcribe --language xx x.wav", 2},
		{"transcribe --language German --beam 9 x.wav", 2},
		{"transcribe --temperature 3 x.wav", 2},
		{"transcribe --suppress -1 x.wav", 2},
		{"transcribe --vocabulary @nothing x.wav", 2},
		{"transcribe --model nosuch nosuch.wav", 2},
	} {
		if out, code := verb(t, "", strings.Fields(c.args)...); code != c.code {
			t.Errorf("%q: exit code %d, expected %d (%s)", c.args, code, c.code, out)
		}
	}
}

// A word in the place of a verb that looks like a path is a file that does not exist.
func TestMissingFile(t *testing.T) {
	home(t)
	t.Chdir(folder(t, map[string][]byte{"there.wav": nil}))
	for _, name := range []string{"nosuch.wav", "nosuch.gguf", "report.pdf", filepath.Join("nowhere", "talk")} {
		root := command(func(context.Context, []string) error { return errors.New("the window opens") })
		root.SetArgs([]string{"there.wav", name})
		_, err := root.ExecuteContextC(t.Context())
		if _, usage := errors.AsType[usageError](err); err == nil || usage || errorText(err) != name+": There is no such file." {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A usage error names the mistake, and the correct word if it is similar.
func TestUsageIsTold(t *testing.T) {
	home(t)
	t.Chdir(folder(t, map[string][]byte{"-weird.ogg": nil, "--odd.ogg": nil}))
	for args, want := range map[string]string{
		"transcribe": "name a recording or a folder", "trnscribe x.wav": `there is no command "trnscribe"; did you mean transcribe?`, "sing": `there is no command "sing"`,
		"models lst": `there is no command "lst"; did you mean list?`, "models show": "MODEL is missing", "models show a b": `unexpected argument "b"; usage: soberano models show MODEL [flags]`,
		"models remove a b c": `unexpected argument "b"; usage: soberano models remove MODEL [flags]`, "models import --link --copy a": "--link and --copy exclude each other", "models scan --copy": "--copy is for --import", "models import --name x a b": "--name is for one model",
		"transcribe --fromat srt x": "there is no option --fromat; did you mean --format?", "transcribe --loud x": "there is no option --loud",
		"transcribe -weird.ogg": "there is no option -w; for the file of that name write ./-weird.ogg", "transcribe --odd.ogg": "there is no option --odd.ogg; for the file of that name write ./--odd.ogg",
		"transcribe x --format": "--format needs a value", "transcribe --threads abc x": `--threads: "abc" is not a whole number from 0 to 1024`, "transcribe --threads=-3 x": `--threads: "-3" is not a whole number from 0 to 1024`,
		"transcribe --beam many x": `--beam: "many" is not a whole number from 1 to 8`, "transcribe --max-initial soon x": `--max-initial: "soon" is not a time as in 1.5s`, "transcribe --temperature a,b x": `--temperature: "a,b" is not numbers with commas between`,
		"transcribe --language xx x":         `--language: "xx" is not known; use a code like en, de, fr, es or zh, or a name like German`,
		"transcribe --vocabulary @nothing x": "--vocabulary: nothing can't be read: no such file or directory",
		"transcribe --model nosuch x":        "there is no model in the library and no file named \"nosuch\"; `soberano models list` lists them",
	} {
		root := command(nil)
		root.SetArgs(strings.Fields(args))
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		cmd, err := root.ExecuteContextC(t.Context())
		if _, ok := errors.AsType[usageError](err); !ok || err.Error() != want {
			t.Errorf("%q: %v, expected %s", args, err, want)
		}
		if got := hint(cmd); !strings.Contains(got, cmd.CommandPath()+" --help") {
			t.Errorf("%q: %s", args, got)
		}
	}
}

// An error of a model's file names it as it was given.
func TestImportNamesThePath(t *testing.T) {
	home(t)
	t.Chdir(folder(t, map[string][]byte{"deep/broken.gguf": []byte("GGUF\x03\x00\x00\x00"), "broken.gguf": []byte("GGUF\x03\x00\x00\x00")}))
	for _, path := range []string{"deep/broken.gguf", "broken.gguf", "deep/none.gguf"} {
		root := command(nil)
		root.SetArgs([]string{"models", "import", path})
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.HasPrefix(errorText(err), path) {
			t.Errorf("%s: %v", path, errorText(err))
		}
	}
}

// Help describes the values of options in plain words.
func TestHelpIsReadable(t *testing.T) {
	for _, v := range command(nil).Commands() {
		help := v.UsageString()
		for _, bad := range []string{"Slice", "stringArray", "[]", "soberano doctor  "} {
			if strings.Contains(help, bad) {
				t.Errorf("%s --help has %q:\n%s", v.Name(), bad, help)
			}
		}
	}
}

func TestEmptyListIsAnArray(t *testing.T) {
	home(t)
	if out, code := verb(t, "", "models", "list", "--json"); code != 0 || strings.TrimSpace(out) != "[]" {
		t.Errorf("models list --json: %d %q", code, out)
	}
}

func TestLibrary(t *testing.T) {
	home(t)
	model := defaults.Need(t, "smollm2")
	var e struct {
		Name, SHA256, Family, Quantization string
		Linked, Runs                       bool
	}
	out, code := verb(t, "", "models", "import", "--link", "--name", "small", "--json", model)
	if code != 0 {
		t.Fatal(out)
	}
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatal(err)
	}
	if e.Name != "small" || e.Family != "llama" || e.Quantization != "Q4_1" || !e.Linked || !e.Runs {
		t.Errorf("imported %+v", e)
	}
	var list []map[string]any
	out, _ = verb(t, "", "models", "list", "--json")
	decode(t, out, &list)
	if len(list) != 1 || list[0]["name"] != "small" {
		t.Errorf("list: %s", out)
	}
	var results []verified
	out, code = verb(t, "", "models", "verify", "--json")
	decode(t, out, &results)
	if code != 0 || len(results) != 1 || !results[0].OK {
		t.Errorf("verify: %d %s", code, out)
	}
	out, code = verb(t, "", "models", "verify", "--json", model)
	decode(t, out, &results)
	if code != 0 || len(results) != 1 || !results[0].OK || results[0].Files != nil {
		t.Errorf("verify by the path of an entry: %d %s", code, out)
	}
	if out, code = verb(t, "", "models", "show", "small"); code != 0 || !strings.Contains(out, "blake3         5f4fa13bfc6dd4a91fd00e22974a9c4e") {
		t.Errorf("show: %d %s", code, out)
	}
	if _, code = verb(t, "", "models", "remove", "small"); code != 0 {
		t.Error("remove failed")
	}
	if _, err := os.Stat(model); err != nil {
		t.Errorf("removing a linked model touched its file: %v", err)
	}
}

func TestTokenize(t *testing.T) {
	home(t)
	model := defaults.Need(t, "smollm2")
	var ids struct{ IDs []int32 }
	out, code := verb(t, "", "tokenize", "-m", model, "--json", "Hello")
	decode(t, out, &ids)
	if code != 0 || len(ids.IDs) != 1 || ids.IDs[0] != 19556 {
		t.Errorf("tokenize Hello: %d %s", code, out)
	}
	// Standard input holds bytes: a lone continuation byte must be accepted.
	if out, code = verb(t, "\x80 Hello", "tokenize", "-m", model, "--json", "-"); code != 0 {
		t.Errorf("tokenize of bytes: %d %s", code, out)
	}
	if out, _ = verb(t, "", "tokenize", "-m", model, "--json", "<|im_end|>"); !strings.Contains(strings.Join(strings.Fields(out), ""), `{"ids":[2]}`) {
		t.Errorf("a special token: %s", out)
	}
	out, _ = verb(t, "", "tokenize", "-m", model, "--json", "--no-special", "<|im_end|>")
	decode(t, out, &ids)
	if len(ids.IDs) < 4 {
		t.Errorf("a special token's name as plain text: %s", out)
	}
	if out, _ = verb(t, "", "tokenize", "-m", model, "--json", "--no-special", ""); !strings.Contains(out, "[]") {
		t.Errorf("nothing: %s", out)
	}
}

func TestLogits(t *testing.T) {
	home(t)
	model := defaults.Need(t, "smollm2")
	out, code := verb(t, "", "logits", "-m", model, "-p", "The capital of France is", "--raw", "--exact", "--top", "3", "--json")
	var a struct {
		Tokens []int32
		Logits [][2]float64
	}
	decode(t, out, &a)
	if code != 0 || len(a.Tokens) != 5 || a.Tokens[0] != 504 || len(a.Logits) != 3 || a.Logits[0][1] < a.Logits[1][1] {
		t.Fatalf("%d %s", code, out)
	}
	again, _ := verb(t, "", "logits", "-m", model, "--tokens", "504,3575,282,4649,314", "--exact", "--top", "3", "--json")
	if again != out {
		t.Errorf("the same tokens gave\n%s and\n%s", out, again)
	}
	if _, code = verb(t, "", "logits", "-m", model, "--tokens", "504,9999999", "--json"); code != 1 {
		t.Errorf("a token outside the vocabulary: exit code %d", code)
	}
}

// A mixture of experts and a model with short convolutions answer, and the command line's logits equal those of llama.cpp
// (engine/arch/testdata).
func TestOtherFamilies(t *testing.T) {
	home(t)
	const tokens = "1,42,83,126,171,218,11,62,115,170,227,30,91,154,219,30,99,170,243,62,139,218,43,126,211,42,131,222,59,154,251,94,195,42,147,254,107,218,75,190"
	for kind, best := range map[string][2]float64{"mixtral": {76, 3.133269}, "lfm2": {131, 3.132311}, "lfm2moe": {202, 2.769847}} {
		model := tiny.New(kind).Write(t)
		out, code := verb(t, "", "logits", "-m", model, "--tokens", tokens, "--exact", "--top", "1", "--json")
		var a struct {
			Tokens []int32
			Logits [][2]float64
		}
		decode(t, out, &a)
		if code != 0 || len(a.Logits) != 1 || a.Logits[0][0] != best[0] || math.Abs(a.Logits[0][1]-best[1]) > 1e-4 {
			t.Errorf("%s: %d %s, expected %v", kind, code, out, best)
		}
		out, code = verb(t, "", "chat", "-m", model, "-p", "Hello.", "-n", "8", "--temp", "0", "--json")
		var c chatAnswer
		decode(t, out, &c)
		if code != 0 || c.GeneratedTokens < 1 {
			t.Errorf("%s: %d %s", kind, code, out)
		}
	}
}

func TestChatOnce(t *testing.T) {
	home(t)
	model := defaults.Need(t, "smollm2")
	out, code := verb(t, "", "chat", "-m", model, "-p", "Say hello.", "-n", "8", "--temp", "0", "--json")
	var a chatAnswer
	decode(t, out, &a)
	if code != 0 || a.Text == "" || a.GeneratedTokens < 1 || a.GeneratedTokens > 8 || a.PromptTokens < 10 {
		t.Errorf("%d %s", code, out)
	}
	long := strings.Repeat("word ", 300)
	if _, code = verb(t, "", "chat", "-m", model, "-p", long, "--ctx", "128"); code != 1 {
		t.Errorf("a prompt longer than the context: exit code %d", code)
	}
}

func TestChatLoop(t *testing.T) {
	home(t)
	model := defaults.Need(t, "smollm2")
	out, code := verb(t, "Say hello.\n\n/new\nSay goodbye.\n/quit\nnever read\n", "chat", "-m", model, "-n", "6", "--temp", "0")
	if code != 0 || len(strings.Fields(out)) < 2 {
		t.Errorf("%d %q", code, out)
	}
}

func TestTranscribe(t *testing.T) {
	home(t)
	model := defaults.Need(t, "whisper-base")
	clip := filepath.Join("..", "..", "asr", "testdata", "audio", "jfk.wav")
	broken := filepath.Join(t.TempDir(), "broken.wav")
	if err := os.WriteFile(broken, []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := verb(t, "", "transcribe", "-m", model, "--json", "--beam", "1", broken, clip)
	var all []struct{ Text, Language, Error string }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if code != 1 || len(all) != 2 || all[0].Error == "" || all[1].Language != "en" || !strings.Contains(all[1].Text, "ask what you can do for your country") {
		t.Errorf("%d %s", code, out)
	}
}

func TestBenchAtDepth(t *testing.T) {
	home(t)
	model := defaults.Need(t, "smollm2")
	out, code := verb(t, "", "bench", "-m", model, "-d", "40", "-p", "8", "-n", "4", "-r", "2", "--json")
	var b chatBench
	decode(t, out, &b)
	if code != 0 || b.Depth != 40 || b.PromptTokens != 8 || b.GeneratedTokens != 4 || len(b.Prompt.TokensPerSecond) != 2 || len(b.Generation.TokensPerSecond) != 2 {
		t.Errorf("%d %s", code, out)
	}
	out, code = verb(t, "", "bench", "-m", model, "-d", "40", "-p", "8", "-n", "4", "-r", "1")
	if code != 0 || !strings.Contains(out, "after 40 tokens") {
		t.Errorf("%d %s", code, out)
	}
	if _, code = verb(t, "", "bench", "-m", model, "-d", "8192"); code != 1 {
		t.Errorf("a depth beyond the model's context: exit code %d", code)
	}
}

func TestPrintShares(t *testing.T) {
	var out bytes.Buffer
	err := printShares(&out, cpu.Shares{
		Peaks:   []cpu.Peak{{Resource: "memory", Threads: 2, Rate: 32.5, Unit: "GB/s"}},
		Kernels: []cpu.Share{{Kernel: "matrix × vector Q4_0", Shape: "64 × 64", Threads: 2, Achieved: 24, Limit: 32, Unit: "GB/s", Bound: "memory"}},
	})
	if s := out.String(); err != nil || !strings.Contains(s, "32.5 GB/s") || !strings.Contains(s, "32.0 GB/s (memory)  75 %") {
		t.Errorf("%v\n%s", err, s)
	}
}

func TestInterruptEnds(t *testing.T) {
	home(t)
	model := defaults.Need(t, "smollm2")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	root := command(nil)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	root.SetArgs([]string{"chat", "-m", model, "-p", "Count to a thousand."})
	if err := root.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted answer ended with %v", err)
	}
}
