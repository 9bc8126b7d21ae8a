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
	// Damaged, if there, is called once when weights in the file turn out not to be what was
	// written. They are repacked from the model's file, and the file is removed, so that the next
	// start writes it again. The call comes from the end of a step of the device.
	Damaged func(path string)
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
	lv      level
	release func() error   // of the mapped file, if there is one
	busy    sync.WaitGroup // writing

	damage  atomic.Bool // a guard has found damage that mend has not seen yet
	tell    func(path string)
	told    bool
	remains bool // the system does not remove a mapped file: close does
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
	removeLeftovers(p.Dir)
	f := &d.file
	f.key, f.lv, f.tell = d.packedKey(p.Model), d.lv, p.Damaged
	f.path = filepath.Join(p.Dir, packedPrefix(p.Model)+d.lv.String()+packedExt)
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

// packedPrefix begins the names of a model's files; the instruction level follows.
func packedPrefix(model [32]byte) string { return hex.EncodeToString(model[:8]) + "-" }

// Loaded writes the file in the background, or, where all weights came from it, has them
// move to better memory.
func (d *device) Loaded() error {
	f := &d.file
	switch {
	case d.closed:
		return errClosed
	case f.path == "":
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
	return nil
}

// write makes the file under a temporary name, which stays locked as long as it is written,
// and brings it to the disk before it gets its own name. A full disk or a folder that can't be
// written costs the next run some time, nothing else, so nobody is told.
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
		err = writePacked(out, f.key, segments)
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

// Extensions in the folder: leftover is that of a file that is being written, or that a process
// which was killed has left.
const (
	packedExt = ".packed"
	leftover  = ".tmp"
)

// removeLeftovers removes what processes that were killed have left in dir. A file that another
// process is writing is locked, or can't be removed while it is open.
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

// filesIn returns the paths of the files in dir with an extension, none if dir can't be read.
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

// sweep removes what has not been used for long.
func sweep(dir string) {
	for _, path := range filesIn(dir, packedExt) {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > unused {
			_ = os.Remove(path)
		}
	}
}

// remove removes the file, which is damaged, and says so once.
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

// close waits for the writing and lets go of the mapped file.
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

// forgetAll tells Options.Forget that data, in the file's form, is done with.
func (d *device) forgetAll(data []byte) {
	if d.forget != nil {
		d.forget(data)
	}
}
