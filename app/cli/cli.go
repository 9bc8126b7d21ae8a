// Package cli is the program's command line: chat in a terminal, transcription, the library, and tools for measuring and
// inspecting (logits, perplexity, bench, doctor). Each command has a file of its own; cli.go holds what they share (finding a
// model, printing, exit codes).
//
//	soberano ─ chat · transcribe · dictate · models · embed · rerank · serve · tokenize · logits · perplexity · bench · doctor · licenses
//
// Exit codes: 0 success, 1 failure, 2 wrong usage. With --json the results go to standard output as one object, or as an array
// if there are several; errors always go to standard error.
package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"soberano/app/choice"
	"soberano/app/filekind"
	"soberano/app/host"
	"soberano/app/problem"
	"soberano/models"
	"soberano/models/download"
	"soberano/models/registry"
)

// Main runs the command line and returns the exit code. window opens the desktop window and files in it; it is nil in a build
// without one.
func Main(args []string, window func(ctx context.Context, files []string) error) int {
	saveMemory()
	ctx, cancel, release := withInterrupts()
	defer release()
	out := newOutput(os.Stdout, cancel)
	root := command(window)
	root.SetArgs(args)
	root.SetOut(out)
	cmd, err := root.ExecuteContextC(ctx)
	if failed := out.finish(); failed != nil {
		err = failed // what the command says about it, or about its end, is a consequence
	}
	return exitCode(cmd, err, ctx.Err() != nil)
}

// exitCode prints the error of a command, which may have been interrupted, and returns its exit code.
func exitCode(cmd *cobra.Command, err error, interrupted bool) int {
	switch _, usage := errors.AsType[usageError](err); {
	case err == nil:
		return 0
	case closedPipe(err):
	case usage:
		fmt.Fprintln(os.Stderr, "soberano:", errorText(err))
		fmt.Fprintln(os.Stderr, hint(cmd))
		return 2
	case interrupted && onlyCanceled(err):
		fmt.Fprintln(os.Stderr, "soberano: interrupted")
	default:
		fmt.Fprintln(os.Stderr, "soberano:", errorText(err))
	}
	return 1
}

// onlyCanceled reports whether err says no more than that the command's context has ended.
func onlyCanceled(err error) bool {
	if _, ok := err.(interface{ inWords() }); ok {
		return false
	}
	return errors.Is(err, context.Canceled)
}

// errorText returns the text of an error for the command line: the words of its code, or its own text if it concerns the
// command line or has no code.
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

// told is an error whose text is written for users.
type told struct{ error }

func (told) inWords()        {}
func (e told) Unwrap() error { return e.error }

// command builds the tree of commands.
func command(window func(ctx context.Context, files []string) error) *cobra.Command {
	root := &cobra.Command{
		Use:           "soberano [FILE …]",
		Short:         "Private AI on your own computer",
		Long:          "Chat with a language model, dictate, transcribe. Everything stays on this computer.\nWithout a command the window opens, with models, recordings and images that are named; if it is open already, it is raised.",
		Version:       fullVersion(buildCommit()),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          files,
		RunE: func(cmd *cobra.Command, args []string) error {
			if window == nil {
				return errors.New("this build has no window: start `soberano-cli chat` for a chat in the terminal, or the program `soberano` for the window")
			}
			return window(cmd.Context(), args)
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpCommand(helpCommand())
	root.AddCommand(chatCommand(), transcribeCommand(), dictateCommand(), modelsCommand(), embedCommand(), rerankCommand(), serveCommand(),
		tokenizeCommand(), logitsCommand(), perplexityCommand(), benchCommand(), doctorCommand(), licensesCommand(), helperCommand())
	return root
}

// helperCommand runs a process in which a GPU's driver works. The program starts it by itself.
func helperCommand() *cobra.Command {
	return &cobra.Command{Use: host.HelperVerb, Hidden: true, DisableFlagParsing: true, SilenceUsage: true,
		RunE: func(_ *cobra.Command, args []string) error { return host.RunHelper(args, nil) }}
}

// files checks that the arguments of a command without a verb name files; another word is a verb that does not exist, unless it
// looks like a path.
func files(cmd *cobra.Command, args []string) error {
	for _, a := range args {
		_, err := os.Stat(a)
		switch {
		case err == nil:
		case filekind.LooksLikePath(a), !errors.Is(err, os.ErrNotExist):
			return failure{a, words(a, err), err}
		default:
			return arguments(cobra.NoArgs)(cmd, []string{a})
		}
	}
	return nil
}

// helpCommand is `soberano help`.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Say how a command is used",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || found == nil || len(rest) > 0 {
				return usagef("there is no command %q", strings.Join(args, " "))
			}
			return found.Help()
		},
	}
}

// printJSON writes v as indented JSON with a final newline.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// openLibrary opens the user's library of models to change it.
func openLibrary() (*registry.Library, error) {
	dir, err := registry.DataDir()
	if err != nil {
		return nil, err
	}
	return registry.Open(dir, host.Check)
}

// readLibrary opens the user's library to read it. It is nil where the user has no folder for data, so that a model can be used
// by its path there.
func readLibrary() *registry.Library {
	lib, err := openLibrary()
	if err != nil {
		return nil
	}
	return lib
}

// Kinds of models that a command may take besides those of registry.
const (
	anyKind  registry.Kind = ""
	textKind registry.Kind = "text" // every model that reads text; a chat model where none is named
)

// kinds says of each kind what its models are, and which command takes them.
var kinds = map[registry.Kind]struct{ article, command string }{
	registry.Chat:      {"a chat model", "chat"},
	registry.Speech:    {"a speech model", "transcribe"},
	registry.Embedding: {"an embedding model", "embed"},
	registry.Reranker:  {"a reranker", "rerank"},
	textKind:           {"a model that reads text", ""},
}

// takes reports whether a command that needs models of one kind takes a model of another.
func takes(needed, kind registry.Kind) bool {
	return needed == anyKind || needed == kind || needed == textKind && kind != registry.Speech
}

// findModel returns the model with a library name or a path. Without a name it returns the model of that kind that was chosen in
// the window, or else the included one, or else the first one in the library.
func findModel(name string, kind registry.Kind) (registry.Entry, error) {
	if name != "" {
		return namedModel(readLibrary(), name, kind)
	}
	if kind == textKind {
		kind = registry.Chat
	}
	dir, err := registry.DataDir()
	if err != nil {
		return registry.Entry{}, err
	}
	lib, err := registry.Open(dir, host.Check)
	if err != nil {
		return registry.Entry{}, err
	}
	chosen, err := choice.Load(dir)
	if err != nil {
		warnf("The file %s is damaged or can't be read, so the model that was chosen in the window is not known. (%s)", models.Printable(filepath.Join(dir, choice.File)), errorText(err))
	}
	entries, broken := lib.List() // broken entries are reported by `models list`
	if e, ok := preferred(entries, kind, chosen.Of(kind)); ok {
		if name := chosen.Of(kind); name != "" && !e.Is(name) {
			warnf("The %s model chosen in the window, %s, can't be used: %s %s is used instead.", kind, models.Printable(name), problem.Sentence(unusable(entries, kind, name)), models.Printable(e.Name))
		}
		return e, nil
	}
	advice := "`soberano models import FILE` adds one"
	if kind == registry.Chat || kind == registry.Speech {
		advice += ", `make run` fetches the included ones"
	}
	err = fmt.Errorf("the library has no model for this command, which needs %s: %s", kinds[kind].article, advice)
	return registry.Entry{}, errors.Join(append(broken, err)...)
}

// unusable returns why a chosen model of a kind can't be used.
func unusable(entries []registry.Entry, kind registry.Kind, name string) string {
	for _, e := range entries {
		if !e.Is(name) || e.Kind != kind {
			continue
		}
		if err := e.Check(); e.Runs && err != nil {
			return errorText(err)
		}
		return cmp.Or(e.Reason, "it could not be read.")
	}
	return "it is not in the library."
}

// preferred returns the model of a kind to use, of those that can be used.
func preferred(entries []registry.Entry, kind registry.Kind, chosen string) (registry.Entry, bool) {
	usable := func(e registry.Entry) bool { return e.Runs && e.Check() == nil }
	return choice.Pick(entries, kind, chosen, host.Available(), usable)
}

// namedModel returns the model of a library, which may be nil, with that name, or the model at that path.
func namedModel(lib *registry.Library, name string, kind registry.Kind) (registry.Entry, error) {
	e, err := resolve(lib, name)
	_, ofFile := errors.AsType[*models.FileError](err) // a part of the model may be missing
	ambiguous, several := errors.AsType[*registry.AmbiguousError](err)
	switch {
	case several:
		return e, usagef("%v", ambiguous)
	case errors.Is(err, models.ErrNotFound) && !ofFile:
		return e, usagef("there is no model in the library and no file named %s; `soberano models list` lists them", models.Quote(name))
	case err != nil:
		return e, inFolder(name, err)
	case !takes(kind, e.Kind):
		return e, usagef("%s is %s, which `soberano %s` takes; this command needs %s", models.Printable(name), kinds[e.Kind].article, kinds[e.Kind].command, kinds[kind].article)
	}
	return e, nil
}

// progressLine shows on a terminal how much of a copy or a hash is done.
type progressLine struct {
	what string
	last int  // percent
	open bool // the cursor is at the end of the line
}

// progress returns a line for some work; nil where standard error is no terminal.
func progress(what string) *progressLine {
	if !isTerminal(os.Stderr) {
		return nil
	}
	return &progressLine{what: what, last: -1}
}

// report returns the function that is called with what is done; nil for a nil line.
func (p *progressLine) report() func(done, total int64) {
	if p == nil {
		return nil
	}
	return func(done, total int64) {
		if total <= 0 {
			return
		}
		if share := int(100 * done / total); share != p.last {
			p.last, p.open = share, true
			fmt.Fprintf(os.Stderr, "\r%s %3d%% of %s", p.what, share, models.Size(total))
		}
	}
}

// download returns the function that is called with the progress of a download; nil for a nil line.
func (p *progressLine) download() func(download.Progress) {
	if p == nil {
		return nil
	}
	return func(now download.Progress) {
		text := fmt.Sprintf("%s %v", p.what, now)
		if now.Phase == download.Waiting {
			text = p.what + ": the connection ended, and is tried again"
		}
		p.open = true
		fmt.Fprintf(os.Stderr, "\r%-79s", text)
	}
}

// end ends the line.
func (p *progressLine) end() {
	if p != nil && p.open {
		p.open = false
		fmt.Fprintln(os.Stderr)
	}
}
