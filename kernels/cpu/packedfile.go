package cpu

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Packed says where repacked weights are kept between runs: the processor wants weights in
// another order than files have them, and bringing them into it takes as long as a
// sentence does. The first run leaves them in Dir, and the next one maps that file, as any
// other process does at the same time.
type Packed struct {
	// Dir is the folder; "" keeps nothing. Exact devices keep nothing either.
	Dir string
	// Model tells the model apart from all others (models.File.Identity).
	Model [32]byte
	// Map maps a file into memory (models.Map); required where there is a Dir.
	Map func(path string) (data []byte, release func() error, err error)
}

// Limits of the folder: files that nobody has used for so long are removed when another
// is written, and a model whose weights take more than mostPacked is repacked at each
// start, since a second copy of it on the disk is not worth the seconds.
const (
	unused     = 30 * 24 * time.Hour
	mostPacked = 4 << 30
)

// packedFile is the file of a device's repacked weights.
type packedFile struct {
	path    string // "" for none
	key     [32]byte
	release func() error   // of the mapped file, if there is one
	busy    sync.WaitGroup // writing
}

// openPacked looks for the weights that an earlier run has left. A file that can't be used
// is as good as none.
func (d *device) openPacked(p Packed) error {
	if p.Dir == "" || d.exact {
		return nil
	}
	if p.Map == nil {
		return errors.New("cpu: Options.Packed has a folder, but nothing to map its files with")
	}
	f := &d.file
	f.key = d.packedKey(p.Model)
	f.path = filepath.Join(p.Dir, hex.EncodeToString(p.Model[:8])+"-"+d.lv.String()+".packed")
	data, release, err := p.Map(f.path)
	if err != nil {
		return nil
	}
	if d.packed, err = readPacked(data, f.key); err != nil {
		return release()
	}
	f.release = release
	now := time.Now()
	_ = os.Chtimes(f.path, now, now) // only sweep looks at it
	return nil
}

// Loaded writes the file in the background, or, where all weights came from it, has them
// move to better memory.
func (d *device) Loaded() error {
	f := &d.file
	switch {
	case d.closed:
		return errClosed
	case f.path == "":
	case d.repacked > 0:
		segments, size := slices.Clone(d.segments), int64(0)
		for _, s := range segments {
			size += int64(s.bytes())
		}
		if size <= mostPacked {
			f.busy.Go(func() { _ = f.write(segments) })
		}
	default:
		d.settle()
	}
	return nil
}

// write makes the file under a temporary name. A full disk or a folder that can't be
// written costs the next run some time, nothing else, so nobody is told.
func (f *packedFile) write(segments []*segment) error {
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	sweep(dir)
	out, err := os.CreateTemp(dir, "*.tmp")
	if err != nil {
		return err
	}
	err = errors.Join(writePacked(out, f.key, segments), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
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

// close waits for the writing and lets go of the mapped file.
func (f *packedFile) close() error {
	f.busy.Wait()
	release := f.release
	f.release = nil
	if release == nil {
		return nil
	}
	return release()
}

// forgetAll tells Options.Forget that data, in the file's form, is done with.
func (d *device) forgetAll(data []byte) {
	if d.forget != nil {
		d.forget(data)
	}
}
