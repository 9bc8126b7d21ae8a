// Package settings keeps the few choices a person makes, and shows the page for them.
//
//	DataDir()/settings.json           written under another name, synced, then renamed
//	DataDir()/settings.json.damaged   one that could not be understood
//
// The page changes nothing itself: it hands the new Values to Window.Change, and the window
// applies them.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models"
)

// Values are the choices; a zero value is the program's own choice.
type Values struct {
	FilesLanguage  string `json:"files_language,omitempty"`  // of recordings; "": heard from the audio
	FilesTranslate bool   `json:"files_translate,omitempty"` // recordings are written in English

	Words string `json:"your_words,omitempty"` // as they were typed, see Vocabulary

	Theme       ui.Mode `json:"theme,omitempty"`
	Microphone  string  `json:"microphone,omitempty"` // by name; "": the system's
	Language    string  `json:"language,omitempty"`   // of dictation; "": heard from the audio
	Fillers     bool    `json:"leave_out_fillers,omitempty"`
	Literal     bool    `json:"literal_commands,omitempty"` // "new line" is written as words
	Hotkey      string  `json:"hotkey,omitempty"`           // for dictation in any program, as "Ctrl+Alt+D"; "": none
	Context     int     `json:"context,omitempty"`          // tokens; 0: 4,096 or the model's own, if that is less
	Threads     int     `json:"threads,omitempty"`          // 0: chosen by the machine's cores
	Memory      int64   `json:"model_memory,omitempty"`     // bytes for all opened models together; 0: what is free, -1: no limit
	ChatModel   string  `json:"chat_model,omitempty"`       // a name in the library
	SpeechModel string  `json:"speech_model,omitempty"`     // a name in the library
}

// Vocabulary are the person's own words, which are typed with commas or line ends between.
func (v Values) Vocabulary() (words []string) {
	for w := range strings.FieldsFuncSeq(v.Words, func(r rune) bool { return strings.ContainsRune(",;\n、，", r) }) {
		if w = strings.TrimSpace(w); w != "" {
			words = append(words, w)
		}
	}
	return words
}

const file = "settings.json"

const (
	most      = 1 << 20 // bytes of a file that is believed
	mostWords = most / 4
)

// Load reads the settings in a data folder. Where there are none the values are the
// program's own. A damaged file is put aside under another name, and the error says so:
// it is for the person to read, and no reason not to start.
func Load(dir string) (Values, error) {
	v, path := Values{Theme: ui.System}, filepath.Join(dir, file)
	data, err := models.ReadSmall(path, most)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return v, nil
	case errors.Is(err, models.ErrCorrupt):
	case err != nil:
		return v, &problem.Problem{Code: problem.SettingsUnread, Args: problem.Args{Detail: err.Error()}, Err: err}
	default:
		if err = json.Unmarshal(data, &v); err == nil {
			v.check()
			return v, nil
		}
	}
	return Values{Theme: ui.System}, putAside(path, err)
}

// putAside renames a damaged file, so that the next Save does not destroy what a person
// may want to look at.
func putAside(path string, why error) error {
	to := path + ".damaged"
	for n := 2; exists(to); n++ {
		to = fmt.Sprintf("%s.damaged-%d", path, n)
	}
	if err := os.Rename(path, to); err != nil {
		return &problem.Problem{Code: problem.SettingsStuck, Args: problem.Args{Detail: err.Error()}, Err: errors.Join(why, err)}
	}
	return &problem.Problem{Code: problem.SettingsKept, Args: problem.Args{File: to, Detail: why.Error()}, Err: why}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// check puts what was edited by hand back into its limits.
func (v *Values) check() {
	if v.Theme != ui.Light && v.Theme != ui.Dark {
		v.Theme = ui.System
	}
	if v.Context < 0 || v.Context > 1<<20 {
		v.Context = 0
	}
	if len(v.Words) > mostWords {
		v.Words = ""
	}
	if v.Memory < -1 {
		v.Memory = 0
	}
	if v.Threads < 0 || v.Threads > 1024 {
		v.Threads = 0
	}
}

// Save writes the settings; a kill leaves the old ones or the new.
func Save(dir string, v Values) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	f, err := os.CreateTemp(dir, ".settings-*")
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, file))
	}
	if err != nil {
		return fmt.Errorf("settings: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return syncDir(dir)
}

// syncDir makes the rename last through a loss of power, where folders can be synced.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	return nil
}
