package host

import (
	"context"
	"errors"

	"soberano/asr"
	"soberano/engine"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/huggingface"
	"soberano/models/registry"
)

// Chats returns the chat models of a library.
func Chats(h *Host) *Models[*engine.Model] {
	return NewModels(h, h.OpenChat, func(m *engine.Model) int64 { return ChatBytes(m.Info()) })
}

// Encoders returns the embedding models and rerankers of a library.
func Encoders(h *Host) *Models[*engine.Encoder] {
	return NewModels(h, h.OpenEncoder, func(e *engine.Encoder) int64 { return ChatBytes(e.Info()) })
}

// Speech returns the speech models of a library.
func Speech(h *Host) *Models[*asr.Model] {
	return NewModels(h, h.OpenSpeech, nil)
}

// ChatBytes returns the bytes that an opened chat model uses with one full conversation, or an encoder with one text.
func ChatBytes(i engine.Info) int64 {
	return i.WeightBytes + i.CacheBytes + i.ScratchBytes
}

// OpenChat opens a chat model on the GPU or the CPU, see Settings.GPU; it is an Open function.
func (h *Host) OpenChat(ctx context.Context, e registry.Entry, s Settings, report func(share float64)) (*engine.Model, error) {
	open := func(f *models.File, dev kernels.Device, pool *cpu.Pool, replace func(error) (kernels.Device, error)) (*engine.Model, error) {
		return engine.Open(f, dev, engine.Options{Context: s.Context, Vision: h.visionOf(e, f, pool), Replace: replace})
	}
	return opening[*engine.Model]{kindOf[*engine.Model]{open, tryChat, func(m *engine.Model) string { return m.Info().Device }, cpu.Keep}, h, e, s, report}.run(ctx)
}

// OpenEncoder opens an embedding model or a reranker on the GPU or the CPU, see Settings.GPU; it is an Open function.
func (h *Host) OpenEncoder(ctx context.Context, e registry.Entry, s Settings, report func(share float64)) (*engine.Encoder, error) {
	open := func(f *models.File, dev kernels.Device, _ *cpu.Pool, replace func(error) (kernels.Device, error)) (*engine.Encoder, error) {
		return engine.OpenEncoder(f, dev, engine.Options{Context: s.Context, Replace: replace})
	}
	return opening[*engine.Encoder]{kindOf[*engine.Encoder]{open, tryEncoder, func(e *engine.Encoder) string { return e.Info().Device }, cpu.Keep}, h, e, s, report}.run(ctx)
}

// OpenSpeech opens a speech model on the GPU or the CPU, see Settings.GPU; it is an Open function.
func (h *Host) OpenSpeech(ctx context.Context, e registry.Entry, s Settings, report func(share float64)) (*asr.Model, error) {
	open := func(f *models.File, dev kernels.Device, pool *cpu.Pool, replace func(error) (kernels.Device, error)) (*asr.Model, error) {
		return asr.Open(f, dev, asr.Options{Pool: pool, Replace: replace})
	}
	return opening[*asr.Model]{kindOf[*asr.Model]{open, trySpeech, func(m *asr.Model) string { return m.Info().Device }, cpu.Bits8}, h, e, s, report}.run(ctx)
}

// Check reports whether a model file can be opened: by OpenSpeech, or by OpenChat or OpenEncoder, according to its
// format and content; it is a registry.Check.
func Check(f *models.File) (warning string, err error) {
	if _, keys := f.Meta["general.architecture"]; f.Format == "gguf" || keys || huggingface.Is(f) {
		return engine.Check(f)
	}
	return asr.Check(f)
}

// onCPU checks and opens the files of an entry, and opens a CPU device for their weights that uses the shared workers.
func (h *Host) onCPU(ctx context.Context, e registry.Entry, s Settings, floats cpu.Floats, report func(share float64)) (*models.File, kernels.Device, *cpu.Pool, error) {
	if err := e.Unchanged(ctx, nil); err != nil {
		return nil, nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	pool, err := h.pools.get(s.Threads)
	if err != nil {
		return nil, nil, nil, err
	}
	f, err := registry.Read(e.Path())
	if err != nil {
		return nil, nil, nil, err
	}
	dev, err := h.cpuDevice(e, s, f, floats, pool)
	if err != nil {
		return nil, nil, nil, errors.Join(err, f.Close())
	}
	return f, newLoadingDevice(ctx, dev, f, report), pool, nil
}

// cpuDevice opens a CPU device for the weights of f.
func (h *Host) cpuDevice(e registry.Entry, s Settings, f *models.File, floats cpu.Floats, pool *cpu.Pool) (kernels.Device, error) {
	return cpu.New(cpu.Options{Pool: pool, Exact: s.Exact, Floats: floats, Cache: s.KV.Cached(), Forget: models.Forget, Lost: h.lost(e),
		Packed: cpu.Packed{Dir: registry.PackedDir(), Model: f.Identity(), Map: models.Map, Damaged: h.damaged}})
}
