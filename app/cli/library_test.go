package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/app/choice"
	"soberano/engine/arch/tiny"
	"soberano/models/registry"
)

// without returns the environment without some variables.
func without(names ...string) (env []string) {
	for _, v := range append(os.Environ(), "SOBERANO_TEST_MAIN=1") {
		name, _, _ := strings.Cut(v, "=")
		keep := true
		for _, n := range names {
			keep = keep && n != name
		}
		if keep {
			env = append(env, v)
		}
	}
	return env
}

// reading are the verbs that read a model; MODEL stands for its path and TEXT for that of a text.
var reading = []string{"chat -m MODEL -p hello -n 2", "models show MODEL", "models verify MODEL", "tokenize -m MODEL hello", "logits -m MODEL -p hello",
	"perplexity -m MODEL --ctx 32 --chunks 1 TEXT", "bench -m MODEL -p 4 -n 2 -r 1 -t 1", "models list", "models list --json", "doctor", "doctor --json", "licenses"}

// A path needs no library: every verb that reads works where there is no folder for data, and where it can't be made.
func TestNoLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every verb several times, each in one goroutine")
	}
	model, text := tiny.New("llama").Write(t), filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("some words ", 30)), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file") // a file cannot hold the library
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unset := without("HOME", "XDG_DATA_HOME", "SOBERANO_HOME")
	for name, env := range map[string][]string{"HOME unset": unset, "HOME empty": append(unset, "HOME="), "HOME missing": append(unset, "HOME=/nonexistent/home"),
		"no folder can be made": append(unset, "SOBERANO_HOME="+filepath.Join(file, "data")), "in /proc": append(unset, "SOBERANO_HOME=/proc/soberano")} {
		for _, args := range reading {
			args = strings.ReplaceAll(strings.ReplaceAll(args, "MODEL", model), "TEXT", text)
			if strings.HasPrefix(args, "models list") && name == "no folder can be made" {
				continue // something is wrong there, and it is said
			}
			cmd := program(t, strings.Fields(args)...)
			cmd.Env = env
			if out, err := cmd.CombinedOutput(); err != nil && !(strings.HasPrefix(args, "doctor") && name == "no folder can be made") {
				t.Errorf("%s: %s: %v\n%s", name, args, err, out)
			}
		}
	}
}

// The doctor's exit code tells whether every model is intact.
func TestDoctorsExitCode(t *testing.T) {
	home(t)
	path := tiny.New("llama").Write(t)
	if out, code := verb(t, "", "models", "import", "--link", "--name", "m", path); code != 0 {
		t.Fatal(out)
	}
	if out, code := verb(t, "", "doctor"); code != 0 || !strings.Contains(out, "m is intact") {
		t.Errorf("%d: %s", code, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"doctor", "doctor --json", "models verify", "chat -m m -p hello"} {
		if out, code := verb(t, "", strings.Fields(args)...); code != 1 || strings.HasPrefix(args, "doctor") && !strings.Contains(out, "has changed since it was imported") {
			t.Errorf("%s: exit code %d: %s", args, code, out)
		}
	}
	if _, code := verb(t, "", "chat", "-m", path, "-p", "hello", "-n", "1"); code != 0 {
		t.Error("the file can't be used by its path")
	}
}

// Of a split model, the part that is missing is named.
func TestMissingPart(t *testing.T) {
	home(t)
	first := splitModel(t)
	for _, args := range [][]string{{"chat", "-m", first, "-p", "hi"}, {"tokenize", "-m", first, "hi"}, {"logits", "-m", first, "-p", "hi"}, {"bench", "-m", first}, {"models", "import", first}, {"models", "show", first}, {"models", "verify", first}} {
		_, notes, code := run(t, nil, args...)
		if code != 1 || !strings.Contains(notes, "m-00002-of-00003.gguf is not there: it is file 2 of the 3 of this model, of which 2 are missing") {
			t.Errorf("%s: %d %s", args[0], code, notes)
		}
	}
}

// A name of any script becomes a name in the library that a person can read and type.
func TestNamesOfEveryScript(t *testing.T) {
	home(t)
	path := filepath.Join(t.TempDir(), "千问 Ёлка.Q8_0.gguf")
	if err := os.Rename(tiny.New("llama").Write(t), path); err != nil {
		t.Fatal(err)
	}
	out, code := verb(t, "", "models", "import", "--json", path)
	var e struct{ Name, Title string }
	if err := json.Unmarshal([]byte(out), &e); err != nil || code != 0 || e.Name != "千问-ёлка.q8_0" || e.Title != "千问 Ёлка" {
		t.Errorf("%d %s: %v", code, out, err)
	}
	if out, code := verb(t, "", "chat", "-m", "千问-ёлка.q8_0", "-p", "hi", "-n", "1"); code != 0 {
		t.Error(out)
	}
}

// Without -m a verb uses the model chosen in the window, if it is in the library and can be used.
func TestChosenModel(t *testing.T) {
	home(t)
	for _, family := range []string{"llama", "gemma3"} {
		if out, code := verb(t, "", "models", "import", tiny.New(family).Write(t), "--name", "my-"+family); code != 0 {
			t.Fatal(out)
		}
	}
	settings := filepath.Join(os.Getenv("SOBERANO_HOME"), choice.File)
	for _, c := range []struct{ settings, want string }{
		{`{"chat_model":"my-llama"}`, "my-llama"}, {`{"chat_model":"my-gemma3"}`, "my-gemma3"}, {`{"chat_model":"removed"}`, "my-gemma3"}, {`{`, "my-gemma3"},
	} {
		if err := os.WriteFile(settings, []byte(c.settings), 0o600); err != nil {
			t.Fatal(err)
		}
		out, code := verb(t, "", "chat", "-p", "hello", "-n", "2", "--json")
		if !strings.Contains(out, `"model": "`+c.want+`"`) {
			t.Errorf("%s: exit code %d, %s", c.settings, code, out)
		}
	}
}

// If the model chosen in the window can't be used, the command line says so and why, and which one it uses instead.
func TestChosenModelIsMissing(t *testing.T) {
	home(t)
	paths := map[string]string{}
	for _, family := range []string{"llama", "gemma3"} {
		paths[family] = tiny.New(family).Write(t)
		if out, code := verb(t, "", "models", "import", "--link", paths[family], "--name", "my-"+family); code != 0 {
			t.Fatal(out)
		}
	}
	settings := filepath.Join(os.Getenv("SOBERANO_HOME"), choice.File)
	for name, want := range map[string]string{"removed": "it is not in the library", "my-llama": "is no longer at", "my-gemma3": ""} {
		if err := os.WriteFile(settings, []byte(`{"chat_model":"`+name+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "my-llama" {
			if err := os.Remove(paths["llama"]); err != nil {
				t.Fatal(err)
			}
		}
		told := warnings(t, func() { verb(t, "", "chat", "-p", "hello", "-n", "2") })
		if want == "" && strings.Contains(told, "chosen in the window") || want != "" && (!strings.Contains(strings.ToLower(told), want) || !strings.Contains(told, name) || !strings.Contains(told, "is used instead")) {
			t.Errorf("%s: said %q", name, told)
		}
	}
}

// A speech model is chosen like a chat model; one that can't be run is never used.
func TestPreferred(t *testing.T) {
	entry := func(name string, kind registry.Kind, included, runs bool) registry.Entry {
		return registry.Entry{Name: name, Included: included, Info: registry.Info{Kind: kind, Runs: runs}}
	}
	all := []registry.Entry{entry("a", registry.Speech, false, true), entry("b", registry.Speech, true, true), entry("c", registry.Speech, false, true),
		entry("d", registry.Speech, false, false), entry("e", registry.Chat, true, true)}
	for chosen, want := range map[string]string{"": "b", "a": "a", "c": "c", "d": "b", "e": "b", "removed": "b"} {
		if got, ok := preferred(all, registry.Speech, chosen); !ok || got.Name != want {
			t.Errorf("chosen %q: %q, expected %q", chosen, got.Name, want)
		}
	}
	if _, ok := preferred(all[4:], registry.Speech, "e"); ok {
		t.Error("a chat model is used for speech")
	}
}

// warnings returns what f writes to standard error.
func warnings(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	was := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = was }()
	f()
	b, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What holds no model that runs is refused at the import, with what it holds and what to do instead; nothing is added.
func TestImportRefuses(t *testing.T) {
	home(t)
	for family, want := range map[string]string{
		"grok":    "tiny.gguf was not added to the library. The file holds a model of the family grok, which does not run here; Gemma 3, Llama, Qwen3 models do.",
		"glm-dsa": "The file holds a model of the family glm-dsa, which does not run here; GLM-4, GLM-4.5 models do.",
		"eagle3":  "The file holds a draft model, which only guesses the next tokens of another model (eagle3). Choose the file of the model itself.",
	} {
		s := tiny.New("llama")
		s.Meta["general.architecture"] = family
		for _, args := range [][]string{nil, {"--link"}, {"--json"}} {
			out, notes, code := run(t, nil, append([]string{"models", "import", s.Write(t)}, args...)...)
			if code != 1 || out != "" || !strings.Contains(notes, want) {
				t.Errorf("%s %v: %d %q %q", family, args, code, out, notes)
			}
		}
	}
	if out, code := verb(t, "", "models", "list"); code != 0 || !strings.Contains(out, "The library is empty.") {
		t.Errorf("%d %s", code, out)
	}
}
