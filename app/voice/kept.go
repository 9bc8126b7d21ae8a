package voice

import (
	"errors"
	"slices"
	"time"
)

// Kept is the audio of a dictation that has no text yet, because that failed, the program was killed, or the dictation was discarded. It
// can be transcribed again.
type Kept struct {
	tape      *tape
	discarded bool // it does not outlast the program
}

// Length returns how much audio it is.
func (k *Kept) Length() time.Duration { return k.tape.rest() }

// Kept returns the audio of all dictations that can be transcribed again, the latest last, except those that were discarded.
func (t *Talk) Kept() []*Kept {
	return slices.DeleteFunc(slices.Clone(t.kept), func(k *Kept) bool { return k.discarded })
}

// take removes k from what is kept; it returns false if it is not kept any more.
func (t *Talk) take(k *Kept) bool {
	i := slices.Index(t.kept, k)
	if i >= 0 {
		t.kept = slices.Delete(t.kept, i, i+1)
	}
	return i >= 0
}

// Retry transcribes a dictation again; it returns false while another one is running. Its text goes to the same Place, or, if the
// dictation is from an earlier run of the program or could not be understood, to the result of Begin.
func (t *Talk) Retry(k *Kept) bool {
	if t.state != Idle || !t.take(k) {
		return false
	}
	k.tape.rewind()
	t.start(k.tape.place, k.tape)
	return true
}

// Forget deletes a dictation.
func (t *Talk) Forget(k *Kept) error {
	if !t.take(k) {
		return nil
	}
	if k.tape.place != nil {
		tell(k.tape.place, false)
	}
	return k.tape.drop()
}

// Recover finds the audio that an earlier run of the program has recorded and not transcribed, and then calls then. The error names
// the files that can't be read.
func (t *Talk) Recover(then func([]*Kept, error)) {
	if t.Tapes == "" {
		return
	}
	names := tapesIn(t.Tapes) // before this run makes tapes of its own; no other one has the data folder
	go func() {
		tapes, err := left(names)
		t.Post(func() {
			var list []*Kept
			for _, tape := range tapes {
				list = append(list, &Kept{tape, false})
			}
			t.kept = append(slices.Clone(list), t.kept...)
			then(list, err)
		})
	}()
}

// keepAll closes the files of all audio without text and leaves them for the next start.
func (t *Talk) keepAll() (err error) {
	for _, k := range t.kept {
		if k.discarded {
			err = errors.Join(err, k.tape.drop())
		} else {
			err = errors.Join(err, k.tape.keep())
		}
	}
	for _, s := range t.writing { // their audio is all there is of texts that could not be stored
		err = errors.Join(err, s.tape.keep())
	}
	t.kept, t.writing = nil, nil
	return err
}
