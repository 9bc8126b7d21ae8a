// Package defaults lists the models that are included with the program: where fetch.py puts
// them, their sha256, and their sampling settings.
package defaults

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Sampling holds sampling settings recommended by the model's makers or found in this
// project's tests. The keys are those of engine/sample.Params.
type Sampling struct {
	Temperature float32 `json:"temperature"`
	TopK        int     `json:"top_k,omitempty"`
	TopP        float32 `json:"top_p,omitempty"`
	MinP        float32 `json:"min_p,omitempty"`
	Repeat      float32 `json:"repeat_penalty,omitempty"`
}

// Model is a model that is included with the program.
type Model struct {
	Name     string // name in the library
	Title    string // shown to people; "": what the file says
	Folder   string // subfolder of Dir
	File     string // the file to import; "" for the whole folder
	SHA256   string // of the weights
	Licence  string // SPDX identifier
	Note     string // shown where the model is picked
	Sampling Sampling
	Optional bool // fetched only on request: make models MODEL=NAME
}

// Models lists the included models.
//
// Sampling of SmolLM2: temperature 0.2 and top-p 0.9 are its makers' values. Without a
// repetition penalty it repeats itself ("…, and, and, and"); with a penalty of 1.1 twenty
// answers were read, and none did.
//
// Sampling of Qwen2.5-Coder: its makers' values. At temperatures of 0.2 to 0.5, of twenty answers more were
// refusals ("As an AI language model, …" instead of a letter), and with a penalty of 1.05 two repeated themselves; code was
// alike.
var Models = []Model{
	{
		Name: "smollm2-135m", Licence: "Apache-2.0", Folder: "smollm2", File: "SmolLM2-135M-Instruct.Q4_1.gguf",
		SHA256:   "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
		Note:     "This model is very small: it answers at once, and is often wrong. " + Advice,
		Sampling: Sampling{Temperature: 0.2, TopP: 0.9, Repeat: 1.1},
	},
	{
		Name: "whisper-base", Licence: "MIT", Folder: "whisper-base",
		SHA256: "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
	},
	{
		Name: "qwen2.5-coder-0.5b", Title: "Qwen2.5 Coder 0.5B", Licence: "Apache-2.0", Folder: "qwen2.5-coder-0.5b", File: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
		SHA256:   "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
		Note:     "This model is small: good for short texts, simple questions and code, and sometimes wrong. " + Advice,
		Sampling: qwenCoder,
	},
	{
		Name: "qwen2.5-coder-1.5b", Title: "Qwen2.5 Coder 1.5B", Licence: "Apache-2.0", Folder: "qwen2.5-coder-1.5b", File: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
		SHA256:   "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
		Note:     "This model writes code and short texts well, and is sometimes wrong about facts.",
		Sampling: qwenCoder, Optional: true,
	},
	{
		Name: "all-minilm-l6-v2", Title: "all-MiniLM-L6-v2", Licence: "Apache-2.0", Folder: "all-minilm-l6-v2",
		SHA256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", Optional: true,
	},
}

// Advice ends the Note of a small model. Where there is no window, it is replaced.
const Advice = "Drop a larger GGUF model on the window for better answers."

var qwenCoder = Sampling{Temperature: 0.7, TopK: 20, TopP: 0.8, Repeat: 1.1}

// Dir returns the folder of the fetched models in the user's cache.
func Dir() (string, error) {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(home, ".cache")
	}
	return filepath.Join(cache, "soberano", "defaults"), nil
}

// Path returns the path where fetch.py puts the model. The model need not exist.
func (m Model) Path() (string, error) {
	dir, err := Dir()
	return filepath.Join(dir, m.Folder, m.File), err
}

// testFiles are the files or folders that tests open, by the name of the model's folder.
var testFiles = map[string]string{
	"smollm2": "SmolLM2-135M-Instruct.Q4_1.gguf", "gemma3": "gemma-3-270m-q4-k-m.gguf", "whisper-base": "", "whisper-tiny.en": "", "all-minilm-l6-v2": "",
	"qwen2.5-coder-0.5b": "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
}

// tester is the part of testing.TB that Need uses; the program does not import testing.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Need returns the path of a fetched model for a test ("smollm2", "qwen2.5-coder-0.5b", "gemma3": a GGUF file;
// "whisper-base", "whisper-tiny.en", "all-minilm-l6-v2": a folder). If the model is missing, the test is
// skipped, or fails if SOBERANO_REQUIRE_MODELS is set, as `make test` does.
func Need(t tester, folder string) string {
	t.Helper()
	file, ok := testFiles[folder]
	if !ok {
		t.Fatalf("no test model is called %q", folder)
	}
	dir, err := Dir()
	if err != nil {
		t.Fatalf("%v", err)
	}
	path := filepath.Join(dir, folder, file)
	if _, err := os.Stat(path); err == nil {
		return path
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v", err)
	}
	if os.Getenv("SOBERANO_REQUIRE_MODELS") != "" {
		t.Fatalf("%s is missing: `make test` fetches it", path)
	}
	t.Skipf("%s is missing: `make test` fetches it", path)
	return ""
}
