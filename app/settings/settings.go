// Package settings keeps the few choices a person makes, and shows the page for them.
//
//	DataDir()/settings.json   written under another name, synced, then renamed
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"soberano/app/look"
)

// Values are the choices; a zero value is the program's own choice.
type Values struct {
	Theme       look.Mode `json:"theme,omitempty"`
	Microphone  string    `json:"microphone,omitempty"`   // by name; "": the system's
	Language    string    `json:"language,omitempty"`     // of dictation; "": heard from the audio
	Context     int       `json:"context,omitempty"`      // tokens; 0: 4,096 or the model's own, if that is less
	Threads     int       `json:"threads,omitempty"`      // 0: chosen by the machine's cores
	ChatModel   string    `json:"chat_model,omitempty"`   // a name in the library
	SpeechModel string    `json:"speech_model,omitempty"` // a name in the library
}

const file = "settings.json"

// Load reads the settings in a data folder. Where there are none, or they can't be read,
// the values are zero; the error says so and is no reason not to start.
func Load(dir string) (Values, error) {
	var v Values
	data, err := os.ReadFile(filepath.Join(dir, file))
	if errors.Is(err, os.ErrNotExist) {
		return Values{Theme: look.System}, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		return Values{Theme: look.System}, fmt.Errorf("settings: %s: %w; the program's own choices are used", filepath.Join(dir, file), err)
	}
	v.check()
	return v, nil
}

// check puts what was edited by hand back into its limits.
func (v *Values) check() {
	if v.Theme != look.Light && v.Theme != look.Dark {
		v.Theme = look.System
	}
	if v.Context < 0 || v.Context > 1<<20 {
		v.Context = 0
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
		os.Remove(f.Name())
		return fmt.Errorf("settings: %w", err)
	}
	return nil
}
