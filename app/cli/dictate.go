package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"soberano/asr"
	"soberano/asr/mic"
	"soberano/models/registry"
)

func dictateCommand() *cobra.Command {
	var model, language, microphone string
	var threads int
	var asJSON bool
	cmd := &cobra.Command{
		Use: "dictate", Short: "Write what is said into the microphone to standard output, until interrupted", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := mic.Devices(); err != nil {
				return err // before a model is loaded in vain
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
			stream, err := mic.Open(microphone)
			if err != nil {
				return err
			}
			defer stream.Close()
			warnf("Speak now; Ctrl+C ends.")
			live := isTerminal(os.Stderr) && !asJSON
			// An interrupt ends the microphone, not the listening: the last words still come.
			defer context.AfterFunc(cmd.Context(), func() { stream.Close() })()
			for s, err := range m.Listen(context.WithoutCancel(cmd.Context()), stream, asr.Params{Language: language}) {
				if err != nil {
					return err
				}
				if err := printHeard(cmd, s, asJSON, live); err != nil {
					return err
				}
			}
			return nil
		},
	}
	fs := cmd.Flags()
	modelFlag(fs, &model)
	threadsFlag(fs, &threads)
	fs.StringVarP(&language, "language", "l", "", "language of the speech (default: heard from the audio)")
	fs.StringVar(&microphone, "microphone", "", "a microphone by its name, as `soberano doctor` lists it (default: the system's)")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object a final segment")
	return cmd
}

// printHeard prints final text to standard output; on a terminal, text that may still
// change is shown on standard error in its place.
func printHeard(cmd *cobra.Command, s asr.Segment, asJSON, live bool) error {
	text := strings.TrimSpace(s.Text)
	if live {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	if !s.Final {
		if live {
			fmt.Fprint(os.Stderr, text)
		}
		return nil
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), transcribed{Start: s.Start.Seconds(), End: s.End.Seconds(), Text: text})
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
	return err
}
