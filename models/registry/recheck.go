package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"
)

// program identifies the running program: the commit that it was built from, or, where the build did not record one or files
// were changed after it, the size and the time of the executable file.
var program = sync.OnceValue(func() string {
	commit, modified := "", false
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value
			case "vcs.modified":
				modified = s.Value == "true"
			}
		}
	}
	if commit != "" && !modified {
		return commit
	}
	path, err := os.Executable()
	if err != nil {
		return commit
	}
	st, err := os.Stat(path)
	if err != nil {
		return commit
	}
	return fmt.Sprintf("%s %d %d", commit, st.Size(), st.ModTime().UnixNano())
})

// checks keeps the results of recheck, so that a library that can't be written is not read again for each list.
type checks struct {
	mu   sync.Mutex
	done map[string]Info // by the entry's folder and the time at which it was added
}

// recheck asks the program anew whether it can run the model of e, if another version of it did so last: an update may have
// learned a family, what its models are for, or may refuse what it can't run correctly. Only the beginning of the files is read. The result is recorded;
// a library that can't be written is left as it is.
func (l *Library) recheck(e *Entry) {
	if l.check == nil || e.Checked == program() {
		return
	}
	key := e.dir + " " + e.Added.String()
	l.checks.mu.Lock()
	defer l.checks.mu.Unlock()
	if info, ok := l.checks.done[key]; ok {
		e.Info = info
		return
	}
	if e.Check() != nil {
		return // reported where the model is used
	}
	s, err := inspect(e.Path(), l.check)
	if err != nil {
		s.info = e.Info
		s.info.Runs, s.info.Reason, s.info.Warning = false, reasonOf(err), ""
	}
	s.info.Title, s.info.Licence = e.Title, cmp.Or(e.Licence, s.info.Licence) // which an import may set
	e.Info, e.Checked = s.info, program()
	if l.checks.done == nil {
		l.checks.done = map[string]Info{}
	}
	l.checks.done[key] = e.Info
	e.save(briefly)
}

// save replaces the entry's record by e, but for what a person has set. It is called for what could be found out anew at any time, so a record that can't be
// written, because the library is read-only or the entry has just been removed, or another process or the caller has the library's lock for longer than wait, stays as it is, and nothing is reported.
func (e *Entry) save(wait time.Duration) {
	f, err := lock(context.Background(), filepath.Join(filepath.Dir(e.dir), lockName), wait)
	if err != nil {
		return
	}
	defer f.Close()
	now := e.Current() // e may have been read before a change
	e.Projector, e.Own, e.Verified = now.Projector, now.Own, newer(e.Verified, now.Verified)
	_ = e.write()
}

// briefly is how long save waits where what it records is found out again at once.
const briefly = 20 * time.Millisecond

// write replaces the entry's record by e.
func (e *Entry) write() error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(e.dir, entryFile), append(b, '\n'))
}

// replaceFile writes a file in the place of another one, or a new one, at once: it has one content or the other.
func replaceFile(path string, b []byte) error {
	f, err := createTemporary(filepath.Dir(path), ".entry-*")
	if err != nil {
		return err
	}
	_, err = writer{f}.Write(b)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = writer{f}.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = rename(f.Name(), path)
	}
	if err != nil {
		_ = removeFile(f.Name())
	}
	return err
}
