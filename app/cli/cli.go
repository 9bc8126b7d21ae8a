// Package cli is the program without its window: chat in a terminal, transcription,
// the library, and the instruments (logits, perplexity, bench, doctor). Every verb is
// one file; what they share (finding a model, printing, exit codes) is here.
//
//	soberano ─ chat · transcribe · dictate · models · tokenize · logits · perplexity · bench · doctor · licenses
//
// Exit codes: 0 done, 1 failed, 2 wrong usage. With --json data goes to standard
// output as one object, or an array where there are several things; errors always go
// to standard error.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"soberano/app/problem"
	"soberano/engine"
	"soberano/models"
	"soberano/models/registry"
)

// Main runs the program's command line and returns the exit code. window opens the
// desktop window; nil in a build without one.
func Main(args []string, window func(context.Context) error) int {
	saveMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not look at ctx
	root := command(window)
	root.SetArgs(args)
	root.SetOut(standardOutput())
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if err == context.Canceled && ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "soberano: interrupted")
		return 1
	}
	fmt.Fprintln(os.Stderr, "soberano:", errorText(err))
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(os.Stderr, hint(cmd))
		return 2
	}
	return 1
}

// errorText is what the command line says of an error: the words of its code, or its own text
// where it is about the command line or has none.
func errorText(err error) string {
	if _, ok := err.(interface{ inWords() }); ok {
		return models.PrintableLines(err.Error())
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok && err.Error() == errors.Join(all.Unwrap()...).Error() {
		var lines []string
		for _, err := range all.Unwrap() {
			lines = append(lines, errorText(err))
		}
		return strings.Join(lines, "\n")
	}
	p := problem.Of(err)
	if p.Code == problem.Unknown {
		return models.PrintableLines(p.Args.Detail)
	}
	return p.Text()
}

// saveMemory lets garbage become a tenth of what is in use, not as much again: most of that
// are weights and caches, hundreds of megabytes without a pointer, which cost the collector
// nothing. GOGC overrides it.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(10)
	}
}

// command builds the tree of verbs.
func command(window func(context.Context) error) *cobra.Command {
	root := &cobra.Command{
		Use:           "soberano",
		Short:         "Private AI on your own computer",
		Long:          "Chat with a language model, dictate, transcribe. Everything stays on this computer.\nWithout a verb the window opens.",
		Version:       fullVersion(buildCommit()),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if window == nil {
				return errors.New("this build has no window: start `soberano-cli chat` for a chat in the terminal, or the program `soberano` for the window")
			}
			return window(cmd.Context())
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(chatCommand(), transcribeCommand(), dictateCommand(), modelsCommand(), tokenizeCommand(),
		logitsCommand(), perplexityCommand(), benchCommand(), doctorCommand(), licensesCommand())
	return root
}

// printJSON writes v, indented, with a newline.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// openLibrary opens the user's library of models.
func openLibrary() (*registry.Library, error) {
	dir, err := registry.DataDir()
	if err != nil {
		return nil, err
	}
	return registry.Open(dir, engine.Check)
}

// anyKind stands for a model of whatever kind.
const anyKind registry.Kind = ""

// findModel resolves a library name or a path. Without a name it takes the
// included model of that kind, or else the first in the library.
func findModel(name string, kind registry.Kind) (registry.Entry, error) {
	lib, err := openLibrary()
	if err != nil {
		return registry.Entry{}, err
	}
	if name != "" {
		e, err := registry.Resolve(lib, name, nil)
		if errors.Is(err, models.ErrNotFound) {
			return e, usagef("--model: there is no model in the library and no file named %s; `soberano models list` lists them", models.Quote(name))
		}
		if err != nil {
			return e, err
		}
		if e.Kind != kind && kind != anyKind {
			return e, usagef("%s is a %s model; this verb needs a %s model", name, e.Kind, kind)
		}
		return e, nil
	}
	entries, _ := lib.List() // what is broken is reported by `models list`
	var found *registry.Entry
	for i, e := range entries {
		if e.Kind == kind && e.Runs && e.Check() == nil && (found == nil || e.Included && !found.Included) {
			found = &entries[i]
		}
	}
	if found != nil {
		return *found, nil
	}
	return registry.Entry{}, fmt.Errorf("there is no %s model in the library: `soberano models import FILE` adds one, `make run` fetches the included ones", kind)
}

// progress returns a printer of a copy's or a hash's progress on a terminal, nil elsewhere.
func progress(what string) func(done, total int64) {
	if !isTerminal(os.Stderr) {
		return nil
	}
	last := -1
	return func(done, total int64) {
		if total <= 0 {
			return
		}
		if p := int(100 * done / total); p != last {
			last = p
			end := ""
			if p == 100 {
				end = "\n"
			}
			fmt.Fprintf(os.Stderr, "\r%s %3d%% of %s%s", what, p, bytesText(total), end)
		}
	}
}

// bytesText writes a size as people read it, in decimal units.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}
