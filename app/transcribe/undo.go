package transcribe

import "slices"

// change is an edit of a segment of the opened transcript.
type change struct {
	number   int // of the segment
	was, now string
}

// changes are the edits since the transcript was opened that can be undone and redone.
type changes struct{ undo, redo []change }

// Undo takes back the last edit.
func (v *View) Undo() {
	if n := len(v.changes.undo); v.shown() && n > 0 {
		c := v.changes.undo[n-1]
		v.changes.undo, v.changes.redo = v.changes.undo[:n-1], append(v.changes.redo, c)
		v.replace(c.number, c.was)
	}
}

// Redo repeats the edit that was taken back last.
func (v *View) Redo() {
	if n := len(v.changes.redo); v.shown() && n > 0 {
		c := v.changes.redo[n-1]
		v.changes.redo, v.changes.undo = v.changes.redo[:n-1], append(v.changes.undo, c)
		v.replace(c.number, c.now)
	}
}

// replace shows and stores another text of a segment, and scrolls to it.
func (v *View) replace(number int, text string) {
	for i := range v.segments {
		if v.segments[i].Number == number {
			v.list.move(i)
			v.write(i, text)
			v.list.redraw(i)
		}
	}
}

// record keeps an edit, so that it can be undone.
func (v *View) record(number int, was, now string) {
	v.changes.redo = nil
	v.changes.undo = append(slices.Clip(v.changes.undo), change{number, was, now})
}
