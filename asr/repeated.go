package asr

// apartBeam is the least number of hypotheses for two words: greedy decoding is more often wrong about them.
const apartBeam = 5

// hearApart decodes the first two words of a window whose text is one word again and again by themselves, and replaces the word by
// what is heard there, see whisper.Model.Reword. It takes another pass of the encoder.
func (t *transcription) hearApart(w *fileWindow) error {
	r, err := w.slot.Result()
	if err != nil || r.Repeated == "" || r.Swallowed {
		return nil // an error is finish's
	}
	p := w.pieces[:min((samplesOf(r.Two)+chunk-1)/chunk, len(w.pieces))]
	s, err := t.m.slot()
	if err != nil {
		return err
	}
	defer func() { t.m.slots = append(t.m.slots, s) }()
	o := w.o
	o.Prompt, o.WordTimes, o.Beam = o.Prompt[:o.Hints], false, max(o.Beam, apartBeam)
	o.Voiced, o.Length = duration(voicedLength(p)*chunk), duration(len(p)*chunk)
	o.Speech = speechTicks(p, 0, len(p)*chunk)
	apart, err := s.Window(t.ctx, t.m.mel.Window(join(p), t.m.net.Frames()), o)
	if err == nil {
		t.m.net.Reword(r, apart)
	}
	return err
}
