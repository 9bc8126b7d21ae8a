package host

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"soberano/kernels/gl"
	"soberano/models/registry"
)

// records are the results of self-checks and of trials of models. They are kept in the data folder, by the GPU, the version of its
// driver and the build of this program: any other needs to be tried again.
type records struct {
	Drivers map[string]driverRecord `json:"drivers"`
	Models  map[string]ModelTrial   `json:"models"`
}

// driverRecord is the result of a self-check.
type driverRecord struct {
	Error string   `json:"error,omitempty"` // what is wrong; "": nothing
	Uses  string   `json:"uses,omitempty"`  // as GPU.Uses
	Speed GPUSpeed `json:"speed,omitzero"`
}

// TrialKind says what was tried on a GPU.
type TrialKind string

const (
	TrialText   TrialKind = "" // a language model, an embedding model or a reranker
	TrialSpeech TrialKind = "speech"
	TrialVision TrialKind = "vision" // the vision encoder of a language model
)

// ModelTrial is the result of trying a model on a GPU.
type ModelTrial struct {
	Title string `json:"title"`
	Part  string `json:"part,omitempty"`  // that is on the GPU; "": all
	Error string `json:"error,omitempty"` // why it does not run there; "": it does
	// Off is the distance between what GPU and CPU compute for the same tokens, as a share of its size.
	Off float64 `json:"off"`
	// CPU and GPU are the speeds on each, in tokens a second, in seconds of audio a second, or in rows of images a second, each of which takes the
	// place of a token.
	CPU  float64   `json:"cpu"`
	GPU  float64   `json:"gpu"`
	Kind TrialKind `json:"kind,omitempty"`
}

// faster reports whether the model runs faster on the GPU.
func (t ModelTrial) faster() bool { return t.Error == "" && t.GPU > t.CPU }

func recordsPath() string {
	dir, err := registry.DataDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "gpu.json")
}

// loadRecords returns the stored results. What can't be read is measured again.
func loadRecords() records {
	r := records{}
	if path := recordsPath(); path != "" {
		if data, err := os.ReadFile(path); err != nil || json.Unmarshal(data, &r) != nil {
			r = records{}
		}
	}
	if r.Drivers == nil {
		r.Drivers = map[string]driverRecord{}
	}
	if r.Models == nil {
		r.Models = map[string]ModelTrial{}
	}
	return r
}

// save stores the results. If it can't, they are measured again next time.
func (r records) save() {
	path := recordsPath()
	data, err := json.MarshalIndent(r, "", "  ")
	if path == "" || err != nil || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".gpu-*")
	if err != nil {
		return
	}
	_, err = f.Write(data)
	if closed := f.Close(); err != nil || closed != nil || os.Rename(f.Name(), path) != nil {
		_ = os.Remove(f.Name()) // the next start measures again
	}
}

// of returns the trials on a GPU with its present driver.
func (r records) of(i gl.Info) (list []ModelTrial) {
	for key, t := range r.Models {
		if strings.HasPrefix(key, driverKey(i)+" | ") {
			list = append(list, t)
		}
	}
	return list
}

// driverKey identifies a GPU, the version of its driver and the build of this program.
func driverKey(i gl.Info) string { return i.Renderer + " | " + i.Version + " | " + build() }

// build identifies the build of this program; "" if its file can't be found.
func build() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	st, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d-%d", st.Size(), st.ModTime().UnixNano())
}

// trialKey identifies a model, or a part of it, on a GPU.
func trialKey(i gl.Info, model [32]byte, exact bool, p placement) string {
	key := driverKey(i) + " | " + hex.EncodeToString(model[:16])
	if exact {
		key += " exact"
	}
	if part := p.String(); part != "" {
		key += " " + part
	}
	return key
}
