package cli

import (
	"context"
	"fmt"
	"iter"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"soberano/asr"
	"soberano/asr/transcript"
	"soberano/models/registry"
)

// transcribed is a segment of a transcript; times in seconds.
type transcribed struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Text  string  `json:"text"`
}

const transcribeLong = `Write down the speech in recordings: WAV, FLAC, MP3, Opus and Vorbis; other formats and films with the program
ffmpeg, if it is installed. A folder is searched for recordings with all that is in it.

One recording in one format, or several as txt, is printed. Otherwise, and with a folder or --output, each transcript is a
file with the recording's name: beside it, or in --output. A file that is there already is kept, and a recording whose
files all are there is passed over, so that a stopped run can be taken up again; --force writes them anew. What could be
heard of a recording that is cut off or damaged is in NAME.partial.FORMAT.

A recording that can't be read is named at the end, after the others are done; the exit code is then 1.`

func transcribeCommand() *cobra.Command {
	var model, language, format, output string
	var threads, beam int
	var asJSON, force bool
	cmd := &cobra.Command{
		Use: "transcribe FILE|FOLDER …", Short: "Write down the speech in recordings, one or a folder of them", Long: transcribeLong,
		Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if asJSON && (output != "" || cmd.Flags().Changed("format") && format != "json") {
				return usagef("--json prints all transcripts; --format and --output contradict it")
			}
			job, err := newTranscription(paths, format, output, asJSON, force)
			if err != nil {
				return err
			}
			job.out, job.notes, job.live = cmd.OutOrStdout(), cmd.ErrOrStderr(), isTerminal(os.Stderr)
			if job.done() {
				fmt.Fprintln(job.notes, "all transcripts are there already; --force writes them anew")
				return nil
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
			p := asr.Params{Language: language, Beam: beam}
			job.model = m.Info().Name
			job.hear = func(ctx context.Context, src asr.Source) iter.Seq2[asr.Segment, error] {
				return m.Transcribe(ctx, src, p)
			}
			return job.run(cmd.Context())
		},
	}
	fs := cmd.Flags()
	modelFlag(fs, &model)
	threadsFlag(fs, &threads)
	fs.StringVarP(&language, "language", "l", "", "language of the speech, as in en, de, zh (default: heard from the audio)")
	fs.StringVar(&format, "format", "txt", strings.Join(transcript.Formats(), ", ")+"; several with commas between")
	fs.StringVarP(&output, "output", "o", "", "folder that transcripts are written to")
	fs.BoolVar(&force, "force", false, "write transcripts that are there already anew")
	fs.IntVar(&beam, "beam", 5, "hypotheses kept while decoding; 1: greedy, faster")
	fs.BoolVar(&asJSON, "json", false, "print all transcripts as one JSON array")
	return cmd
}

// warnf prints to standard error.
func warnf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
