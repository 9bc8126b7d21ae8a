package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"soberano/engine"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// Sight says whether a chat model can see images, and what it lacks if it can't.
type Sight struct {
	Projector string // the path of the file with its vision encoder; "": it can't see
	Takes     bool   // its network takes images
	Made      bool   // it was made for images: a projector was published with it
	Folder    string // where a projector is looked for
	Err       error  // why the projector that was attached to it, or one that lies there, can't be used; nil: there is none
}

// Look finds out whether the chat model of an entry can see images. It reads from the disk.
func Look(e registry.Entry) Sight {
	f, err := read(e.Path())
	if err != nil {
		return Sight{Err: err}
	}
	defer f.Close()
	return look(e, f)
}

// look is Look for the opened model f.
func look(e registry.Entry, f *models.File) (s Sight) {
	if s.Takes, s.Made, s.Err = engine.TakesImages(f); !s.Takes || s.Err != nil {
		return s
	}
	if e = e.Current(); e.Projector != nil {
		if s.Err = fitsVision(e.FilePath(*e.Projector), f); s.Err == nil {
			s.Projector = e.FilePath(*e.Projector)
			return s
		}
	}
	path, err := visionBeside(f)
	if path != "" {
		s.Err = nil
	} else if s.Err == nil {
		s.Err = err
	}
	s.Projector, s.Folder = path, folderOf(f)
	return s
}

// folderOf returns the folder in which the files of a model lie.
func folderOf(f *models.File) string {
	if st, err := os.Stat(f.Path); err == nil && st.IsDir() {
		return f.Path
	}
	return filepath.Dir(f.Path)
}

// visionBeside returns the path of the vision encoder of the language model f: the first file beside it that is one and fits. Without
// one it returns "", and why the first that is named as one does not.
func visionBeside(f *models.File) (path string, err error) {
	dir := folderOf(f)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.IsDir() || !registry.NamedProjector(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		wrong := fitsVision(path, f)
		if wrong == nil {
			return path, nil
		}
		if err == nil {
			err = wrong
		}
	}
	return "", err
}

// fitsVision returns an error if the file at path is no vision encoder for the language model f.
func fitsVision(path string, f *models.File) error {
	v, err := read(path)
	if err != nil {
		return err
	}
	defer v.Close()
	return engine.CheckVision(v, f)
}

// Fitting returns those of entries to which the vision encoder at path belongs, as far as their files tell. The error says why it can
// belong to none.
func Fitting(path string, entries []registry.Entry) (list []registry.Entry, err error) {
	v, err := read(path)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	if err := engine.CheckVision(v, nil); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Kind != registry.Chat || !e.Runs {
			continue
		}
		f, err := read(e.Path())
		if err != nil {
			continue // reported where the model is used
		}
		takes, _, err := engine.TakesImages(f)
		if err == nil && takes && engine.CheckVision(v, f) == nil {
			list = append(list, e)
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Import is Library.Import. If the files of a chat model are copied, so is the vision encoder that lies beside them.
func Import(ctx context.Context, l *registry.Library, path string, how registry.How, o registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error) {
	e, err := l.Import(ctx, path, how, o, progress)
	if err != nil || how == registry.Link || e.Linked || e.Kind != registry.Chat || e.Projector != nil {
		return e, err
	}
	f, err := read(path)
	if err != nil {
		return e, err
	}
	projector, _ := visionBeside(f) // Look tells why there is none
	if err := f.Close(); err != nil || projector == "" {
		return e, err
	}
	return l.Attach(ctx, e.Name, projector, registry.Copy, progress)
}

// visionOf returns a function that opens the vision encoder of the chat model f of an entry, when the first image comes, on the GPU or the CPU
// like the models of the library. Its memory is counted from then on. A projector that is added while the model is open is found.
func (h *Host) visionOf(e registry.Entry, f *models.File, s Settings) func() (*engine.Vision, error) {
	return func() (*engine.Vision, error) {
		sight := look(e, f)
		if sight.Projector == "" {
			return nil, errors.Join(engine.ErrNoVision, sight.Err)
		}
		file := func(context.Context) (*models.File, error) { return openProjector(e, sight.Projector) }
		v, err := file(h.ending)
		if err != nil {
			return nil, err
		}
		bytes := engine.VisionBytes(v)
		if err := errors.Join(v.Close(), h.grow(keyOf(e), e.Title, bytes)); err != nil {
			return nil, err
		}
		open := func(f *models.File, dev kernels.Device, _ *cpu.Pool, replace func(error) (kernels.Device, error)) (*engine.Vision, error) {
			return engine.OpenVision(f, dev, replace)
		}
		kind := kindOf[*engine.Vision]{TrialVision, open, tryVision, (*engine.Vision).Device, cpu.Keep}
		return opening[*engine.Vision]{kindOf: kind, h: h, e: e, s: s, file: file, report: func(float64) {}, seat: func(v *engine.Vision) seat[*engine.Vision] { return visionSeat{v} }}.run(h.ending)
	}
}

func openProjector(e registry.Entry, path string) (*models.File, error) {
	if e = e.Current(); e.Projector != nil && e.FilePath(*e.Projector) == path {
		return e.OpenProjector(context.Background())
	}
	return read(path)
}

// grow counts more bytes for the opened model with a key and a title. Idle models are closed to make room for them. The error is a *MemoryError.
func (h *Host) grow(k key, title string, bytes int64) error {
	evicted := int64(0)
	for {
		wait, err := h.tryGrow(k, title, bytes, &evicted)
		if wait == nil {
			return err
		}
		<-wait
	}
}

// tryGrow is grow; it returns a channel to wait for before the next try if a model is being closed.
func (h *Host) tryGrow(k key, title string, bytes int64, evicted *int64) (<-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wait, err := h.room(title, bytes, false, evicted)
	if m := h.models[k]; wait == nil && err == nil && m != nil {
		m.bytes += bytes
	}
	return wait, err
}
