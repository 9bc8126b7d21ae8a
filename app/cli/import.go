package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"soberano/app/filekind"
	"soberano/app/host"
	"soberano/app/problem"
	"soberano/models"
	"soberano/models/registry"
)

// imports is `soberano models import`.
type imports struct {
	cmd  *cobra.Command
	lib  *registry.Library
	how  registry.How
	name string
	json bool
}

func modelsImport() *cobra.Command {
	var asJSON, link, copied bool
	var name string
	cmd := &cobra.Command{
		Use: "import PATH…", Short: "Add model files, or all models in a folder and its subfolders, to the library; they stay where they are", Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if link && copied {
				return usagef("--link and --copy exclude each other")
			}
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			im := &imports{cmd: cmd, lib: lib, how: registry.Link, name: name, json: asJSON}
			if copied {
				im.how = registry.Copy
			}
			return im.run(args)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: the model, or a list if there may be several")
	cmd.Flags().BoolVar(&link, "link", false, "leave the files where they are, which is the default")
	cmd.Flags().BoolVar(&copied, "copy", false, "copy the files into the library")
	cmd.Flags().StringVar(&name, "name", "", "the name in the library (default: from the model's title); of a vision encoder (mmproj), the model to which it belongs")
	return cmd
}

// run imports what the arguments stand for.
func (im *imports) run(args []string) error {
	if len(args) == 1 && im.single(args[0]) {
		e, err := im.add(filekind.Found{Path: args[0]})
		if err != nil || !im.json {
			return err
		}
		return printJSON(im.cmd.OutOrStdout(), e)
	}
	if im.name != "" {
		return usagef("--name is for one model")
	}
	var failed error
	var list []filekind.Found
	for _, path := range args {
		found, err := modelsAt(path)
		if err == nil && len(found) == 0 {
			err = told{fmt.Errorf("%s holds no model that this program knows", models.Printable(path))}
		}
		list, failed = append(list, found...), errors.Join(failed, err)
	}
	return errors.Join(failed, im.addAll(filekind.OncePerModel(list)))
}

// single reports whether path is one model: not a folder of models, and not one with a GGUF file beside the model in it, unless a name is given, which is that of the folder's model.
func (im *imports) single(path string) bool {
	if isFolderOfModels(path) {
		return false
	}
	beside, err := filekind.FoundBeside(path)
	return im.name != "" || len(beside) == 0 && err == nil
}

// isFolderOfModels reports whether path is a folder that is not a model itself.
func isFolderOfModels(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir() && !registry.Recognises(path)
}

// modelsAt returns the model at path and the GGUF files beside it, or the models in a folder.
func modelsAt(path string) ([]filekind.Found, error) {
	if !isFolderOfModels(path) {
		beside, err := filekind.FoundBeside(path)
		return append([]filekind.Found{{Path: path}}, beside...), err
	}
	return filekind.InFolder(path)
}

// imported is one line of the JSON of several imports.
type imported struct {
	Path  string          `json:"path"`
	Model *registry.Entry `json:"model,omitempty"`
	Error string          `json:"error,omitempty"`
}

// addAll imports models one after the other and goes on after one that can't be added. Vision encoders come last, after the models to which they may belong.
func (im *imports) addAll(list []filekind.Found) error {
	var failed error
	results := []imported{}
	for _, encoders := range []bool{false, true} {
		for _, f := range list {
			if registry.NamedProjector(f.Path) != encoders {
				continue
			}
			e, err := im.add(f)
			if im.cmd.Context().Err() != nil {
				return errors.Join(failed, err)
			}
			if err != nil {
				failed = errors.Join(failed, err)
				results = append(results, imported{Path: f.Path, Error: errorText(err)})
				continue
			}
			results = append(results, imported{Path: f.Path, Model: &e})
		}
	}
	if im.json {
		return errors.Join(printJSON(im.cmd.OutOrStdout(), results), failed)
	}
	return failed
}

// add imports one model and says so. The error names the path as it was given.
func (im *imports) add(f filekind.Found) (registry.Entry, error) {
	what := "checking"
	if im.how == registry.Copy {
		what = "copying"
	}
	if f.Error != "" {
		_, err := registry.Inspect(f.Path, host.Check)
		return registry.Entry{}, inFolder(f.Path, cmp.Or(err, errors.New(f.Error)))
	}
	switch info, err := im.lib.Inspect(f.Path); {
	case err != nil: // Import returns it too
	case info.Kind == registry.Vision:
		return im.attachVision(f.Path)
	case !info.Runs:
		return registry.Entry{}, told{fmt.Errorf("%s was not added to the library. %s", models.Printable(cmp.Or(f.Name, filepath.Base(f.Path))), info.Reason)}
	}
	o := f.Options()
	o.Name = cmp.Or(im.name, o.Name)
	line := progress(what + " " + models.Printable(cmp.Or(f.Name, filepath.Base(f.Path))))
	e, err := host.Import(im.cmd.Context(), im.lib, f.Path, im.how, o, line.report())
	line.end()
	if err != nil {
		return e, inFolder(f.Path, importError(im.cmd.Context(), err))
	}
	if im.json {
		return e, nil
	}
	fmt.Fprintf(im.cmd.OutOrStdout(), "%s is in the library as %s.\n", models.Printable(e.Title), e.Name)
	if seal := problem.Seal(e.Info); seal != "" {
		fmt.Fprintln(im.cmd.OutOrStdout(), seal)
	}
	if e.Warning != "" {
		fmt.Fprintln(im.cmd.OutOrStdout(), models.Printable(e.Warning))
	}
	return e, nil
}

// interruption is the error of work that an interrupt ended.
type interruption struct {
	words string
	err   error
}

func (e interruption) Error() string { return e.words }
func (e interruption) Unwrap() error { return e.err }
func (interruption) inWords()        {}

// importError returns the error of an import whose context may have ended.
func importError(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return interruption{"the import was interrupted; nothing was added to the library", err}
	}
	return err
}

// inFolder names the folder of a file that was given by a path, if err is about that file: its words name the file only.
func inFolder(path string, err error) error {
	e, ok := errors.AsType[*models.FileError](err)
	if !ok || filepath.Base(e.Path) != filepath.Base(path) || filepath.Base(path) == path {
		return err
	}
	return failure{path, errorText(err), err}
}
