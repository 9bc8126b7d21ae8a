package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lukechampine.com/blake3"

	"soberano/kernels"
)

// Disk keeps states in files, one for each name of a conversation, so that a conversation can go on after a restart without
// being computed again. The files tell what was said. They may be deleted at any time. Numbers have 8 bytes, little-endian, hashes are BLAKE3, those of states in pieces (see pieces):
//
//	"sb-state" │ version │ key, 32 bytes │ number of tokens │ number of states
//	for each state: positions │ bytes │ hash, 32 bytes
//	the tokens, 4 bytes each │ hash of everything before it
//	the states, as kernels.SavedState.Save has written them
//
// A state is that of as many of the first tokens as it has positions. The key identifies what a state depends on besides the tokens.
// A file that is damaged or has another key is removed. Methods may be called from any goroutine.
type Disk struct {
	dir   string
	build string // of the program, whose arithmetic states depend on

	mu        sync.Mutex
	most      int64 // bytes of all files
	forgotten map[string]bool
}

const (
	diskMagic   = "sb-state"
	diskVersion = 1
	hashBytes   = 32
	fixedHead   = 8 + 8 + hashBytes + 8 + 8
	extension   = ".state"
)

// errDisk is the error of a file that can't be used.
var errDisk = errors.New("state: not a file of this conversation's state")

// ErrInterrupted ends a Save.
var ErrInterrupted = errors.New("state: saving was interrupted")

// NewDisk returns the states in a folder, which need not exist, of this build of the program. The files together have at most so many bytes: those that were not
// used for the longest time are removed.
func NewDisk(dir, build string, most int64) *Disk {
	return &Disk{dir: dir, build: build, most: most, forgotten: map[string]bool{}}
}

// Limit changes how many bytes the files together have at most, and removes what is too much.
func (d *Disk) Limit(most int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.most = most
	return d.prune()
}

// Bytes returns what the files take together.
func (d *Disk) Bytes() (sum int64, err error) {
	files, err := d.files()
	for _, f := range files {
		sum += f.Size()
	}
	return sum, err
}

// part describes a state of a file.
type part struct {
	positions, bytes int64
	hash             [hashBytes]byte
}

// head is the beginning of a file.
type head struct {
	key    [hashBytes]byte
	tokens []int32
	parts  []part
}

// headBytes returns the size of the beginning of a file.
func headBytes(tokens, parts int64) int64 {
	return fixedHead + parts*(16+hashBytes) + 4*tokens + hashBytes
}

// marshal returns the bytes of h.
func (h *head) marshal() []byte {
	b := binary.LittleEndian.AppendUint64([]byte(diskMagic), diskVersion)
	b = append(b, h.key[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(h.tokens)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(h.parts)))
	for _, p := range h.parts {
		b = binary.LittleEndian.AppendUint64(b, uint64(p.positions))
		b = binary.LittleEndian.AppendUint64(b, uint64(p.bytes))
		b = append(b, p.hash[:]...)
	}
	for _, id := range h.tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	sum := blake3.Sum256(b)
	return append(b, sum[:]...)
}

// readHead reads the beginning of a file of so many bytes. The error is errDisk if it is not one of reading.
func readHead(r io.Reader, size int64) (*head, error) {
	fixed := make([]byte, fixedHead)
	if _, err := io.ReadFull(r, fixed); err != nil {
		return nil, ended(err)
	}
	number := func(at int) int64 { return int64(binary.LittleEndian.Uint64(fixed[at:])) }
	tokens, parts := number(fixedHead-16), number(fixedHead-8)
	if string(fixed[:8]) != diskMagic || number(8) != diskVersion || tokens < 1 || tokens > size/4 || parts < 1 || parts > 16 || headBytes(tokens, parts) > size {
		return nil, errDisk
	}
	b := append(fixed, make([]byte, headBytes(tokens, parts)-fixedHead)...)
	if _, err := io.ReadFull(r, b[fixedHead:]); err != nil {
		return nil, ended(err)
	}
	content := b[:len(b)-hashBytes]
	if blake3.Sum256(content) != [hashBytes]byte(b[len(content):]) {
		return nil, errDisk
	}
	h := &head{key: [hashBytes]byte(b[16:]), tokens: make([]int32, tokens)}
	b = b[fixedHead:]
	left := size - headBytes(tokens, parts)
	for range parts {
		p := part{int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:])), [hashBytes]byte(b[16:])}
		if p.positions < 1 || p.positions > tokens || p.bytes < 1 || p.bytes > left {
			return nil, errDisk
		}
		h.parts, b, left = append(h.parts, p), b[16+hashBytes:], left-p.bytes
	}
	if left != 0 {
		return nil, errDisk
	}
	for i := range h.tokens {
		h.tokens[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return h, nil
}

// ended turns the end of a file into errDisk.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errDisk
	}
	return err
}

// keyOf returns the key of states of a model.
func (d *Disk) keyOf(model [32]byte, st kernels.SavedState) [hashBytes]byte {
	var b bytes.Buffer
	for _, s := range []string{string(model[:]), d.build, st.Layout()} {
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		b.WriteString(s)
	}
	return blake3.Sum256(b.Bytes())
}

// path returns the file of a conversation; false: the name can't be one of a file.
func (d *Disk) path(name string) (string, bool) {
	other := func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') }
	return filepath.Join(d.dir, name+extension), name != "" && len(name) <= 64 && !strings.ContainsFunc(name, other)
}

// Save writes states of the first of tokens of a model under a name, instead of what is there. While it writes it asks interrupted, and ends with ErrInterrupted if that is true.
// It fails if the device of the states can't save them.
func (d *Disk) Save(name string, model [32]byte, tokens []int32, states []kernels.State, interrupted func() bool) (err error) {
	path, ok := d.path(name)
	if !ok || len(states) == 0 {
		return errDisk
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.dir, name+"-*.part") // which only the user can read
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err == nil {
			err = d.commit(f.Name(), path, name)
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	h := head{tokens: tokens}
	if _, err := f.Seek(headBytes(int64(len(tokens)), int64(len(states))), io.SeekStart); err != nil {
		return err
	}
	d.mu.Lock()
	left := d.most
	d.mu.Unlock()
	for _, st := range states {
		saved, ok := st.(kernels.SavedState)
		if !ok {
			return errors.ErrUnsupported
		}
		h.key = d.keyOf(model, saved)
		w := &hashed{w: f, left: left, interrupted: interrupted}
		if err := saved.Save(w); err != nil {
			return err
		}
		left -= w.n
		h.parts = append(h.parts, part{int64(st.Len()), w.n, w.hash.sum()})
	}
	_, err = f.WriteAt(h.marshal(), 0)
	return err
}

// hashed writes, and hashes what it writes.
type hashed struct {
	w           io.Writer
	hash        pieces
	n, left     int64 // bytes written, and how many may be
	interrupted func() bool
}

// Write implements io.Writer.
func (h *hashed) Write(b []byte) (int, error) {
	switch {
	case h.interrupted():
		return 0, ErrInterrupted
	case h.n+int64(len(b)) > h.left:
		return 0, errors.New("state: more than the files may have")
	}
	h.hash.add(b)
	n, err := h.w.Write(b)
	h.n += int64(n)
	return n, err
}

// commit gives a file that is complete its name, unless the conversation was forgotten meanwhile.
func (d *Disk) commit(from, to, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.forgotten[name] {
		return fs.ErrNotExist
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return d.prune()
}

// prune removes the files that were not used for the longest time, until the others are few enough. The caller holds mu.
func (d *Disk) prune() error {
	files, err := d.files()
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	sum := int64(0)
	for _, f := range files {
		if sum += f.Size(); sum > d.most {
			err = errors.Join(err, os.Remove(filepath.Join(d.dir, f.Name())))
		}
	}
	return err
}

// files lists the files of the folder; none if it does not exist.
func (d *Disk) files() (files []fs.FileInfo, err error) {
	entries, err := os.ReadDir(d.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if i, err := e.Info(); err == nil && i.Mode().IsRegular() {
			files = append(files, i)
		}
	}
	return files, err
}

// Load returns the state under a name of the longest beginning of wanted that there is, with its tokens, which may be more; nil if it has not at least worthLoading more than have, or if there is
// none. empty makes the state; if it forgets, it can't go back.
func (d *Disk) Load(name string, model [32]byte, wanted []int32, have int, forgets bool, empty func() (kernels.State, error)) (st kernels.State, tokens []int32, err error) {
	path, ok := d.path(name)
	if !ok {
		return nil, nil, nil
	}
	d.mu.Lock()
	delete(d.forgotten, name) // the conversation goes on
	d.mu.Unlock()
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() { // a pipe would keep Open waiting
		return nil, nil, absent(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, absent(err)
	}
	st, tokens, err = d.load(f, model, wanted, have, forgets, empty)
	err = errors.Join(err, f.Close())
	switch {
	case errors.Is(err, errDisk):
		return nil, nil, errors.Join(closed(st), os.Remove(path))
	case err != nil:
		return nil, nil, errors.Join(err, closed(st))
	case st != nil:
		now := time.Now()
		_ = os.Chtimes(path, now, now) // if it fails, the file is removed earlier than others
	}
	return st, tokens, nil
}

// absent returns err unless it says that there is no file.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func closed(st kernels.State) error {
	if st == nil {
		return nil
	}
	return st.Close()
}

// worthLoading is the number of tokens from which on a state is read: fewer are computed sooner.
const worthLoading = 32

// load is Load of a file. If it returns an error, the caller closes the state.
func (d *Disk) load(f *os.File, model [32]byte, wanted []int32, have int, forgets bool, empty func() (kernels.State, error)) (kernels.State, []int32, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	h, err := readHead(f, info.Size())
	if err != nil {
		return nil, nil, err
	}
	shared := common(h.tokens, wanted)
	for _, i := range h.choose(int64(shared), forgets) {
		if min(shared, int(h.parts[i].positions)) < have+worthLoading {
			continue
		}
		st, err := empty()
		if err != nil {
			return nil, nil, err
		}
		saved, ok := st.(kernels.SavedState)
		if !ok {
			return nil, nil, st.Close()
		}
		if h.key != d.keyOf(model, saved) {
			return st, nil, errDisk
		}
		if err := h.restore(i, saved, f); err != nil {
			return st, nil, err
		}
		serves, err := reaches(st, min(shared, st.Len()))
		if serves || err != nil {
			return st, h.tokens[:st.Len()], err
		}
		if err := st.Close(); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, nil
}

// choose returns the states of a file that serve best for the first shared of its tokens: the shortest longer one, if it may be able to go back, and the longest other one.
func (h *head) choose(shared int64, forgets bool) (list []int) {
	best, longer := -1, -1
	for i, p := range h.parts {
		switch {
		case p.positions > shared:
			if longer < 0 || p.positions < h.parts[longer].positions {
				longer = i
			}
		case best < 0 || p.positions > h.parts[best].positions:
			best = i
		}
	}
	if longer >= 0 && !forgets {
		list = append(list, longer)
	}
	if best >= 0 {
		list = append(list, best)
	}
	return list
}

// restore compares the hash of state i of the file and reads it.
func (h *head) restore(i int, st kernels.SavedState, f io.ReaderAt) error {
	at := headBytes(int64(len(h.tokens)), int64(len(h.parts)))
	for _, p := range h.parts[:i] {
		at += p.bytes
	}
	p := h.parts[i]
	r := io.NewSectionReader(f, at, p.bytes)
	if sum, err := sumOf(r); err != nil || sum != p.hash {
		return errors.Join(errDisk, err)
	}
	if err := st.Restore(r); err != nil {
		return errors.Join(errDisk, err)
	}
	if at, err := r.Seek(0, io.SeekCurrent); err != nil || at != p.bytes || int64(st.Len()) != p.positions {
		return errors.Join(errDisk, err)
	}
	return nil
}

// Forget removes the states of conversations, and those that are being written, until the conversations go on.
func (d *Disk) Forget(names ...string) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		if path, ok := d.path(name); ok {
			d.forgotten[name] = true
			err = errors.Join(err, absent(os.Remove(path)))
		}
	}
	return err
}

// Only removes all files but those of the named conversations, and what an interrupted program has left. What is being saved meanwhile may be lost.
func (d *Disk) Only(names []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	files, err := d.files()
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), extension); !ok || !slices.Contains(names, name) {
			err = errors.Join(err, absent(os.Remove(filepath.Join(d.dir, f.Name()))))
		}
	}
	return err
}
