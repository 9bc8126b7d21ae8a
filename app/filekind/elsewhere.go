package filekind

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"soberano/models"
	"soberano/models/registry"
)

// Store is a folder in which another program keeps its models.
type Store struct {
	Program string // its name: "Ollama"
	Dir     string
	models  func(dir string) ([]Found, error) // lists the models in the folder
}

// Found is a model of another program.
type Found struct {
	Program string `json:"program"`
	Path    string `json:"path"`            // a file or a folder that registry.Read opens
	Name    string `json:"name,omitempty"`  // what the program calls it; "": its file says it
	Error   string `json:"error,omitempty"` // why it can't be used, where only its name says that it is a model
}

// Stores returns the folders that are there, in the places in which these programs keep their models unless they are told otherwise, and those that
// their environment variables name. Sources: docs/faq.md of Ollama; the documentation of LM Studio ("Import models"), GPT4All ("Settings") and Jan
// ("Data folder"); huggingface_hub/constants.py; common/common.cpp of llama.cpp.
func Stores() (list []Store) {
	add := func(program string, models func(string) ([]Found, error), dirs ...string) {
		for _, dir := range dirs {
			st, err := os.Stat(dir)
			known := slices.ContainsFunc(list, func(s Store) bool {
				other, failed := os.Stat(s.Dir)
				return err == nil && failed == nil && os.SameFile(st, other)
			})
			if filepath.IsAbs(dir) && err == nil && st.IsDir() && !known {
				list = append(list, Store{program, dir, models})
			}
		}
	}
	p := places()
	add("Ollama", ollama, os.Getenv("OLLAMA_MODELS"), p.home(".ollama", "models"), "/usr/share/ollama/.ollama/models")
	add("LM Studio", anyFolder, p.lmStudio()...)
	add("Hugging Face", hub, os.Getenv("HF_HUB_CACHE"), os.Getenv("HUGGINGFACE_HUB_CACHE"), below(os.Getenv("HF_HOME"), "hub"), below(p.cache, "huggingface", "hub"), p.home(".cache", "huggingface", "hub"))
	add("GPT4All", anyFolder, below(p.data, "nomic.ai", "GPT4All"), p.home(".cache", "gpt4all"))
	for _, dir := range []string{below(p.data, "Jan", "data"), below(p.config, "Jan", "data"), p.home("jan")} {
		add("Jan", anyFolder, below(dir, "llamacpp", "models"), below(dir, "models"))
	}
	add("llama.cpp", anyFolder, os.Getenv("LLAMA_CACHE"), below(p.systemCache, "llama.cpp"))
	return list
}

// Models lists the models of the program, each once. An error says what could not be searched.
func (s Store) Models() ([]Found, error) {
	found, err := s.models(s.Dir)
	for i := range found {
		found[i].Program = s.Program
	}
	return found, err
}

// Elsewhere lists the models of all other programs. An error says what could not be searched; the list has the others all the same.
func Elsewhere() (list []Found, failed error) {
	for _, s := range Stores() {
		found, err := s.Models()
		if list = append(list, found...); err != nil {
			failed = errors.Join(failed, fmt.Errorf("the models of %s can't all be listed: %w", s.Program, err))
		}
	}
	return list, failed
}

// folders are the user's folders; "" is unknown.
type folders struct{ user, data, config, cache, systemCache string }

func places() folders {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	f := folders{user: home}
	xdg := func(name string, def ...string) string {
		if dir := os.Getenv(name); filepath.IsAbs(dir) {
			return dir
		}
		return f.home(def...)
	}
	f.cache = xdg("XDG_CACHE_HOME", ".cache")
	switch runtime.GOOS {
	case "windows":
		f.data, f.config, f.systemCache = os.Getenv("LocalAppData"), os.Getenv("AppData"), os.Getenv("LocalAppData")
	case "darwin":
		f.data, f.systemCache = f.home("Library", "Application Support"), f.home("Library", "Caches")
		f.config = f.data
	default:
		f.data, f.config, f.systemCache = xdg("XDG_DATA_HOME", ".local", "share"), xdg("XDG_CONFIG_HOME", ".config"), f.cache
	}
	return f
}

// home returns a path in the user's home folder, "" if that is unknown.
func (f folders) home(parts ...string) string { return below(f.user, parts...) }

// below returns a path in dir, "" if dir is.
func below(dir string, parts ...string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

// lmStudio returns the folders of LM Studio, whose home folder a file of one line may name.
func (f folders) lmStudio() []string {
	dirs := []string{f.home(".lmstudio", "models"), f.home(".cache", "lm-studio", "models")}
	if b, err := models.ReadSmall(f.home(".lmstudio-home-pointer"), 1<<12); err == nil {
		dirs = append(dirs, below(strings.TrimSpace(string(b)), "models"))
	}
	return dirs
}

// anyFolder lists the models in a folder and its subfolders.
func anyFolder(dir string) (list []Found, err error) {
	Walk(dir, func(path string, kind Kind, wrong error) {
		switch {
		case wrong != nil:
			err = errors.Join(err, wrong)
		case kind == Damaged:
			list = append(list, damaged(path))
		case kind == Model:
			list = append(list, Found{Path: Gather([]string{path})[0]})
		}
	})
	return OncePerModel(list), err
}

// FoundBeside lists the GGUF files in a folder that is a model of other files.
func FoundBeside(dir string) (list []Found, err error) {
	Beside(dir, func(path string, kind Kind, wrong error) {
		switch {
		case wrong != nil:
			err = errors.Join(err, wrong)
		case kind == Damaged:
			list = append(list, damaged(path))
		default:
			list = append(list, Found{Path: Gather([]string{path})[0]})
		}
	})
	return OncePerModel(list), err
}

// OncePerModel returns the list with the first of several files of the same model.
func OncePerModel(list []Found) (once []Found) {
	seen := map[string]bool{}
	for _, f := range list {
		if model := Gather([]string{f.Path})[0]; !seen[model] {
			seen[model], once = true, append(once, f)
		}
	}
	return once
}

// damaged returns a file that is only named as a model, with what it is.
func damaged(path string) Found {
	f := Found{Path: path, Error: "is not a model"}
	if _, err := registry.Inspect(path, nil); err != nil {
		f.Error = err.Error()
	}
	return f
}

// manifest is what Ollama records of a model: its files, by the hash of their content.
type manifest struct {
	Layers []struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"` // sha256:…
	} `json:"layers"`
}

// ollama lists the models of Ollama:
//
//	manifests/registry.ollama.ai/library/llama3.2/3b   which files llama3.2:3b has
//	blobs/sha256-…                                     the files
func ollama(dir string) (list []Found, err error) {
	root := filepath.Join(dir, "manifests")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, wrong error) error {
		switch {
		case errors.Is(wrong, fs.ErrNotExist) && path == root:
			return nil
		case wrong != nil:
			return wrong
		case d.IsDir() || strings.HasPrefix(d.Name(), "."):
			return nil
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch blob, wrong := ollamaBlob(dir, path); {
		case wrong != "":
			list = append(list, Found{Path: path, Name: ollamaName(below), Error: wrong})
		case blob != "" && !slices.ContainsFunc(list, func(f Found) bool { return f.Path == blob }):
			list = append(list, Found{Path: blob, Name: ollamaName(below)})
		}
		return nil
	})
	return list, err
}

// ollamaBlob returns the path of the file with the weights of a manifest; "" if the manifest names none. wrong says why the model can't be used.
func ollamaBlob(dir, path string) (blob, wrong string) {
	b, err := models.ReadSmall(path, 1<<20)
	if err != nil {
		return "", err.Error()
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return "", "its record of files is damaged: " + err.Error()
	}
	for _, layer := range m.Layers {
		if layer.MediaType != "application/vnd.ollama.image.model" {
			continue
		}
		hash, ok := strings.CutPrefix(layer.Digest, "sha256:")
		if !ok || len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" {
			return "", "its record of files names an impossible file " + models.Quote(layer.Digest)
		}
		blob = filepath.Join(dir, "blobs", "sha256-"+hash)
		if _, err := os.Stat(blob); err != nil {
			return "", "its file " + models.Printable(filepath.Base(blob)) + " is not there; its download was probably interrupted"
		}
		return blob, ""
	}
	return "", ""
}

// ollamaName returns the name of a model by the path of its manifest: llama3.2:3b, or someone/model:tag.
func ollamaName(path string) string {
	parts := strings.Split(filepath.ToSlash(path), "/")
	if len(parts) < 3 {
		return path
	}
	name := strings.Join(parts[1:len(parts)-1], "/") + ":" + parts[len(parts)-1]
	if parts[0] != "registry.ollama.ai" {
		return parts[0] + "/" + name
	}
	return strings.TrimPrefix(name, "library/")
}

// hub lists the models in the cache of Hugging Face, those of the version that was fetched last:
//
//	models--someone--model/refs/main            the name of that version
//	models--someone--model/snapshots/VERSION/   links to its files, under their names
func hub(dir string) (list []Found, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), "models--")
		if !ok {
			continue
		}
		snapshot := lastSnapshot(filepath.Join(dir, e.Name()))
		switch {
		case snapshot == "":
		case registry.Recognises(snapshot):
			found, wrong := FoundBeside(snapshot)
			list = append(append(list, Found{Path: snapshot, Name: strings.Replace(name, "--", "/", 1)}), found...)
			err = errors.Join(err, wrong)
		default:
			found, wrong := anyFolder(snapshot)
			list, err = append(list, found...), errors.Join(err, wrong)
		}
	}
	return list, err
}

// lastSnapshot returns the folder of the last version of a model in the cache of Hugging Face; "" if there is none.
func lastSnapshot(repository string) string {
	if b, err := models.ReadSmall(filepath.Join(repository, "refs", "main"), 1<<10); err == nil {
		if version := strings.TrimSpace(string(b)); filepath.IsLocal(version) {
			dir := filepath.Join(repository, "snapshots", version)
			if st, err := os.Stat(dir); err == nil && st.IsDir() {
				return dir
			}
		}
	}
	versions, err := os.ReadDir(filepath.Join(repository, "snapshots"))
	if err != nil {
		return ""
	}
	last, newest := "", int64(0)
	for _, v := range versions {
		if st, err := v.Info(); err == nil && st.IsDir() && (last == "" || st.ModTime().UnixNano() > newest) {
			last, newest = filepath.Join(repository, "snapshots", v.Name()), st.ModTime().UnixNano()
		}
	}
	return last
}

// Options returns the options by which a model of another program is imported under the name that it has there.
func (f Found) Options() (o registry.ImportOptions) {
	if f.Name != "" {
		o.Name, o.Title = registry.NameOf(f.Name), f.Name
	}
	return o
}

// InFolder lists the models in a folder that is not a model itself, in its subfolders too, and the files in it that are only named as models. The folder
// may be one in which another program keeps its models.
func InFolder(dir string) ([]Found, error) {
	holds := func(name string) bool {
		st, err := os.Stat(filepath.Join(dir, name))
		return err == nil && st.IsDir()
	}
	entries, err := os.ReadDir(dir)
	switch {
	case err != nil:
		return nil, err
	case holds("manifests") && holds("blobs"):
		return ollama(dir)
	case slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasPrefix(e.Name(), "models--") && holds(filepath.Join(e.Name(), "snapshots"))
	}):
		return hub(dir)
	}
	return anyFolder(dir)
}
