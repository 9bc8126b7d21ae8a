package cpu

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Packed says where repacked weights are kept between runs. The kernels need weights in another order than the model's file
// has, and repacking them takes about as long as the generation of a sentence. The first run writes the repacked weights to
// a file in Dir. Later runs map that file, and several processes share its memory.
type Packed struct {
	// Dir is the folder. If it is empty, nothing is kept; exact devices never keep anything.
	Dir string
	// Model identifies the model (models.File.Identity).
	Model [32]byte
	// Map maps a file into memory (models.Map). It is required if Dir is set.
	Map func(path string) (data []byte, release func() error, err error)
	// Damaged, unless nil, is called once if the checksum of weights in the file turns out to be wrong. They are repacked
	// from the model's file, and the file in Dir is removed, so that the next start writes it again. The call is made
	// at the end of a step of the device.
	Damaged func(path string)
}

// Limits of the folder. Files that have not been used for the duration unused are removed when another one is written. A
// model whose repacked weights exceed mostPacked bytes is repacked at each start: the time saved does not
// justify a second copy of it on the disk.
const (
	unused     = 30 * 24 * time.Hour
	mostPacked = 4 << 30
)

// packedFile is the file of repacked weights of a device.
type packedFile struct {
	path    string // "" for none
	key     [32]byte
	lv      level
	release func() error   // unmaps the file; nil if none is mapped
	busy    sync.WaitGroup // the goroutine that writes the file

	damage  atomic.Bool // a guard has found damage that mend has not handled yet
	tell    func(path string)
	told    bool
	remains bool // the damaged file could not be removed while mapped; close removes it
}

// openPacked maps the file that an earlier run has written. A file that can't be used is ignored.
func (d *device) openPacked(p Packed) error {
	if p.Dir == "" || d.exact {
		return nil
	}
	if p.Map == nil {
		return errors.New("cpu: Options.Packed has a folder, but nothing to map its files with")
	}
	removeLeftovers(p.Dir)
	f := &d.file
	f.key, f.lv, f.tell = d.packedKey(p.Model), d.lv, p.Damaged
	f.path = filepath.Join(p.Dir, packedPrefix(p.Model)+d.lv.String()+packedExt)
	if w, err := d.waysFile().read(); err == nil {
		d.ways.Store(w)
	}
	data, release, err := p.Map(f.path)
	if err != nil {
		return nil
	}
	if d.packed, err = readPacked(data, f.key); err != nil {
		return release()
	}
	f.release = release
	now := time.Now()
	_ = os.Chtimes(f.path, now, now) // only sweep reads this time, so a failure does no harm
	return nil
}

// packedPrefix returns the beginning of the names of a model's files. The name of the instruction level follows.
func packedPrefix(model [32]byte) string { return hex.EncodeToString(model[:8]) + "-" }

// Loaded is called after the last Load. It writes the file in the background if weights were repacked, and otherwise prepares
// the copying of the mapped weights to memory of huge pages. Choices that were not measured yet are measured (measureWays).
func (d *device) Loaded() error {
	f := &d.file
	switch {
	case d.closed:
		return errClosed
	case f.path == "":
		return nil
	case d.repacked > 0:
		segments, size := make([]*segment, len(d.segments)), int64(0)
		for i, s := range d.segments {
			c := *s // mend may change s while its copy is written
			segments[i] = &c
			size += int64(s.bytes())
		}
		if size <= mostPacked {
			f.busy.Go(func() { _ = f.write(segments) })
		}
	default:
		d.settle()
	}
	d.measureWays()
	return nil
}

// write writes the file under a temporary name, which is locked in the meantime, and flushes it to the disk before it
// renames it. A full disk or a folder without write permission only costs the next run the time of repacking, so
// the caller ignores the error.
func (f *packedFile) write(segments []*segment) error {
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	sweep(dir)
	out, err := os.CreateTemp(dir, "*"+leftover)
	if err != nil {
		return err
	}
	err = lockFile(out)
	if err == nil {
		err = writePacked(out, f.lv, f.key, segments)
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return nil
}

// Extensions of the files in the folder. leftover is the extension of a file that is being written, or whose writer
// was killed.
const (
	packedExt = ".packed"
	leftover  = ".tmp"
)

// removeLeftovers removes temporary files of killed processes from dir. A file that another process is writing is not
// removed: it is locked, or can't be removed while it is open.
func removeLeftovers(dir string) {
	for _, path := range filesIn(dir, leftover) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		free := lockFile(f) == nil
		if err := f.Close(); free && err == nil {
			_ = os.Remove(path)
		}
	}
}

// filesIn returns the paths of the files in dir with extension ext, and none if dir can't be read.
func filesIn(dir, ext string) (paths []string) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, f := range files {
		if filepath.Ext(f.Name()) == ext {
			paths = append(paths, filepath.Join(dir, f.Name()))
		}
	}
	return paths
}

// sweep removes the files that have not been used for the duration unused.
func sweep(dir string) {
	for _, path := range filesIn(dir, packedExt) {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > unused {
			_ = os.Remove(path)
		}
	}
}

// remove removes the file, which is damaged, and calls Damaged the first time.
func (f *packedFile) remove() {
	if f.told {
		return
	}
	f.told = true
	f.remains = os.Remove(f.path) != nil
	if f.tell != nil {
		f.tell(f.path)
	}
}

// close waits until the file is written and unmaps it.
func (f *packedFile) close() error {
	f.busy.Wait()
	if f.damage.Load() {
		f.remove()
	}
	release := f.release
	f.release = nil
	if release == nil {
		return nil
	}
	err := release()
	if f.remains {
		f.remains = false
		_ = os.Remove(f.path) // if this fails too, the next run finds the damage again
	}
	return err
}

// forgetAll tells Options.Forget that data, which has the form of a file, is no longer needed.
func (d *device) forgetAll(data []byte) {
	if d.forget != nil {
		d.forget(data)
	}
}
