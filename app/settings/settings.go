// Package settings stores the user's settings and shows the page for them.
//
//	DataDir()/settings.json           written under another name, synced, then renamed
//	DataDir()/settings.json.damaged   a file that could not be read
//
// The page applies nothing itself: it passes the new Values to Window.Change.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"soberano/app/choice"
	"soberano/app/host"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/engine"
	"soberano/models"
)

// Values are the settings; a zero value stands for the program's default.
type Values struct {
	FilesLanguage  string `json:"files_language,omitempty"`  // of recordings; "": detected from the audio
	FilesTranslate bool   `json:"files_translate,omitempty"` // recordings are written in English

	Words string `json:"your_words,omitempty"` // as they were typed; see Vocabulary

	Theme      ui.Mode         `json:"theme,omitempty"`
	Microphone string          `json:"microphone,omitempty"` // by name; "": the system's
	Language   string          `json:"language,omitempty"`   // of dictation; "": detected from the audio
	Fillers    bool            `json:"leave_out_fillers,omitempty"`
	Literal    bool            `json:"literal_commands,omitempty"`  // "new line" is written as words
	Hotkey     string          `json:"hotkey,omitempty"`            // for dictation in any program, such as "Ctrl+Alt+D"; "": none
	Context    int             `json:"context,omitempty"`           // in tokens; 0: 4,096 or the model's own, if that is less
	LongChats  engine.Overflow `json:"long_chats,omitempty"`        // what is done with a chat that is longer than the context: engine.DropMiddle, or "": no more is answered
	KV         engine.KV       `json:"kv,omitempty"`                // how a chat's keys and values are stored; "": engine.KVQ8
	Threads    int             `json:"threads,omitempty"`           // 0: chosen by the number of the machine's cores
	GPU        host.GPUChoice  `json:"gpu,omitempty"`               // whether models run on a GPU, or how many of their layers
	GPUDevice  string          `json:"gpu_device,omitempty"`        // the number of the GPU; "": chosen by its memory
	CPUExperts bool            `json:"cpu_experts,omitempty"`       // the experts of mixtures stay on the processor
	Memory     int64           `json:"model_memory,omitempty"`      // in bytes for all opened models together; 0: the free memory, -1: no limit
	States     int64           `json:"kept_states,omitempty"`       // bytes that the computed states of chats take on disk; 0: the host's default, -1: none are kept
	Downloads  bool            `json:"downloads_allowed,omitempty"` // the person has allowed connections for downloads of models
	API        bool            `json:"local_api,omitempty"`         // the server for other programs is switched on
	APIAddress string          `json:"local_api_address,omitempty"` // host:port; "": api.DefaultAddress
	Place      Place           `json:"window,omitzero"`

	choice.Models // the chosen models
}

// Place is the place of the window when it was last seen; zero if it was never open.
type Place struct {
	X, Y          int     // of its upper left corner, without the frame, in pixels of the screen
	Width, Height int     // in units of the toolkit, before it was maximized
	Scale         float32 `json:",omitempty"` // pixels in a unit; 0: not known
	Maximized     bool    `json:",omitempty"`
}

// GPUUse returns how models use a GPU.
func (v Values) GPUUse() host.GPUUse {
	return host.GPUUse{Choice: v.GPU, Device: v.GPUDevice, CPUExperts: v.CPUExperts}
}

// Vocabulary returns the user's own words, which are typed with commas or line ends between them: the first mostNames of those
// that are no longer than mostName.
func (v Values) Vocabulary() (words []string) {
	for w := range strings.FieldsFuncSeq(v.Words, func(r rune) bool { return strings.ContainsRune(",;\n、，", r) }) {
		if w = strings.TrimSpace(w); w != "" && len(w) <= mostName {
			words = append(words, w)
		}
		if len(words) == mostNames {
			break
		}
	}
	return words
}

const (
	mostWords = choice.MaxBytes / 8 // of the user's words; in the file a character can take six times as much
	mostNames = 1000                // the number of words that are used
	mostName  = 200                 // the longest word in bytes that is used
)

// Load reads the settings in a data folder. If there are none it returns the defaults. A damaged file is renamed, and the
// error says so: it should be shown to the user, and the program can start all the same.
func Load(dir string) (Values, error) {
	v, path := Values{Theme: ui.System}, filepath.Join(dir, choice.File)
	data, err := models.ReadSmall(path, choice.MaxBytes)
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

// putAside renames a damaged file, so that the next Save does not overwrite content that the user may want to look at.
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

// check corrects values that are out of range, as they may be in a file edited by hand.
func (v *Values) check() {
	if v.Theme != ui.Light && v.Theme != ui.Dark {
		v.Theme = ui.System
	}
	if v.Context < 0 || v.Context > 1<<20 {
		v.Context = 0
	}
	if kv, err := engine.ParseKV(string(v.KV)); err != nil || kv != v.KV {
		v.KV = ""
	}
	if v.LongChats != engine.DropMiddle {
		v.LongChats = ""
	}
	if len(v.Words) > mostWords {
		v.Words = ""
	}
	if w := v.Place; w.Width < 0 || w.Height < 0 || w.Width > 1<<15 || w.Height > 1<<15 {
		v.Place = Place{}
	}
	if v.States < -1 {
		v.States = 0
	}
	if v.Memory < -1 {
		v.Memory = 0
	}
	if gpu, err := host.ParseGPU(string(v.GPU)); err != nil || gpu != v.GPU {
		v.GPU = host.GPUAuto
	}
	if n, err := host.ParseGPUDevice(v.GPUDevice); err != nil || n != v.GPUDevice {
		v.GPUDevice = ""
	}
	if v.Threads < 0 || v.Threads > 1024 {
		v.Threads = 0
	}
}

// Save writes the settings. If the program is killed meanwhile, the file holds the old settings or the new ones.
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
		err = os.Rename(f.Name(), filepath.Join(dir, choice.File))
	}
	if err != nil {
		return fmt.Errorf("settings: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return syncDir(dir)
}

// syncDir makes the rename durable, on systems where folders can be synced.
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
