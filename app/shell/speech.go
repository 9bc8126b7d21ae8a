package shell

import (
	"context"
	"iter"

	"soberano/app/host"
	"soberano/app/transcribe"
	"soberano/app/voice"
	"soberano/asr"
	"soberano/models/registry"
)

// Speech is an opened speech model: *asr.Model, or a scripted one in tests. Dictation and recordings share it.
type Speech interface {
	Listen(context.Context, asr.Live, asr.Params) iter.Seq2[asr.Segment, error]
	Transcribe(context.Context, asr.Source, asr.Params) iter.Seq2[asr.Segment, error]
	Close() error
}

func (d *Shell) setSpeech(entries []registry.Entry) {
	name := d.values.Values().SpeechModel
	d.mu.Lock()
	defer d.mu.Unlock()
	d.speech, d.speechOK = pick(entries, registry.Speech, name)
}

// chosenSpeech returns the speech model to use. It is called from any goroutine.
func (d *Shell) chosenSpeech() (registry.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.speechOK {
		return registry.Entry{}, voice.ErrNoModel
	}
	return d.speech, nil
}

// speechUse is a use of the speech model; it implements transcribe.Speech.
type speechUse struct {
	*host.Lease[Speech]
	entry registry.Entry
}

// hear acquires the chosen speech model. It is called from any goroutine.
func (d *Shell) hear(ctx context.Context) (*speechUse, error) {
	e, err := d.chosenSpeech()
	if err != nil {
		return nil, err
	}
	v := d.values.Values()
	l, err := d.Speech.Acquire(ctx, e, host.Settings{Threads: v.Threads, GPU: v.GPUUse()}, nil)
	if err != nil {
		return nil, err
	}
	return &speechUse{l, e}, nil
}

// openSpeech is hear for recordings.
func (d *Shell) openSpeech(ctx context.Context) (transcribe.Speech, error) {
	h, err := d.hear(ctx)
	if err != nil {
		return nil, err // a nil *speechUse in an interface would not be nil
	}
	return h, nil
}

// Name returns the model's name in the library.
func (h *speechUse) Name() string { return h.entry.Name }

// Transcribe transcribes src until it ends or the model is closed.
func (h *speechUse) Transcribe(ctx context.Context, src asr.Source, p asr.Params) iter.Seq2[asr.Segment, error] {
	return h.until(ctx, func(ctx context.Context) iter.Seq2[asr.Segment, error] { return h.Model.Transcribe(ctx, src, p) })
}

// listen transcribes a dictation with the chosen speech model, until it ends or the model is closed.
func (d *Shell) listen(ctx context.Context, src asr.Live, p asr.Params) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		h, err := d.hear(ctx)
		if err != nil {
			yield(asr.Segment{}, err)
			return
		}
		defer h.Release()
		h.until(ctx, func(ctx context.Context) iter.Seq2[asr.Segment, error] { return h.Model.Listen(ctx, src, p) })(yield)
	}
}

// until yields what run yields. The context of run ends when the model is closed, and then the error gives the reason.
func (h *speechUse) until(ctx context.Context, run func(context.Context) iter.Seq2[asr.Segment, error]) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		ctx, stop := h.Context(ctx)
		defer stop()
		for s, err := range run(ctx) {
			if err != nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}
