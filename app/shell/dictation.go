package shell

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"soberano/app/locale"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/asr"
	"soberano/asr/mic"
	"soberano/asr/wording"
	"soberano/models"
	"soberano/models/apr"
)

// dictationParams returns the parameters of dictation, according to the settings.
func (d *Shell) dictationParams() asr.Params {
	v := d.values.Values()
	return asr.Params{Language: v.Language, Vocabulary: v.Vocabulary(), Likely: locale.Language()}
}

// dictationWords returns how dictated text is edited, according to the settings.
func (d *Shell) dictationWords() wording.Options {
	v := d.values.Values()
	return wording.Options{Fillers: v.Fillers, Commands: !v.Literal}
}

// Outside is what the shell needs for dictation into other programs: keys and a socket that start it, and functions that write
// the text into the focused program.
type Outside struct {
	Why     error    // why it is not available; nil if it is
	Hotkeys []string // the combinations that can be chosen
	Focused func() (other bool, err error)
	Paste   func(text string) error       // writes text into the window with the focus
	Sign    func(text string, heard bool) // shows the overlay on the window with the focus; "" hides it
	Grab    func(keys string, pressed, released func()) (release func(), err error)
	Serve   func(handle func(line string) string) (io.Closer, error)

	Toggle    string // the line that starts or ends a dictation
	Finish    string // the line that ends a dictation, if one is running
	Finishing string // the answer, if one was running
}

// listenOutside reserves the keys of the settings and serves the socket.
func (d *Shell) listenOutside() {
	if d.Outside == nil || d.chat.Talk == nil {
		return
	}
	d.setHotkey()
	if c, err := d.Outside.Serve(d.asked); err == nil {
		d.socket = c
	} // an error means that another window serves it, or that the system has no such sockets; the keys still work
}

// setHotkey releases the keys and reserves those of the settings.
func (d *Shell) setHotkey() {
	if d.Outside == nil || d.chat.Talk == nil {
		return
	}
	if d.ungrab != nil {
		d.ungrab()
		d.ungrab = nil
	}
	d.settings.Hotkeys, d.settings.NoHotkey = d.Outside.Hotkeys, ""
	err := d.Outside.Why
	if err != nil {
		d.settings.Hotkeys = []string{}
	}
	if keys := d.values.Values().Hotkey; keys != "" && err == nil {
		d.ungrab, err = d.Outside.Grab(keys, func() { d.Post(d.keysDown) }, func() { d.Post(func() { d.chat.Talk.Release() }) })
	}
	if err != nil {
		d.settings.NoHotkey = "Not available: " + problem.Text(err) + " A shortcut of your desktop that calls “soberano dictate --toggle” begins and ends a dictation here."
	}
}

func (d *Shell) keysDown() {
	if t := d.chat.Talk; t.State() != voice.Idle {
		t.Press()
	} else {
		t.PressFor(d.front())
	}
}

// asked answers a line of `soberano dictate --toggle`; it is called from any goroutine.
func (d *Shell) asked(line string) string {
	do := d.toggle
	switch line {
	case d.Outside.Toggle:
	case d.Outside.Finish:
		do = d.finish
	default:
		return "this Soberano does not understand " + line
	}
	reply := make(chan string, 1)
	d.Post(func() { reply <- do() })
	select {
	case r := <-reply:
		return r
	case <-time.After(4 * time.Second):
		return "the window does not answer"
	}
}

// toggle starts a dictation or ends it.
func (d *Shell) toggle() string {
	t := d.chat.Talk
	if t.State() != voice.Idle {
		return d.finish()
	}
	place := d.front()
	t.PressFor(place)
	t.Release() // works like a click: the recording continues
	if _, other := place.(*inFront); other {
		return "recording, for the active window"
	}
	return "recording, for Soberano's own window"
}

// finish ends a dictation, if one is running.
func (d *Shell) finish() string {
	t := d.chat.Talk
	if t.State() == voice.Idle {
		return "nothing is being dictated"
	}
	t.Finish()
	return d.Outside.Finishing
}

// front returns the place for dictated text: the focused program, the focused entry of this one, or nil for the chat.
func (d *Shell) front() voice.Place {
	if other, err := d.Outside.Focused(); err != nil || !other {
		return d.entryPlace()
	}
	d.Outside.Sign("Listening…", true)
	return &inFront{d: d}
}

// talked updates the overlay when the state of dictation changes.
func (d *Shell) talked(t *voice.Talk) {
	switch t.Place().(type) {
	case *inFront:
	case *inEntry:
		if !d.signs() {
			return
		}
	default:
		return
	}
	switch t.State() {
	case voice.Idle:
		d.Outside.Sign("", false)
	case voice.Finishing:
		d.Outside.Sign("Writing the last words…", false)
	}
}

// signs reports whether the overlay can be shown.
func (d *Shell) signs() bool { return d.Outside != nil && d.Outside.Why == nil }

// inFront writes the text into the program that has the focus when the last word has arrived; it implements voice.Place.
type inFront struct {
	d    *Shell
	text string
	kept []func() // see voice.Place
}

// Partial shows the text on the overlay and in the chat.
func (p *inFront) Partial(text string, stable int) {
	p.d.chat.Composer.SetPartial(text, stable)
	if all := wording.Join(p.text, text); all != "" && p.d.chat.Talk.State() == voice.Recording {
		p.d.Outside.Sign(strings.ReplaceAll(all, "\n", " "), true)
	}
}

// Discarded forgets the text that was not pasted, since it comes once more if the dictation is transcribed again; it implements
// voice.Discarder.
func (p *inFront) Discarded(bool) { p.text, p.kept = "", nil }

// Final collects text. It is pasted at once at the end, so that the clipboard is replaced only once.
func (p *inFront) Final(text string, kept func()) {
	p.text, p.kept = wording.Join(p.text, text), append(p.kept, kept)
}

// End pastes the text, with a space at its end; if the chat has the focus by then, it inserts the text there.
func (p *inFront) End() {
	text, list := p.text, p.kept
	p.text, p.kept = "", nil
	if text == "" {
		return
	}
	kept := func() {
		for _, f := range list {
			f()
		}
		list = nil
	}
	d := p.d
	if other, err := d.Outside.Focused(); err == nil && !other {
		d.chat.Take(text, kept)
		return
	}
	go func() {
		err := d.Outside.Paste(wording.Join(text, " "))
		d.Post(func() {
			if err != nil {
				d.unpasted(text, err, kept)
			} else {
				kept()
			}
		})
	}()
}

// signTime is how long the overlay shows an error.
const signTime = 5 * time.Second

// wrong shows on the overlay that the text was not written.
func (d *Shell) wrong(text string) {
	d.Outside.Sign(text, false)
	time.AfterFunc(signTime, func() {
		d.Post(func() {
			if d.chat.Talk.State() == voice.Idle {
				d.Outside.Sign("", false)
			}
		})
	})
}

// unpasted offers a text that could not be inserted; kept is called when it is somewhere else.
func (d *Shell) unpasted(text string, err error, kept func()) {
	d.wrong("Not written: see Soberano's window")
	var done func()
	done = d.chat.Notice(ui.Problem{Title: "The text could not be inserted into the other program.", Why: problem.Text(err) + " It is kept here: “" + cut(text, 200) + "”",
		Actions: []ui.Action{{Label: "Copy the text", Do: func() { d.copy(text); kept() }},
			{Label: "Insert it into the chat", Do: func() { done(); d.chat.Take(text, kept) }}}})
}

// dictationFailed shows why dictation failed, and offers to transcribe its audio again, if that is kept.
func (d *Shell) dictationFailed(err error, kept *voice.Kept) {
	_, unclosed := errors.AsType[*voice.ClosingError](err)
	if _, ok := d.chat.Talk.Place().(*inFront); ok && !unclosed {
		d.wrong("Dictation failed: see Soberano's window")
	}
	p := ui.Problem{Title: "Dictation failed.", Why: problem.Text(err)}
	d.closeDictationError()
	if unclosed {
		p.Title = "The microphone did not close."
		p.Why += " All that was heard has been written."
	}
	if e, ok := errors.AsType[*mic.Error](err); ok && e.Kind == mic.Stopped {
		p.Title = "The recording ended."
		p.Why += " What was heard until then has been written."
	} else if d.soundless = ok && e.Kind == mic.Muted && d.chat.Talk.State() == voice.Recording; d.soundless {
		p.Title = "The dictation goes on, without any sound so far."
	}
	done := func() {}
	if kept != nil {
		p.Why += fmt.Sprintf(" The recording (%s) is kept.", lasting(kept.Length()))
		p.Actions = append(p.Actions, ui.Action{Label: "Try again", Do: func() { d.hearAgain(kept, done) }})
	}
	missing := errors.Is(err, voice.ErrNoModel)
	switch {
	case missing:
		words := problem.Of(err).Words()
		p.Title, p.Why = words.Title, words.Do
		if kept != nil {
			p.Why += " The recording is kept until then."
		}
		p.Actions = append([]ui.Action{{Label: "Choose a folder", Do: d.chooseFolder}}, p.Actions...)
	case errors.Is(err, models.ErrNotFound): // a file of the speech model
		p.Actions = append(p.Actions, ui.Action{Label: "Choose a model", Do: func() { d.show(modelsPage) }})
	case errors.Is(err, apr.ErrPassword): // "Try again" asks for it
	default:
		p.Actions = append(p.Actions, ui.Action{Label: "Choose a microphone", Do: func() { d.show(settingsPage) }})
	}
	p.Actions = append(p.Actions, ui.Action{Label: "Copy details", Do: func() { d.copy(models.PrintableLines(err.Error())) }})
	done = d.showKept(kept, p)
	switch {
	case missing:
		d.speechMissing = append(d.speechMissing, done)
	case kept == nil: // otherwise the card is the way to the audio
		d.dictationError = done
	}
}

// showKept shows a card about a dictation whose audio is kept, in the place of an earlier one; without kept, just a card.
func (d *Shell) showKept(kept *voice.Kept, p ui.Problem) (done func()) {
	if kept == nil {
		return d.chat.Notice(p)
	}
	if earlier := d.keptCards[kept]; earlier != nil {
		earlier()
	}
	p.About = kept
	done = d.chat.Notice(p)
	d.keptCards[kept] = done
	return done
}

// hearAgain transcribes a dictation again and closes its card. While another dictation is running the card stays, and the reason is
// shown.
func (d *Shell) hearAgain(kept *voice.Kept, done func()) {
	if d.chat.Talk.Retry(kept) {
		delete(d.keptCards, kept)
		done()
		return
	}
	d.chat.Say("Finish the dictation that is running first.")
}

// least is a level of sound that is more than none.
const least = 1e-4

// sounds closes the card that there is no sound when there is.
func (d *Shell) sounds(level float32) {
	if d.soundless && level > least {
		d.closeDictationError()
	}
}

// closeDictationError closes the card of an earlier dictation that failed.
func (d *Shell) closeDictationError() {
	d.soundless = false
	if d.dictationError != nil {
		d.dictationError()
		d.dictationError = nil
	}
}

// speechFound closes the notices that there is no speech model, since there is one now, and offers to transcribe what was recorded
// without one.
func (d *Shell) speechFound() {
	if len(d.speechMissing) == 0 {
		return
	}
	for _, done := range d.speechMissing {
		done()
	}
	d.speechMissing = nil
	for _, kept := range d.chat.Talk.Kept() {
		d.offerKept(kept, "were recorded before there was a speech model.")
	}
}

// recover offers to transcribe the audio that an earlier run has recorded and not transcribed.
func (d *Shell) recover() {
	t := d.chat.Talk
	if t == nil {
		return
	}
	t.Recover(func(list []*voice.Kept, err error) {
		if err != nil {
			d.notice("A stored dictation can't be read.", err)
		}
		for _, kept := range list {
			d.offerKept(kept, "are kept from the last time the program ran.")
		}
	})
}

// offerKept offers to transcribe audio that is kept; why continues a sentence about it.
func (d *Shell) offerKept(kept *voice.Kept, why string) {
	var done func()
	length := lasting(kept.Length())
	done = d.showKept(kept, ui.Problem{Title: "A dictation was not transcribed.",
		Why: fmt.Sprintf("%s of speech %s", length, why),
		Actions: []ui.Action{{Label: "Transcribe it here", Do: func() { d.hearAgain(kept, done) }},
			{Label: "Delete it", Do: func() { d.forget(kept, length, done) }}}})
}

// forget deletes speech that was recorded and not transcribed, after a question.
func (d *Shell) forget(kept *voice.Kept, length string, done func()) {
	d.confirm("Delete the recording", fmt.Sprintf("Delete %s of speech that were not transcribed? This can't be undone.", length), "Delete", func() {
		delete(d.keptCards, kept)
		done()
		if err := d.chat.Talk.Forget(kept); err != nil {
			d.notice("The dictation could not be deleted.", err)
		}
	})
}

// lasting formats a duration in words.
func lasting(d time.Duration) string {
	if n := int(math.Ceil(d.Minutes())); d >= 100*time.Second {
		return fmt.Sprintf("%d minutes", n)
	}
	if n := int(math.Ceil(d.Seconds())); n != 1 {
		return fmt.Sprintf("%d seconds", n)
	}
	return "a second"
}
