package shell

import (
	"fmt"
	"io"
	"time"

	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/asr"
	"soberano/asr/audio"
)

// notUnderstood offers to play speech of a dictation that could not be understood, and to write a guess.
func (d *Shell) notUnderstood(kept *voice.Kept) {
	if _, ok := d.chat.Talk.Place().(*inFront); ok {
		d.wrong("A word was not understood: see Soberano's window")
	}
	done := func() {}
	length := lasting(kept.Length())
	p := ui.Problem{Title: "Something was said that could not be understood.", Why: fmt.Sprintf("The recording (%s) is kept. Choosing the right language in the settings may help.", length)}
	if d.Play != nil {
		p.Actions = append(p.Actions, ui.Action{Label: "Listen", Do: func() { d.playKept(kept) }})
	}
	p.Actions = append(p.Actions, ui.Action{Label: "Write a guess", Do: func() { d.hearAgain(kept, done) }},
		ui.Action{Label: "Delete it", Do: func() { d.forget(kept, length, done) }})
	done = d.showKept(kept, p)
}

// playKept plays the audio of a dictation.
func (d *Shell) playKept(kept *voice.Kept) {
	go func() {
		s, err := d.Play(&keptSound{rest: kept.Sound()})
		if err == nil {
			<-s.Done()
			err = s.Err()
		}
		if err != nil {
			d.Post(func() { d.notice("The recording can't be played.", err) })
		}
	}()
}

// keptSound is the audio of a dictation as a recording; it implements transcribe.Audio.
type keptSound struct{ rest []float32 }

func (k *keptSound) Read(p []float32) (int, error) {
	n := copy(p, k.rest)
	if k.rest = k.rest[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (k *keptSound) Duration() time.Duration {
	return time.Duration(len(k.rest)) * time.Second / asr.SampleRate
}

func (k *keptSound) Skip(d time.Duration) error {
	k.rest = k.rest[min(int(d*asr.SampleRate/time.Second), len(k.rest)):]
	return nil
}

func (k *keptSound) Damage() audio.Damage    { return audio.Damage{} }
func (k *keptSound) Remarks() []audio.Remark { return nil }
func (k *keptSound) Close() error            { return nil }
