package host

import (
	"context"
	"errors"
	"io"

	"soberano/asr"
	"soberano/engine"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/apr"
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
		return engine.Open(f, dev, engine.Options{Context: s.Context, Vision: h.visionOf(e, f, s), Replace: replace, Disk: h.statesOf(f)})
	}
	return ofLibrary(h, e, s, report, kindOf[*engine.Model]{TrialText, open, tryChat, func(m *engine.Model) string { return m.Info().Device }, cpu.Keep}).run(ctx)
}

// OpenEncoder opens an embedding model or a reranker on the GPU or the CPU, see Settings.GPU; it is an Open function.
func (h *Host) OpenEncoder(ctx context.Context, e registry.Entry, s Settings, report func(share float64)) (*engine.Encoder, error) {
	open := func(f *models.File, dev kernels.Device, _ *cpu.Pool, replace func(error) (kernels.Device, error)) (*engine.Encoder, error) {
		return engine.OpenEncoder(f, dev, engine.Options{Context: s.Context, Replace: replace})
	}
	return ofLibrary(h, e, s, report, kindOf[*engine.Encoder]{TrialText, open, tryEncoder, func(e *engine.Encoder) string { return e.Info().Device }, cpu.Keep}).run(ctx)
}

// OpenSpeech opens a speech model on the GPU or the CPU, see Settings.GPU; it is an Open function.
func (h *Host) OpenSpeech(ctx context.Context, e registry.Entry, s Settings, report func(share float64)) (*asr.Model, error) {
	open := func(f *models.File, dev kernels.Device, pool *cpu.Pool, replace func(error) (kernels.Device, error)) (*asr.Model, error) {
		return asr.Open(f, dev, asr.Options{Pool: pool, Replace: replace})
	}
	return ofLibrary(h, e, s, report, kindOf[*asr.Model]{TrialSpeech, open, trySpeech, func(m *asr.Model) string { return m.Info().Device }, cpu.Bits8}).run(ctx)
}

// ofLibrary returns an opening of the model of an entry. A signed file that is not in the library is compared with its signature first, which reads all of it.
func ofLibrary[M io.Closer](h *Host, e registry.Entry, s Settings, report func(share float64), kind kindOf[M]) opening[M] {
	verified := e.Saved() // by its import, since which it is unchanged
	file := func(ctx context.Context) (*models.File, error) {
		if err := errors.Join(e.Unchanged(ctx, nil), ctx.Err()); err != nil {
			return nil, err
		}
		f, err := h.unlocked(ctx, e)
		if err != nil || verified || f.Meta[apr.SignedBy] == nil {
			return f, err
		}
		if err := f.Verify(ctx); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		verified = true
		return f, nil
	}
	return opening[M]{kindOf: kind, h: h, e: e, s: s, file: file, report: report, seat: func(M) seat[M] { return &hostSeat[M]{h, keyOf(e), s} }}
}

// Check reports whether a model file can be opened: by OpenSpeech, or by OpenChat or OpenEncoder, according to its
// format and content; it is a registry.Check.
func Check(f *models.File) (registry.Verdict, error) {
	if _, keys := f.Meta["general.architecture"]; f.Format == "gguf" || keys || huggingface.Is(f) {
		return engine.Check(f)
	}
	return registry.Verdict{}, asr.Check(f)
}

// cpuDevice opens a CPU device for the weights of f.
func (h *Host) cpuDevice(e registry.Entry, s Settings, f *models.File, floats cpu.Floats, pool *cpu.Pool) (kernels.Device, error) {
	packed := cpu.Packed{Dir: registry.PackedDir(), Model: f.Identity(), Map: models.Map, Damaged: h.damaged}
	if f.Meta[apr.Encrypted] == true {
		packed = cpu.Packed{} // encrypted weights are not kept decrypted on disk
	}
	return cpu.New(cpu.Options{Pool: pool, Exact: s.Exact, Floats: floats, Cache: s.KV.Cached(), Forget: models.Forget, Lost: h.lost(e), Packed: packed})
}
