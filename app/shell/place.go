package shell

import (
	"time"

	"soberano/app/settings"
)

// placeTime is how long after a change of its size the place of the window is stored.
const placeTime = time.Second

// StoredPlace returns where the window was when it was last seen.
func (d *Shell) StoredPlace() settings.Place { return d.values.Values().Place }

// KeepPlace stores the place of the window, so that the next start can open it there. Of a maximized window it stores that it is
// maximized, and the size that it had before.
func (d *Shell) KeepPlace() {
	if d.Place == nil || d.closed {
		return
	}
	now, known := d.Place()
	old := d.StoredPlace()
	if now.Maximized {
		old.Maximized = true
		now = old
	}
	if known && now != d.StoredPlace() {
		d.set(func(v *settings.Values) { v.Place = now })
	}
}

// keepPlaceLater is called when the size of the window has changed.
func (d *Shell) keepPlaceLater() {
	if d.Place == nil {
		return
	}
	if d.placing != nil {
		d.placing.Stop()
	}
	d.placing = time.AfterFunc(placeTime, func() { d.Post(d.KeepPlace) })
}
