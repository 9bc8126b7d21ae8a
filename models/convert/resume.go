package convert

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"soberano/models"
	"soberano/models/registry"
)

// A conversion that was interrupted or killed goes on where it stopped when it is called again. Its temporary folder has a name that depends on
// that of the output, and these files:
//
//	lock      locked while a process writes
//	journal   a line with the identity of the conversion, then one for each tensor that has been written (record)
//	files/    what has been written
//
// A tensor is taken from there if the conversion is the same, the tensor has the same place, and its bytes have the SHA-256 in the journal; otherwise it is encoded again.

// record is a line of the journal.
type record struct {
	File   string `json:"file"`
	Tensor string `json:"tensor"`
	At     int64  `json:"at"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// BusyError is the error of a file that another process is writing.
type BusyError struct{ Path string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s is being written by another process", models.Printable(filepath.Base(e.Path)))
}

// createResumable prepares to write out like create. identity stands for all that determines the bytes of the tensors.
func createResumable(out string, replace bool, identity string) (*destination, error) {
	d, err := newDestination(out, replace)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(d.name))
	d.temporary = filepath.Join(d.dir, temporary+hex.EncodeToString(sum[:8]))
	if err := os.Mkdir(d.temporary, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, d.explain(err)
	}
	switch d.lock, err = registry.TryLock(filepath.Join(d.temporary, "lock")); {
	case errors.Is(err, registry.ErrLocked):
		return nil, &BusyError{out}
	case d.lock == nil:
		return nil, d.explain(err)
	}
	if err := d.openJournal(identity); err != nil {
		d.discard()
		return nil, d.explain(err)
	}
	return d, nil
}

// openJournal reads the journal, and begins a new one and removes what was written if it is that of another conversion.
func (d *destination) openJournal(identity string) error {
	path := filepath.Join(d.temporary, "journal")
	var err error
	if d.journal, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	d.known = map[string]record{}
	end := int64(0)
	for r := bufio.NewReader(d.journal); ; {
		line, err := r.ReadString('\n')
		if err != nil { // a line that was not written to its end is none
			break
		}
		var x record
		if first := end == 0; first && line != identity+"\n" || !first && json.Unmarshal([]byte(line), &x) != nil {
			break
		}
		d.known[x.File+"\x00"+x.Tensor] = x
		end += int64(len(line))
	}
	if end == 0 {
		err = os.RemoveAll(d.files())
	}
	if err == nil {
		err = d.journal.Truncate(end)
	}
	if _, failed := d.journal.Seek(end, io.SeekStart); err == nil {
		err = failed
	}
	if end == 0 && err == nil {
		_, err = d.journal.WriteString(identity + "\n")
	}
	return err
}

// reuse writes the bytes of a tensor to w that are where they belong already. ok is false if they are not.
func (d *destination) reuse(ctx context.Context, w io.Writer, tensor string, size int64) (ok bool, err error) {
	x := d.known[d.out.name+"\x00"+tensor]
	if d.journal == nil || x.At != d.out.at || x.Bytes != size || size == 0 {
		return false, nil
	}
	sum := sha256.New()
	if n, err := io.Copy(sum, io.NewSectionReader(d.out.f, x.At, size)); err != nil || n != size || hex.EncodeToString(sum.Sum(nil)) != x.SHA256 {
		return false, nil // it is encoded again
	}
	for done := int64(0); done < size && err == nil; done += 16 << 20 {
		if err = ctx.Err(); err == nil {
			_, err = io.Copy(w, io.NewSectionReader(d.out.f, x.At+done, min(16<<20, size-done)))
		}
	}
	return true, err
}

// record adds a tensor that has been written, which began at byte at, to the journal.
func (d *destination) record(tensor string, at int64, sum []byte) error {
	if err := d.out.w.Flush(); err != nil {
		return err
	}
	b, err := json.Marshal(record{d.out.name, tensor, at, d.out.at - at, hex.EncodeToString(sum)})
	if err == nil {
		_, err = d.journal.Write(append(b, '\n'))
	}
	return err
}
