package cpu

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// waysVersion must be incremented with every change of what the fields of savedWays mean.
const waysVersion = 1

// waysExt is the extension of files of measured ways.
const waysExt = ".ways"

// savedWays is the JSON of a file of measured ways, which is used for the same CPU, level, number of workers and program only. Any
// other file is measured anew.
type savedWays struct {
	Version int            `json:"version"`
	Program string         `json:"program"`
	CPU     string         `json:"cpu"`
	Level   string         `json:"level"`
	Threads int            `json:"threads"`
	Many    map[string]int `json:"many"` // by the name of a layout
	Rows    int            `json:"rows"`
	Short   int            `json:"short"`
}

// waysFile is the place of measured ways, with what they depend on.
type waysFile struct {
	path string // "" for none
	head savedWays
}

// waysIn returns the file of a level and a number of workers in the folder dir.
func waysIn(dir string, lv level, threads int) waysFile {
	f := waysFile{head: savedWays{Version: waysVersion, Program: program(), CPU: cpuName(), Level: lv.String(), Threads: threads}}
	if dir != "" {
		f.path = filepath.Join(dir, fmt.Sprintf("%v-%d%s", lv, threads, waysExt))
	}
	return f
}

// waysFile returns the file of the device's ways.
func (d *device) waysFile() waysFile {
	dir := ""
	if d.file.path != "" {
		dir = filepath.Dir(d.file.path)
	}
	return waysIn(dir, d.lv, d.pool.threads)
}

// program identifies the build of the running program by its commit, as far as the build recorded it.
func program() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	out := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" && s.Value == "true" {
			out += " " + s.Key + "=" + s.Value
		}
	}
	return out
}

// cpuName returns what tells CPUs of different speeds apart.
func cpuName() string {
	c := &cpuid.CPU
	return strings.TrimSpace(fmt.Sprintf("%s, family %d, model %d, stepping %d", c.BrandName, c.Family, c.Model, c.Stepping))
}

// errWays is the error of a file whose content is not that of measured ways of this machine.
var errWays = errors.New("cpu: not a file of measured choices of this machine and program")

// read returns the ways of the file. Its error is that of a file that is missing, damaged, or of another machine or program.
func (f waysFile) read() (*ways, error) {
	if f.path == "" {
		return nil, os.ErrNotExist
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	var s savedWays
	if err := in.Decode(&s); err != nil || in.More() {
		return nil, errWays
	}
	return s.ways(f.head)
}

// ways checks s and returns it as ways. head has the fields that must be equal.
func (s savedWays) ways(head savedWays) (*ways, error) {
	if s.Version != head.Version || s.Program != head.Program || s.CPU != head.CPU || s.Level != head.Level || s.Threads != head.Threads {
		return nil, errWays
	}
	w := defaultWays()
	for name, n := range s.Many {
		k := slices.IndexFunc(layouts[:], func(l layout) bool { return l.name == name })
		if k < 0 || kind(k).float() || !slices.Contains(append(manySizes, never), n) {
			return nil, errWays
		}
		w.many[k], w.known[k] = n, true
	}
	if s.Rows != 0 || s.Short != 0 {
		if !slices.Contains(append(rowsSizes, never), s.Rows) || !slices.Contains(append(shortSizes, 0, never), s.Short) {
			return nil, errWays
		}
		w.rows, w.short, w.pool = s.Rows, s.Short, true
	}
	w.update()
	return w, nil
}

// write writes the ways under a temporary name, which it renames. What another process has written since the device was opened is
// lost, and measured again when it is needed.
func (f waysFile) write(w *ways) error {
	if f.path == "" {
		return nil
	}
	s := f.head
	s.Many = map[string]int{}
	for k := range kinds {
		if w.known[k] {
			s.Many[k.String()] = w.many[k]
		}
	}
	if w.pool {
		s.Rows, s.Short = w.rows, w.short
	}
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	out, err := os.CreateTemp(dir, "*"+leftover)
	if err != nil {
		return err
	}
	if err = lockFile(out); err == nil {
		_, err = out.Write(append(data, '\n'))
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return nil
}

// Choice is a way that a device takes on this machine because it was measured to be faster, of two that compute the same bits.
type Choice struct {
	Threads int    `json:"threads"` // workers of the device
	What    string `json:"what"`    // "unpack q4a32 once, tokens"
	From    int    `json:"from"`    // the size from which on it is done; -1: never
	Usual   int    `json:"usual"`   // the same without measurements
}

// String returns "2 threads: unpack q4a32 once from 24 tokens on (usually 16)".
func (c Choice) String() string {
	what, unit, _ := strings.Cut(c.What, ", ")
	from := fmt.Sprintf("from %d %s on", c.From, unit)
	switch c.From {
	case -1:
		from = "never"
	case 0:
		from = "always"
	}
	s := fmt.Sprintf("%d threads: %s %s", c.Threads, what, from)
	if c.From != c.Usual {
		s += fmt.Sprintf(" (usually %d)", c.Usual)
	}
	return s
}

// Choices returns the choices for the level in use that are kept in the folder of repacked weights (Packed.Dir). Files of other machines
// and programs are not reported.
func Choices(dir string) []Choice {
	lv, _ := chosen() // New reports the error
	var out []Choice
	for _, path := range filesIn(dir, waysExt) {
		threads := 0
		if n, err := fmt.Sscanf(filepath.Base(path), lv.String()+"-%d"+waysExt, &threads); n != 1 || err != nil {
			continue
		}
		w, err := waysIn(dir, lv, threads).read()
		if err != nil {
			continue
		}
		add := func(what string, from, usual int) {
			if from == never {
				from = -1
			}
			out = append(out, Choice{threads, what, from, usual})
		}
		for k := range kinds {
			if w.known[k] {
				add("unpack "+k.String()+" once, tokens", w.many[k], leastMany)
			}
		}
		if w.pool {
			add("share rows among threads, values", w.rows, alone)
			add("share products among threads, bytes × tokens", w.short, 0)
		}
	}
	return out
}
