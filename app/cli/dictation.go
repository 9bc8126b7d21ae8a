package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/asr"
	"soberano/asr/audio"
	"soberano/asr/vad"
	"soberano/models/registry"
)

// dictationBench is the JSON of `soberano bench --dictation`, which plays clips in real time, as a microphone would deliver them,
// and measures the time from the last word to the final text. Times are in milliseconds.
//
//	speech  ▓▓▓▓▓░▓▓▓▓▓▓▓│
//	released             │◀ --after ▶│ end of the source ──── released_ms ────▶ final text
//	hands-free           │ silence goes on ─────────── hands_free_ms ───────▶ final text
//
// Each clip ends with its last word, as package vad finds it, and is played twice in each round. Released: the source ends when
// the key is released, by default with the last word itself, which is the hardest case, since no person is that quick.
// Hands-free: silence follows, and the pause that ends an utterance is part of the time.
type dictationBench struct {
	Model string `json:"model"`
	machine
	AfterMS   float64        `json:"after_ms"` // from the last word to the release
	Clips     []dictatedClip `json:"clips"`
	Sentences summary        `json:"sentences"` // clips of 4 to 6.5 s
	All       summary        `json:"all"`
	Changed   int            `json:"stable_changed"` // final texts that did not begin with the text reported as stable before
	Invented  int            `json:"invented"`       // texts for clips without speech
}

// dictatedClip is the result for one clip, with one value for each round.
type dictatedClip struct {
	File      string    `json:"file"`
	Seconds   float64   `json:"seconds"` // up to the last word; 0: no speech
	Released  []float64 `json:"released_ms"`
	HandsFree []float64 `json:"hands_free_ms"`
	First     []float64 `json:"first_ms"` // from the first word to the first text
	Partials  []int     `json:"partials"` // number of partial texts
	Text      string    `json:"text"`     // of the last round, released
	Differs   bool      `json:"differs"`  // the hands-free text is different
	Language  string    `json:"language"` // as detected
	samples   []float32 // up to the last word
	onset     time.Duration
}

// summary summarises the times of several clips.
type summary struct {
	Runs         int     `json:"runs"`
	Released     float64 `json:"released_ms_median"`
	Released95   float64 `json:"released_ms_95"`
	HandsFree    float64 `json:"hands_free_ms_median"`
	HandsFree95  float64 `json:"hands_free_ms_95"`
	FirstMedian  float64 `json:"first_ms_median"`
	PartialsMean float64 `json:"partials_mean"`
}

// dictationLoad holds the parameters of the measurement.
type dictationLoad struct {
	folder, language string
	after            time.Duration
	gpu              host.GPUUse
	rounds, threads  int
	asJSON           bool
}

func benchDictation(cmd *cobra.Command, e registry.Entry, files []string, o dictationLoad) error {
	if len(files) == 0 {
		var err error
		if files, err = filepath.Glob(filepath.Join(o.folder, "*.wav")); err != nil || len(files) == 0 {
			return fmt.Errorf("there are no WAV files in %s; name clips, or a folder of them with --clips", o.folder)
		}
	}
	m, closeModel, err := open(cmd.Context(), host.Speech, e, host.Settings{Threads: o.threads, GPU: o.gpu})
	if err != nil {
		return err
	}
	defer closeModel()
	host, err := machineOf(o.threads)
	if err != nil {
		return err
	}
	b := dictationBench{Model: e.Title, machine: host, AfterMS: ms(o.after)}
	w := cmd.OutOrStdout()
	if !o.asJSON {
		fmt.Fprintf(w, "%s, %s, %s, %d threads; released %v after the last word\n", b.Model, b.CPU, b.Level, b.Threads, o.after)
		fmt.Fprintf(w, "%-28s %7s %9s %11s %7s %9s\n", "clip (medians)", "seconds", "released", "hands-free", "first", "partials")
	}
	for _, file := range files {
		c, err := loadClip(file)
		if err != nil {
			return err
		}
		if err := b.measure(cmd.Context(), m, c, o); err != nil {
			return err
		}
		if !o.asJSON {
			fmt.Fprintf(w, "%-28.28s %7.1f %6.0f ms %8.0f ms %4.0f ms %9.1f  %s\n", filepath.Base(c.File), c.Seconds, median(c.Released), median(c.HandsFree), median(c.First), mean(c.Partials), c.Text)
		}
		b.Clips = append(b.Clips, *c)
	}
	b.Sentences = summarise(b.Clips, 4, 6.5)
	b.All = summarise(b.Clips, 0.1, 1e9)
	if o.asJSON {
		return printJSON(w, b)
	}
	for _, s := range []struct {
		name string
		summary
	}{{"sentences of 4 to 6.5 s", b.Sentences}, {"all clips with speech", b.All}} {
		fmt.Fprintf(w, "%s, %d runs: released %.0f ms (95%%: %.0f), hands-free %.0f ms (95%%: %.0f), first text after %.0f ms\n",
			s.name, s.Runs, s.Released, s.Released95, s.HandsFree, s.HandsFree95, s.FirstMedian)
	}
	fmt.Fprintf(w, "stable text that changed: %d; text where nobody speaks: %d\n", b.Changed, b.Invented)
	return nil
}

// loadClip reads a file and finds its first and its last word.
func loadClip(file string) (*dictatedClip, error) {
	src, err := audio.Open(file)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	c := &dictatedClip{File: file}
	for buf := make([]float32, 1<<14); ; {
		n, err := src.Read(buf)
		c.samples = append(c.samples, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	spoken := vad.Speech(c.samples, vad.Options{Before: -1, After: -1})
	if len(spoken) > 0 {
		c.samples = c.samples[:spoken[len(spoken)-1].End]
		c.Seconds = float64(len(c.samples)) / asr.SampleRate
		c.onset = duration(spoken[0].Start)
	}
	return c, nil
}

func (b *dictationBench) measure(ctx context.Context, m *asr.Model, c *dictatedClip, o dictationLoad) error {
	for range o.rounds {
		for _, silence := range []time.Duration{o.after, 2 * time.Second} {
			r, err := dictated(ctx, m, c.samples, silence, o.language)
			if err != nil {
				return err
			}
			b.Changed += r.changed
			if c.Seconds == 0 {
				b.Invented += r.texts
				continue
			}
			if silence == o.after {
				c.Released = append(c.Released, ms(r.final-duration(len(c.samples))-o.after))
				c.First = append(c.First, ms(r.first-c.onset))
				c.Partials = append(c.Partials, r.partials)
				c.Text, c.Language = r.text, r.language
			} else {
				c.HandsFree = append(c.HandsFree, ms(r.final-duration(len(c.samples))))
				c.Differs = c.Differs || r.text != c.Text
			}
		}
	}
	return nil
}

// heardClip is the result of playing a clip once; times are measured from its beginning.
type heardClip struct {
	first, final    time.Duration
	partials, texts int
	changed         int
	text, language  string
}

func dictated(ctx context.Context, m *asr.Model, samples []float32, silence time.Duration, language string) (heardClip, error) {
	var d heardClip
	var finals []string
	stable := ""
	p := &player{samples: samples, end: len(samples) + int(silence*asr.SampleRate/time.Second), began: time.Now()}
	for s, err := range m.Listen(ctx, p, asr.Params{Language: language}) {
		if err != nil {
			return d, err
		}
		now := time.Since(p.began)
		if d.first == 0 {
			d.first = now
		}
		if !strings.HasPrefix(s.Text, stable) {
			d.changed++
		}
		d.texts++
		if stable = s.Text[:s.Stable]; !s.Final {
			d.partials++
			continue
		}
		stable = ""
		d.final, d.language = now, s.Language
		finals = append(finals, s.Text)
	}
	d.text = strings.Join(finals, " ")
	return d, nil
}

// player is a microphone that delivers a clip and then silence, in buffers of 20 ms, each at the time at which it ends.
type player struct {
	samples    []float32
	given, end int
	began      time.Time
}

func (p *player) Read(ctx context.Context, buf []float32) (int, error) {
	n := min(asr.SampleRate/50, len(buf), p.end-p.given)
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(time.Until(p.began.Add(duration(p.given + n)))):
	}
	if n == 0 {
		return 0, io.EOF
	}
	clear(buf[:n])
	if p.given < len(p.samples) {
		copy(buf[:n], p.samples[p.given:])
	}
	p.given += n
	return n, nil
}

// summarise summarises the clips whose length in seconds is in a range.
func summarise(clips []dictatedClip, least, most float64) (s summary) {
	var released, free, first []float64
	var partials []int
	for _, c := range clips {
		if c.Seconds < least || c.Seconds > most {
			continue
		}
		released, free, first = append(released, c.Released...), append(free, c.HandsFree...), append(first, c.First...)
		partials = append(partials, c.Partials...)
	}
	return summary{len(released), median(released), percentile(released, 95), median(free), percentile(free, 95), median(first), mean(partials)}
}

// percentile returns the smallest value that is not exceeded by p percent of v.
func percentile(v []float64, p int) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return s[max(0, (len(s)*p+99)/100-1)]
}

func mean(v []int) float64 {
	sum := 0
	for _, n := range v {
		sum += n
	}
	return float64(sum) / float64(max(1, len(v)))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func duration(samples int) time.Duration {
	return time.Duration(samples) * time.Second / asr.SampleRate
}
