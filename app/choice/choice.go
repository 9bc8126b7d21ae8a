// Package choice reads which models the user has chosen in the window. It does not depend on the window, so the command line uses it too;
// package settings writes the file.
package choice

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"soberano/models"
	"soberano/models/registry"
)

const (
	File     = "settings.json" // the name of the file with the settings, in the data folder
	MaxBytes = 16 << 20        // the largest size of that file
)

// Models are the chosen models, by their names in the library; "" if none was chosen. They are a part of the settings.
type Models struct {
	ChatModel   string `json:"chat_model,omitempty"`
	SpeechModel string `json:"speech_model,omitempty"`
}

// Load reads the choice from the settings in a data folder. Without settings there is none.
func Load(dir string) (m Models, err error) {
	data, err := models.ReadSmall(filepath.Join(dir, File), MaxBytes)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return Models{}, fmt.Errorf("settings: %w", err)
	}
	return m, nil
}

// Uses reports whether the window uses models of a kind. The others are for the command line.
func Uses(kind registry.Kind) bool { return kind == registry.Chat || kind == registry.Speech }

// Of returns the name of the chosen model of a kind.
func (m Models) Of(kind registry.Kind) string {
	switch kind {
	case registry.Chat:
		return m.ChatModel
	case registry.Speech:
		return m.SpeechModel
	}
	return ""
}
