package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"soberano/app/dictation"
	"soberano/app/host"
	"soberano/app/locale"
	"soberano/app/logfile"
	"soberano/app/problem"
	"soberano/asr"
	"soberano/asr/mic"
	"soberano/asr/wording"
	"soberano/models"
	"soberano/models/registry"
)

const dictateLong = `Transcribe the microphone to standard output until interrupted.

With --toggle the text goes into the active window, and the same command ends the dictation: for a desktop shortcut. Where
Soberano's window is open, the dictation is the window's, with the window's settings. It takes no --prompt and no
--vocabulary, so with them --toggle only ends a dictation of the window and begins none.`

func dictateCommand() *cobra.Command {
	var o dictateOptions
	var hints hintFlags
	var asJSON, toggle bool
	cmd := &cobra.Command{
		Use: "dictate", Short: "Transcribe the microphone to standard output until interrupted", Long: dictateLong, Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if toggle && asJSON {
				return usagef("--json and --toggle can't be used together")
			}
			o.params.Likely = locale.Language()
			if err := hints.into(&o.params); err != nil {
				return err
			}
			redirectLibraries()
			if toggle {
				return toggleDictation(cmd, o, hints.given())
			}
			if _, err := mic.Devices(); err != nil {
				return err // checked before a model is loaded unnecessarily
			}
			m, closeModel, stream, err := openDictation(cmd.Context(), o)
			if err != nil {
				return err
			}
			defer closeModel()
			defer stream.Close()
			warnf("Speak now; Ctrl+C ends.")
			defer warnMuted(stream)()
			live := isTerminal(os.Stderr) && !asJSON
			o.params.Unheard = func(u asr.Unheard) { warnUnheard(u, live) }
			// An interrupt closes the microphone but does not end the transcription: the last words are still printed.
			defer context.AfterFunc(cmd.Context(), func() { stream.Close() })()
			for s, err := range m.Listen(context.WithoutCancel(cmd.Context()), stream, o.params) {
				if err != nil {
					return err
				}
				if s.Final {
					s.Text = wording.Apply(s.Text, s.Language, o.words)
				}
				if err := printHeard(cmd, s, asJSON, live); err != nil {
					return err
				}
			}
			if n := stream.Overflows(); n > 0 {
				warnf("Some sound was lost (%d times): the computer was too busy.", n)
			}
			return stream.Muted()
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&toggle, "toggle", false, "start a dictation into the active window, or end the running one: for a desktop shortcut")
	fs.BoolVar(&o.words.Fillers, "no-fillers", false, "leave out um, uh and the like")
	fs.BoolVar(&o.words.Commands, "commands", false, "carry out the spoken commands “new line” and “new paragraph”")
	modelFlag(fs, &o.model)
	threadsFlag(fs, &o.threads)
	gpuFlags(fs, &o.gpu)
	languageFlag(fs, &o.params.Language, "language of the speech, as in en, de or German (default: detected)")
	hints.add(fs)
	fs.StringVar(&o.microphone, "microphone", "", "a microphone by its name, as soberano doctor lists it (default: the system's)")
	fs.BoolVar(&asJSON, "json", false, "print one JSON object a final segment")
	return cmd
}

// dictateOptions are the flags of `soberano dictate`: dictation without the window, to standard output, or with --toggle into the
// focused program. With --toggle a running Soberano does the dictation, or else this process, until the command is called again.
type dictateOptions struct {
	model, microphone string
	threads           int
	gpu               host.GPUUse
	params            asr.Params
	words             wording.Options
}

// openDictation opens the microphone before the model, so that speech is recorded while the model loads.
func openDictation(ctx context.Context, o dictateOptions) (*asr.Model, func() error, *mic.Stream, error) {
	entry, err := findModel(o.model, registry.Speech)
	if err != nil {
		return nil, nil, nil, err
	}
	stream, err := mic.Open(o.microphone)
	if err != nil {
		return nil, nil, nil, err
	}
	m, closeModel, err := open(ctx, host.Speech, entry, host.Settings{Threads: o.threads, GPU: o.gpu})
	if err != nil {
		return nil, nil, nil, errors.Join(err, stream.Close())
	}
	return m, closeModel, stream, nil
}

// toggleDictation sends the toggle to a running Soberano, or dictates in this process until it is called again. With hints a
// running Soberano may only end a dictation, since it would not apply them to one that it begins.
func toggleDictation(cmd *cobra.Command, o dictateOptions, hints bool) error {
	dir, err := registry.DataDir()
	if err != nil {
		return err
	}
	line := dictation.Toggle
	if hints {
		line = dictation.Finish
	}
	reply, err := dictation.Send(dir, line)
	if err == nil && hints && reply != dictation.Finishing {
		return usagef("--prompt and --vocabulary don't reach the window of Soberano that is open, which would dictate with its own settings: close it, or leave them out")
	}
	if err == nil {
		if none := noMicrophone(); none != nil && reply != dictation.Finishing {
			return none // the window reports this too, but only after its answer
		}
		warnf("%s", models.Printable(reply))
		return nil
	}
	if !errors.Is(err, dictation.ErrNobody) {
		return err
	}
	if err := dictation.Why(); err != nil {
		return err
	}
	stop := make(chan struct{}, 1)
	socket, err := dictation.Serve(dir, func(string) string {
		select {
		case stop <- struct{}{}:
		default:
		}
		return dictation.Finishing
	})
	if err != nil {
		return err
	}
	text, err := dictateUntil(cmd.Context(), stop, o)
	if err = errors.Join(err, socket.Close()); text == "" {
		return err
	}
	return errors.Join(err, pasteText(cmd, text))
}

// redirectLibraries sends to the log what the libraries that find and record microphones write to standard error. Without a log it
// stays there.
func redirectLibraries() {
	if dir, err := registry.DataDir(); err == nil {
		_ = logfile.Redirect(dir)
	}
}

// noMicrophone returns an error if the machine has no microphone. A build that can't find out has none.
var noMicrophone = func() error {
	if _, err := mic.Devices(); errors.Is(err, mic.ErrNone) {
		return err
	}
	return nil
}

// dictateUntil transcribes the microphone until stop or the end of ctx, and returns all text.
func dictateUntil(ctx context.Context, stop <-chan struct{}, o dictateOptions) (string, error) {
	m, closeModel, stream, err := openDictation(ctx, o)
	if err != nil {
		return "", err
	}
	defer closeModel()
	warnf("Speak now; `soberano dictate --toggle` again, or Ctrl+C, ends.")
	go func() {
		select {
		case <-stop:
		case <-ctx.Done():
		}
		_ = stream.Close()
	}()
	defer warnMuted(stream)()
	text := ""
	o.params.Unheard = func(u asr.Unheard) { warnUnheard(u, false) }
	for s, err := range m.Listen(context.WithoutCancel(ctx), stream, o.params) {
		if err != nil {
			return text, errors.Join(err, stream.Close())
		}
		if s.Final {
			text = wording.Join(text, wording.Apply(s.Text, s.Language, o.words))
		}
	}
	return text, errors.Join(stream.Close(), stream.Muted())
}

// mutedWait is the time after which a dictation says that no sound comes from the microphone.
const mutedWait = 4 * time.Second

// warnMuted says after a while if no sound comes from the microphone, until stop is called.
func warnMuted(stream *mic.Stream) (stop func() bool) {
	return time.AfterFunc(mutedWait, func() {
		if err := stream.Muted(); err != nil {
			warnf("%s", problem.Text(err))
		}
	}).Stop
}

// pasteText writes text into the focused program, and returns when the previous content of the clipboard, which it offers
// again, has been replaced. Text that can't be written there is printed.
func pasteText(cmd *cobra.Command, text string) error {
	c, err := dictation.OpenClipboard()
	if err == nil {
		defer c.Close()
		err = c.Paste(wording.Join(text, " "))
	}
	if err != nil {
		fmt.Fprintln(cmd.OutOrStdout(), text)
		return err
	}
	if c.Empty() {
		return nil
	}
	select {
	case <-c.Left():
	case <-cmd.Context().Done():
	}
	return nil
}

// warnUnheard says that speech has no text; live says that partial text may be shown.
func warnUnheard(u asr.Unheard, live bool) {
	if live {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	warnf("%s", problem.Unheard(u).Text())
}

// printHeard prints final text to standard output; on a terminal, partial text is shown on standard error until then.
func printHeard(cmd *cobra.Command, s asr.Segment, asJSON, live bool) error {
	text := strings.TrimSpace(s.Text)
	if live {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	if !s.Final {
		if live {
			fmt.Fprintf(os.Stderr, "%s", showControls([]byte(text)))
		}
		return nil
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), transcribed{Start: s.Start.Seconds(), End: s.End.Seconds(), Text: text})
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
	return err
}
