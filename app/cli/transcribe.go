package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"soberano/asr"
	"soberano/asr/audio"
	"soberano/models/registry"
)

// transcript is the JSON of one transcribed file.
type transcript struct {
	File     string        `json:"file"`
	Text     string        `json:"text"`
	Language string        `json:"language"`
	Segments []transcribed `json:"segments"`
	Error    string        `json:"error,omitempty"`
}

// transcribed is a segment of a transcript; times in seconds.
type transcribed struct {
	Start float64     `json:"start"`
	End   float64     `json:"end"`
	Text  string      `json:"text"`
	Words []timedWord `json:"words,omitempty"`

	Certainty *certainty `json:"certainty,omitempty"`
}

func transcribeCommand() *cobra.Command {
	var model, format string
	var threads int
	var asJSON, detect bool
	var decoding decodingFlags
	cmd := &cobra.Command{
		Use: "transcribe FILE …", Short: "Write down the speech in audio files (WAV, FLAC)", Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if asJSON {
				if cmd.Flags().Changed("format") && format != "json" {
					return usagef("--json and --format %s contradict each other", format)
				}
				format = "json"
			}
			write, ok := transcriptFormats[format]
			if !ok {
				return usagef("--format is txt, json, srt or vtt, not %q", format)
			}
			p, err := decoding.params(cmd.Flags())
			if err != nil {
				return err
			}
			if p.Words && format == "txt" {
				return usagef("--words has no place in --format txt; use json, srt or vtt")
			}
			entry, err := findModel(model, registry.Speech)
			if err != nil {
				return err
			}
			m, err := asr.Open(entry.Path(), asr.Options{Packed: registry.PackedDir(), Threads: threads})
			if err != nil {
				return err
			}
			defer m.Close()
			if detect {
				return detectAll(cmd.Context(), m, files, cmd.OutOrStdout(), asJSON)
			}
			return transcribeAll(cmd.Context(), m, p, files, cmd.OutOrStdout(), write)
		},
	}
	fs := cmd.Flags()
	modelFlag(fs, &model)
	threadsFlag(fs, &threads)
	fs.StringVar(&format, "format", "txt", "txt, json, srt or vtt")
	fs.BoolVar(&asJSON, "json", false, "the same as --format json")
	fs.BoolVar(&detect, "detect", false, "only say which language is spoken, and how probable it is")
	decoding.add(fs)
	return cmd
}

// transcribeAll does file after file; a bad file is named and the others go on.
func transcribeAll(ctx context.Context, m *asr.Model, p asr.Params, files []string, out io.Writer, write writer) error {
	var failed error
	all := []transcript{}
	for _, file := range files {
		t, err := transcribeFile(ctx, m, p, file)
		if err != nil {
			t.Error = err.Error()
			failed = errors.Join(failed, err)
		}
		all = append(all, t)
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(write(out, all), failed)
}

func transcribeFile(ctx context.Context, m *asr.Model, p asr.Params, file string) (transcript, error) {
	t := transcript{File: file, Segments: []transcribed{}}
	src, err := audio.Open(file)
	if err != nil {
		return t, err
	}
	defer src.Close()
	var texts []string
	for s, err := range m.Transcribe(ctx, src, p) {
		if err != nil {
			return t, fmt.Errorf("%s: %w", file, err)
		}
		text := strings.TrimSpace(s.Text)
		t.Language = s.Language
		t.Segments = append(t.Segments, transcribed{Start: s.Start.Seconds(), End: s.End.Seconds(), Text: text,
			Words: timedWords(s.Words), Certainty: certaintyOf(s)})
		texts = append(texts, text)
		t.Text = strings.Join(texts, " ")
	}
	return t, nil
}

// writer prints transcripts in one format.
type writer func(w io.Writer, all []transcript) error

var transcriptFormats = map[string]writer{
	"txt":  writeText,
	"json": func(w io.Writer, all []transcript) error { return printJSON(w, all) },
	"srt":  func(w io.Writer, all []transcript) error { return writeCues(w, all, "", ",", true) },
	"vtt":  func(w io.Writer, all []transcript) error { return writeCues(w, all, "WEBVTT\n\n", ".", false) },
}

// writeText prints a line per segment; with several files, each under its name.
func writeText(w io.Writer, all []transcript) error {
	for i, t := range all {
		if len(all) > 1 {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "%s:\n", t.File)
		}
		for _, s := range t.Segments {
			if _, err := fmt.Fprintln(w, s.Text); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeCues prints subtitles: SubRip (numbered, comma before the milliseconds) or WebVTT.
// Several files follow one another, each from its own zero.
func writeCues(w io.Writer, all []transcript, head, mark string, numbered bool) error {
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	n := 0
	for _, t := range all {
		for _, s := range t.Segments {
			n++
			if numbered {
				fmt.Fprintln(w, n)
			}
			// A blank line would end the cue, "-->" would be read as its time line.
			text := strings.ReplaceAll(strings.Join(strings.Fields(s.Text), " "), "-->", "→")
			if _, err := fmt.Fprintf(w, "%s --> %s\n%s\n\n", clock(s.Start, mark), clock(s.End, mark), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// clock writes seconds as 01:02:03,456.
func clock(seconds float64, mark string) string {
	ms := time.Duration(seconds * float64(time.Second)).Round(time.Millisecond).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, mark, ms%1000)
}

// warnf prints to standard error.
func warnf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
