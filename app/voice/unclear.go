package voice

import (
	"math"
	"time"

	"soberano/asr"
)

const (
	// aroundUnclear is how much of the sound around speech that could not be understood is kept with it.
	aroundUnclear = 300 * time.Millisecond
	// guessLogprob and guessNoSpeech are the thresholds of asr.Decoding at which a guess is written too.
	guessLogprob, guessNoSpeech = -4, 1
	// surely is the probability of a language from which on it is likely to be that of the next dictation.
	surely = 0.6
)

// params returns the parameters of a session. The language of the dictation before it is the likely one; before the first one the
// window's Params say which is.
func (t *Talk) params(kept *tape) asr.Params {
	p := t.Params()
	if t.spoken != "" {
		p.Likely = t.spoken
	}
	if kept != nil && kept.guess {
		p.MinLogprob, p.MaxNoSpeech = guessLogprob, guessNoSpeech
	}
	return p
}

// keepUnclear copies speech that could not be understood from the tape, which drops it when later text has been stored.
func (s *session) keepUnclear(u asr.Unheard, dir string) {
	sound := s.tape.section(s.tape.sample(u.Start-aroundUnclear), s.tape.sample(u.End+aroundUnclear))
	if len(sound) == 0 {
		return
	}
	if s.unclear == nil {
		s.unclear = newTape(dir)
		s.unclear.guess = true
	}
	s.unclear.add(sound, nil)
}

// section returns a copy of samples [from, until), as far as they are kept.
func (t *tape) section(from, until int) []float32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	from = min(max(from, t.base), t.base+len(t.samples))
	until = min(max(from, until), t.base+len(t.samples))
	return append([]float32(nil), t.samples[from-t.base:until-t.base]...)
}

// offerUnclear reports what could not be understood in a session that has ended. Its place is done with, so a guess goes to the
// result of Begin.
func (t *Talk) offerUnclear(s *session) {
	if s.unclear == nil {
		return
	}
	if s.discarded.Load() || t.OnUnclear == nil {
		t.report(s.unclear.drop())
		return
	}
	k := &Kept{s.unclear, false}
	t.kept = append(t.kept, k)
	t.OnUnclear(k)
}

// Sound returns the audio, to be played: 16 kHz mono, from -1 to 1.
func (k *Kept) Sound() []float32 { return k.tape.section(0, math.MaxInt) }
