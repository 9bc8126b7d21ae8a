package host

import (
	"context"

	"soberano/asr"
	"soberano/engine"
	"soberano/models/registry"
)

// Chats returns the chat models of a library, opened on the processor.
func Chats(h *Host) *Models[*engine.Model] {
	return NewModels(h, h.OpenChat, func(m *engine.Model) int64 { return ChatBytes(m.Info()) })
}

// Speech returns the speech models of a library, opened on the processor.
func Speech(h *Host) *Models[*asr.Model] {
	return NewModels(h, h.OpenSpeech, nil)
}

// ChatBytes returns the bytes that an opened chat model takes with one full conversation.
func ChatBytes(i engine.Info) int64 {
	return i.WeightBytes + i.CacheBytes + i.ScratchBytes
}

// OpenChat opens a chat model on the processor; it is an Open.
func (h *Host) OpenChat(ctx context.Context, e registry.Entry, s Settings, report func(share float64)) (*engine.Model, error) {
	return opening(ctx, e, func() (*engine.Model, error) {
		return engine.Open(e.Path(), engine.Options{Context: s.Context, Threads: s.Threads, Exact: s.Exact, Packed: registry.PackedDir()})
	})
}

// OpenSpeech opens a speech model on the processor; it is an Open.
func (h *Host) OpenSpeech(ctx context.Context, e registry.Entry, s Settings, report func(share float64)) (*asr.Model, error) {
	return opening(ctx, e, func() (*asr.Model, error) {
		return asr.Open(e.Path(), asr.Options{Threads: s.Threads, Exact: s.Exact, Packed: registry.PackedDir()})
	})
}

// opening checks the files of an entry and opens its model.
func opening[M any](ctx context.Context, e registry.Entry, open func() (M, error)) (m M, err error) {
	if err := e.Check(); err != nil {
		return m, err
	}
	if err := ctx.Err(); err != nil {
		return m, err
	}
	return open()
}
