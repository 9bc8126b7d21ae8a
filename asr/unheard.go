package asr

import (
	"cmp"
	"slices"
	"time"

	"soberano/asr/whisper"
)

// Reason says why a stretch of a recording has no text. It is stored in files, so its value must not
// change.
type Reason string

const (
	// TooSoft: there is sound, below the level at which speech is found.
	TooSoft Reason = "too-soft"
	// NoSpeech: there is sound of an ordinary level, in which no speech was found.
	NoSpeech Reason = "no-speech"
	// Unclear: speech was found, but the model wrote nothing of which it was sure.
	Unclear Reason = "unclear"
)

// Unheard is a stretch of a recording that has sound but no text.
type Unheard struct {
	Start, End time.Duration // from the beginning of the audio
	Reason     Reason
}

const (
	aboveFloor  = 8.0    // dB by which a sound differs from the noise around it
	softest     = -108.0 // dB; the noise floor where there is digital silence
	softSpeech  = -60.0  // dB below which what was left out was too soft
	loudNoise   = -45.0  // dB above which steady noise is a sound, where no speech has been found yet
	belowSpeech = 20.0   // dB by which a sound may be softer than the speech and still be as loud as that

	soundGap   = 1 * SampleRate / chunk     // most pieces without sound within a stretch
	soundLeast = 3 * SampleRate / 2 / chunk // fewest pieces with sound in a stretch
	wordLeast  = SampleRate / 4 / chunk     // fewest pieces of loud speech that no text covers
	soundShare = 0.3                        // least share of pieces with sound
	joinGap    = 5 * SampleRate / chunk     // pieces between two stretches that are reported as one
	floorSpan  = 30 * SampleRate / chunk    // latest pieces that decide the noise floor
	floorShare = 0.1                        // of them, those at or below the floor
	speechTime = time.Second                // by which the times of segments may be wrong
)

// leftOut finds stretches with sound among the pieces that a segmenter leaves out:
//
//	pieces     ░░░▒▒▒▒░▒▒▒▒▒░░░░░░░▓▓▓▓▓▓▓▓▓▓    ▓ kept, ▒ left out with sound, ░ without
//	stretches     ├────────┤
//
// A piece has sound if it is louder than the noise floor, the tenth percentile of the last 30 s, or if
// it is as loud as the speech found so far. Steady noise below the speech, as in its pauses, is
// no sound.
type leftOut struct {
	floor  recentLevels
	speech recentLevels // of pieces that are speech

	first, last int64  // pieces with sound at the ends of the present stretch
	until       int    // sample after the last one
	run         levels // of its pieces with sound
	found       []Unheard
	after       int64 // number of the piece after the last kept one
}

// sounds reports whether the next piece of the audio has sound; it is called for every piece, in order.
func (l *leftOut) sounds(level float64, voice float32) bool {
	l.floor.add(level)
	if voice >= 0.5 {
		l.speech.add(level)
	}
	floor := max(l.floor.at(floorShare), softest)
	return level >= floor+aboveFloor || level >= max(l.asSpeech(), loudNoise)
}

// asSpeech returns the level from which on a sound is as loud as the speech found so far.
func (l *leftOut) asSpeech() float64 {
	if l.speech.n < soundGap {
		return silence
	}
	return l.speech.at(0.5) - belowSpeech
}

// leave takes the next pieces that are left out.
func (l *leftOut) leave(p []piece) {
	for _, x := range p {
		if !x.sound {
			continue
		}
		if l.run.n > 0 && x.at-l.last > soundGap {
			l.end()
		}
		if l.run.n == 0 {
			l.first = x.at
		}
		l.last, l.until = x.at, int(x.at)*chunk+len(x.samples)
		l.run.add(x.level)
	}
}

// keep ends a stretch where pieces are kept, the last of which has a number of at least at.
func (l *leftOut) keep(at int64) {
	l.end()
	l.after = at
}

// end ends a stretch.
func (l *leftOut) end() {
	n, usual := l.run.n, l.run.at(0.5)
	l.run = levels{}
	if n < soundLeast || float64(n) < soundShare*float64(l.last+1-l.first) {
		return
	}
	u := Unheard{duration(int(l.first) * chunk), duration(l.until), NoSpeech}
	switch {
	case usual < softSpeech:
		u.Reason = TooSoft
	case usual < l.asSpeech():
		return // a sound in a pause
	}
	if n := len(l.found); n > 0 {
		before := &l.found[n-1]
		if before.Reason == u.Reason && before.End > duration(int(l.after)*chunk) && u.Start-before.End <= duration(joinGap*chunk) {
			before.End = u.End
			return
		}
	}
	l.found = append(l.found, u)
}

// take returns the stretches found before piece number at, once.
func (l *leftOut) take(at int64) []Unheard {
	n := 0
	for n < len(l.found) && l.found[n].Start < duration(int(at)*chunk) {
		n++
	}
	out := l.found[:n:n]
	l.found = l.found[n:]
	return out
}

// levels counts levels, in whole dB.
type levels struct {
	counts [1 - silence]int32 // by -level
	n      int
}

const silence = -120 // dB, of digital silence in package vad

func indexOf(level float64) int { return int(min(max(-level, 0), -silence)) }

func (l *levels) add(level float64) { l.counts[indexOf(level)]++; l.n++ }

// at returns the level that a share of all does not exceed; silence if there are none.
func (l *levels) at(share float64) float64 {
	rest := int32(share * float64(l.n))
	for i := len(l.counts) - 1; i >= 0 && l.n > 0; i-- {
		if rest -= l.counts[i]; rest < 0 {
			return -float64(i)
		}
	}
	return silence
}

// recentLevels counts the last floorSpan levels.
type recentLevels struct {
	levels
	recent [floorSpan]uint8
	next   int
}

func (r *recentLevels) add(level float64) {
	if r.n == floorSpan {
		r.counts[r.recent[r.next]]--
		r.n--
	}
	r.recent[r.next] = uint8(indexOf(level))
	r.next = (r.next + 1) % floorSpan
	r.levels.add(level)
}

// unclear returns the stretches of p in which speech was detected but which no segment covers: those of
// soundLeast, and, where they are at most belowSpeech softer than the other speech of p and louder than
// loudNoise, those of a word. The times of segments are those of the joined pieces.
func unclear(p []piece, segments []whisper.Segment) (found []Unheard) {
	covered := func(i int) bool {
		at := duration(i * chunk)
		return slices.ContainsFunc(segments, func(s whisper.Segment) bool {
			return at >= s.Start-speechTime && at < s.End+speechTime
		})
	}
	usual, loud := levels{}, levels{}
	for _, x := range p {
		if x.voice >= 0.5 {
			usual.add(x.level)
		}
	}
	first, last, n := 0, -1, 0
	end := func() {
		asSpeech := loud.at(0.5) >= max(usual.at(0.5)-belowSpeech, loudNoise)
		if loud = (levels{}); n >= soundLeast || n >= wordLeast && asSpeech {
			found = append(found, Unheard{duration(int(p[first].at) * chunk), duration(int(p[last].at+1) * chunk), Unclear})
		}
		n = 0
	}
	for i := range p {
		if p[i].voice < 0.5 || covered(i) {
			continue
		}
		if n > 0 && p[i].at-p[last].at > soundGap {
			end()
		}
		if n == 0 {
			first = i
		}
		n++
		last = i
		loud.add(p[i].level)
	}
	end()
	return found
}

// inOrder sorts stretches by their beginning.
func inOrder(all []Unheard) []Unheard {
	slices.SortStableFunc(all, func(a, b Unheard) int { return cmp.Compare(a.Start, b.Start) })
	return all
}
