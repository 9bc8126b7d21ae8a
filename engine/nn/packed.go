package nn

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
)

// Repacked weights between runs: the processor wants weights in another order than files
// have them, and bringing them into it takes as long as a sentence does. Where there is a
// folder for it, the first run leaves them there, and the next one maps that file, as any
// other process does at the same time.

// Limits of the folder: files that nobody has used for so long are removed when another
// is written, and a model larger than mostPacked is repacked at each start, since a
// second copy of it on the disk is not worth the seconds.
const (
	unused     = 30 * 24 * time.Hour
	mostPacked = 4 << 30
)

// Packed is the device of a model and the file of its repacked weights.
type Packed struct {
	kernels.Device
	o       cpu.Options
	model   [32]byte
	path    string // of the file; "" for none
	release func() error
	busy    sync.WaitGroup // writing
}

// OpenPacked makes the processor's device for the model f, with the weights that an
// earlier run has left in dir, if it has. dir "" means none. A file there that can't be
// used is as good as none.
func OpenPacked(f *models.File, dir string, o cpu.Options) (*Packed, error) {
	o.Forget = models.Forget
	p := &Packed{o: o, model: identity(f)}
	if dir != "" && size(f) <= mostPacked && !o.Exact {
		p.path = filepath.Join(dir, hex.EncodeToString(p.model[:8])+"-"+cpu.Level()+".packed")
		if data, release, err := models.Map(p.path); err == nil {
			if o.Packed, err = cpu.ReadPacked(data, o, p.model); err == nil {
				p.release = release
				now := time.Now()
				_ = os.Chtimes(p.path, now, now) // of use to remove only
			} else if err := release(); err != nil {
				return nil, err
			}
		}
	}
	dev, err := cpu.New(o)
	if err != nil {
		return nil, errors.Join(err, p.free())
	}
	p.Device = dev
	return p, nil
}

// Load loads a matrix and lets go of the file's pages that it was made of.
func (p *Packed) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	m, err := p.Device.Load(parts...)
	for _, w := range parts {
		models.Forget(w.Data)
	}
	return m, err
}

// Loaded is to be called once the model has been loaded: it writes the file in the
// background, or, where all weights came from it, has them move to better memory.
func (p *Packed) Loaded() {
	switch {
	case p.path == "":
	case !cpu.PackedWhole(p.Device):
		p.busy.Go(func() { _ = p.write() })
	default:
		cpu.Settle(p.Device, models.Forget)
	}
}

// write makes the file under a temporary name. A full disk or a folder that can't be
// written costs the next run some time, nothing else, so nobody is told.
func (p *Packed) write() error {
	dir := filepath.Dir(p.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	sweep(dir)
	f, err := os.CreateTemp(dir, "*.tmp")
	if err != nil {
		return err
	}
	err = errors.Join(cpu.WritePacked(f, p.Device, p.o, p.model), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), p.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// sweep removes what has not been used for long, and what a run that was killed left.
func sweep(dir string) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, f := range files {
		info, err := f.Info()
		old := unused
		switch filepath.Ext(f.Name()) {
		case ".tmp":
			old = time.Hour
		case ".packed":
		default:
			continue
		}
		if err == nil && time.Since(info.ModTime()) > old {
			_ = os.Remove(filepath.Join(dir, f.Name()))
		}
	}
}

// Close waits for the writing and closes device and file.
func (p *Packed) Close() error {
	p.busy.Wait()
	return errors.Join(p.Device.Close(), p.free())
}

func (p *Packed) free() error {
	if p.release == nil {
		return nil
	}
	err := p.release()
	p.release = nil
	return err
}

func size(f *models.File) int64 {
	n := int64(0)
	for _, t := range f.Tensors {
		n += int64(len(t.Data))
	}
	return n
}

// identity tells models apart without reading all of them: names, shapes and formats of
// the tensors, the first, middle and last bytes of each, and when the files were changed.
func identity(f *models.File) [32]byte {
	h := sha256.New()
	for _, path := range f.Paths {
		if st, err := os.Stat(path); err == nil {
			fmt.Fprintf(h, "%q %d %d\n", filepath.Base(path), st.Size(), st.ModTime().UnixNano())
		}
	}
	for _, t := range f.Tensors {
		fmt.Fprintf(h, "%q %d %v %d\n", t.Name, t.Type, t.Shape, len(t.Data))
		n := min(64, len(t.Data))
		for _, at := range []int{0, (len(t.Data) - n) / 2, len(t.Data) - n} {
			h.Write(t.Data[at:][:n])
		}
		models.Forget(t.Data)
	}
	return [32]byte(h.Sum(nil))
}
