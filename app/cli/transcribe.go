package cli

import (
	"context"
	"fmt"
	"iter"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/asr"
	"soberano/asr/transcript"
	"soberano/models/registry"
)

// transcribed is the JSON of a segment; times are in seconds.
type transcribed struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Text  string  `json:"text"`
}

const transcribeLong = `Transcribe recordings: WAV, FLAC, MP3, Opus and Vorbis; other formats and films with the program
ffmpeg, if it is installed. A folder is searched for recordings with all that is in it.

One recording in one format, or several as txt, is printed. Otherwise, and with a folder or --output, each transcript is a
file with the recording's name: beside it, or in --output. A file that is there already is kept, and a recording whose
files all are there is passed over, so that a stopped run can be taken up again; --force writes them anew. What could be
heard of a recording that is cut off, or that Ctrl+C ended, is in NAME.partial.FORMAT. Ctrl+C ends after the sound that the
model has taken in is written down; a second one ends at once.

A recording that can't be read is named at the end, after the others are done; the exit code is then 1.`

func transcribeCommand() *cobra.Command {
	var model, format, output string
	var threads, track int
	var gpu host.GPUUse
	var asJSON, force, detect bool
	var decoding decodingFlags
	cmd := &cobra.Command{
		Use: "transcribe FILE|FOLDER …", Short: "Transcribe recordings, or a folder of them", Long: transcribeLong,
		Args: func(_ *cobra.Command, paths []string) error {
			if len(paths) == 0 {
				return usagef("name a recording or a folder")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, paths []string) error {
			if asJSON && (output != "" || cmd.Flags().Changed("format") && format != "json") {
				return usagef("--json prints all transcripts; --format and --output can't be used with it")
			}
			if track < 0 {
				return usagef("--track is a number from 1 on")
			}
			job, err := newTranscription(paths, format, output, asJSON, force)
			if err != nil {
				return err
			}
			job.track = track
			job.out, job.notes, job.live = cmd.OutOrStdout(), cmd.ErrOrStderr(), isTerminal(os.Stderr)
			if job.done() && !detect {
				job.passedOver()
				return nil
			}
			if !detect {
				if err := job.writable(); err != nil {
					return err
				}
			}
			p, err := decoding.params(cmd.Flags())
			if err != nil {
				return err
			}
			if p.Words && !asJSON && format == "txt" {
				return usagef("--words can't be used with --format txt; use json, srt or vtt")
			}
			entry, err := findModel(model, registry.Speech)
			if err != nil {
				return err
			}
			if !detect && !job.anyThere() {
				return job.run(cmd.Context()) // it returns the reason
			}
			m, closeModel, err := open(cmd.Context(), host.Speech, entry, host.Settings{Threads: threads, GPU: gpu})
			if err != nil {
				return err
			}
			defer closeModel()
			if detect {
				return detectAll(cmd.Context(), m, job.recordings, track, cmd.OutOrStdout(), asJSON)
			}
			job.model, job.translated = entry.Title, p.Translate
			job.hear = func(ctx context.Context, src asr.Source, r reports) iter.Seq2[asr.Segment, error] {
				p.Progress, p.Unheard = r.progress, r.unheard
				return m.Transcribe(ctx, src, p)
			}
			stop, release := stoppable(cmd.Context(), job.stopping)
			defer release()
			p.Stop, job.stop = stop, stop
			return job.run(cmd.Context())
		},
	}
	fs := cmd.Flags()
	modelFlag(fs, &model)
	threadsFlag(fs, &threads)
	gpuFlags(fs, &gpu)
	fs.StringVar(&format, "format", "txt", strings.Join(transcript.Formats(), ", ")+"; several with commas between")
	fs.StringVarP(&output, "output", "o", "", "folder that transcripts are written to")
	fs.BoolVar(&force, "force", false, "overwrite transcripts that exist already")
	fs.BoolVar(&asJSON, "json", false, "print all transcripts as one JSON array")
	fs.IntVar(&track, "track", 0, "track of a film with several, from 1 on (default: the film's default one or else the first, if it has sound)")
	fs.BoolVar(&detect, "detect", false, "only report which languages the first minute of speech may have: the three most probable ones")
	decoding.add(fs)
	return cmd
}

// warnf prints to standard error.
func warnf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
