package voice

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"soberano/asr"
	"soberano/asr/vad"
)

const (
	tapeHead  = 60
	tapeLand  = 44                       // the offset of the number of finished samples
	tapeLimit = 4 << 30                  // the largest size in bytes of a file that is read
	tapeMost  = 10 * 60 * asr.SampleRate // samples that Read has returned and that are kept; the oldest ones beyond this get no text any more
	tapeNames = "20060102-150405"        // the name of a file is the time at which it began
)

// tape keeps the audio of one dictation until its text has been written.
//
//	microphone ──pump──▶ tape ──Read──▶ the speech model
//	                      │ memory, and data folder/dictation/*.wav
//	                      ╰ landed: audio whose text has been written is dropped
//
// It accepts audio at any time, however slow the model is. If the transcription fails or the program is killed, the rest can
// be transcribed again. The file is a WAV that other programs can play (16 bit, 16 kHz, mono), with a chunk of this program's
// own before the data:
//
//	0 RIFF size WAVE   12 "fmt " 16 …   36 "land" 8, samples that have landed   52 "data" size
//
// The sizes are written at the end; while the file is open, its length counts. The methods may be called from any goroutine.
type tape struct {
	mu      sync.Mutex
	samples []float32 // starting with sample number base
	base    int
	at      int   // number of the next sample that Read returns
	origin  int   // number of the first sample that this run of the model gets
	err     error // why there will be no more samples
	wake    chan struct{}
	dir     string   // where the file is; "": there is none, or it is not written any more
	file    *os.File // nil: none could be created so far
	saved   int      // number of the sample after the last one in the file
	guess   bool     // it is speech that could not be understood: what the model guesses is written
	place   Place    // of its text, once the dictation has failed; for the UI goroutine
}

// newTape returns an empty tape that is also kept in a file of dir; "" means no file. While no file can be created or written, as
// on a full disk, the tape is in memory only, and each further sound tries again.
func newTape(dir string) *tape {
	t := &tape{wake: make(chan struct{}, 1), dir: dir}
	_ = t.save() // add tries again
	return t
}

// create creates the file.
func (t *tape) create() error {
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(t.dir, time.Now().Format(tapeNames)+"-*.wav")
	if err != nil {
		return err
	}
	if _, err := f.Write(tapeHeader(0, t.base)); err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	t.file, t.saved = f, t.base
	return nil
}

// save writes the samples that the file does not have yet.
func (t *tape) save() error {
	if t.dir == "" {
		return nil
	}
	if t.file == nil {
		if err := t.create(); err != nil {
			return err
		}
	}
	from := max(t.saved, t.base)
	rest := t.samples[from-t.base:]
	if len(rest) == 0 {
		return nil
	}
	b := make([]byte, 0, 2*len(rest))
	for _, v := range rest {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(math.Round(float64(min(max(v, -1), 1))*32767))))
	}
	n, err := t.file.WriteAt(b, int64(tapeHead+2*from))
	t.saved = from + n/2
	return err
}

func tapeHeader(samples, landed int) []byte {
	b := make([]byte, 0, tapeHead)
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(tapeHead-8+2*samples))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1) // integers
	b = le.AppendUint16(b, 1) // mono
	b = le.AppendUint32(b, asr.SampleRate)
	b = le.AppendUint32(b, 2*asr.SampleRate)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "land"...)
	b = le.AppendUint32(b, 8)
	b = le.AppendUint64(b, uint64(landed))
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(2*samples))
}

// openTape reads the file of an earlier run of the program.
func openTape(path string) (*tape, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	t, err := readTape(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return t, nil
}

func readTape(f *os.File) (*tape, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, tapeHead)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, err
	}
	if string(head[:4]) != "RIFF" || string(head[36:40]) != "land" || st.Size() > tapeLimit {
		return nil, errors.New("is no dictation of this program")
	}
	n := int(st.Size()-tapeHead) / 2
	landed := int(min(binary.LittleEndian.Uint64(head[tapeLand:]), uint64(n)))
	b := make([]byte, 2*(n-landed))
	if _, err := f.ReadAt(b, int64(tapeHead+2*landed)); err != nil && len(b) > 0 {
		return nil, err
	}
	t := &tape{samples: make([]float32, n-landed), base: landed, at: landed, origin: landed, err: io.EOF, wake: make(chan struct{}, 1),
		dir: filepath.Dir(f.Name()), file: f, saved: n}
	for i := range t.samples {
		t.samples[i] = float32(int16(binary.LittleEndian.Uint16(b[2*i:]))) / 32768
	}
	return t, nil
}

// pump fills the tape until the source ends.
func (t *tape) pump(ctx context.Context, src asr.Live) {
	buf := make([]float32, 1600)
	for {
		n, err := src.Read(ctx, buf)
		t.add(buf[:n], err)
		if err != nil {
			return
		}
	}
}

func (t *tape) add(x []float32, err error) {
	t.mu.Lock()
	if t.at-t.base > tapeMost {
		n := tapeMost / 2
		t.samples, t.base = append([]float32(nil), t.samples[n:]...), t.base+n
	}
	t.samples = append(t.samples, x...)
	t.err = err
	_ = t.save() // the next sound tries again, and so does keep, which reports it
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Read returns the samples on the tape and waits for more; at the end of the tape it returns the source's error.
func (t *tape) Read(ctx context.Context, p []float32) (int, error) {
	for {
		t.mu.Lock()
		n, err := copy(p, t.samples[t.at-t.base:]), t.err
		t.at += n
		t.mu.Unlock()
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// sample returns the number of the sample at a time, which counts from the beginning of this run of the model.
func (t *tape) sample(at time.Duration) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.origin + int(at*asr.SampleRate/time.Second)
}

// landed drops the samples before one whose text has been written.
func (t *tape) landed(until int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(until, t.at) - t.base
	if n <= 0 {
		return
	}
	t.samples, t.base = append([]float32(nil), t.samples[n:]...), t.base+n
	if t.file != nil {
		_, _ = t.file.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(t.base)), tapeLand) // the next text tries again, and so does keep
	}
}

// rewind goes back to the first sample without text.
func (t *tape) rewind() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.origin, t.err = t.base, t.base, io.EOF
}

// ended returns why the source ended; nil if it has not.
func (t *tape) ended() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// rest returns how much audio has no text yet.
func (t *tape) rest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Duration(len(t.samples)) * time.Second / asr.SampleRate
}

// speaks reports whether there is speech in the audio without text.
func (t *tape) speaks() bool {
	t.mu.Lock()
	samples := t.samples // which are appended to and replaced, never changed
	t.mu.Unlock()
	return len(vad.Speech(samples, vad.Offline())) > 0
}

// shortest is how much audio at least holds a word.
const shortest = 300 * time.Millisecond

// empty reports whether nothing is said in the audio without text: it is too short, or, if doubtful is set, no speech is found in it.
func (t *tape) empty(doubtful bool) bool {
	return t.rest() < shortest || doubtful && !t.speaks()
}

// keep closes the file and leaves it for the next start. The error says why some of the audio without text is not in it.
func (t *tape) keep() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.save()
	t.dir = ""
	if t.file == nil {
		return err
	}
	_, e := t.file.WriteAt(tapeHeader(t.saved, min(t.base, t.saved)), 0)
	err = errors.Join(err, e, t.file.Close())
	t.file = nil
	return err
}

// drop deletes the file.
func (t *tape) drop() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dir = ""
	if t.file == nil {
		return nil
	}
	f := t.file
	t.file = nil
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// tapesIn returns the names of the tapes in dir, the oldest first.
func tapesIn(dir string) []string {
	names, _ := filepath.Glob(filepath.Join(dir, "*.wav")) // the only error is a wrong pattern
	return names
}

// left returns the tapes of the given names, except those without speech, which it deletes.
func left(names []string) (tapes []*tape, err error) {
	for _, name := range names {
		t, e := openTape(name)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		if !t.speaks() {
			err = errors.Join(err, t.drop())
			continue
		}
		tapes = append(tapes, t)
	}
	return tapes, err
}
