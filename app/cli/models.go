package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/models"
	"soberano/models/registry"
)

// modelsCommand is `soberano models`, the commands for the library.
func modelsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "models", Short: "List, import, show, convert, verify and remove models",
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("name a command: models list, import, show, convert, verify or remove")
		},
	}
	cmd.AddCommand(modelsList(), modelsImport(), modelsShow(), modelsConvert(), modelsVerify(), modelsRemove(), modelsIncluded())
	return cmd
}

func modelsList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the models in the library", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			lib, err := openLibrary()
			if err != nil {
				warnf("soberano: %s", errorText(err))
				return listModels(cmd.OutOrStdout(), nil, asJSON)
			}
			entries, broken := lib.List()
			for _, err := range broken {
				warnf("soberano: %s", errorText(err))
			}
			if len(entries) == 0 && len(broken) > 0 {
				err = errors.New("no model in the library can be read")
				if asJSON {
					err = errors.Join(listModels(cmd.OutOrStdout(), nil, true), err)
				}
				return err
			}
			return listModels(cmd.OutOrStdout(), entries, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func listModels(out io.Writer, entries []registry.Entry, asJSON bool) error {
	if asJSON {
		return printJSON(out, append([]registry.Entry{}, entries...))
	}
	if len(entries) == 0 {
		_, err := fmt.Fprintln(out, "The library is empty. `soberano models import FILE` adds a model; `make run` fetches the included ones.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tMODEL\tSTORED AS\tSIZE")
	for _, e := range entries {
		note := yesNo(e.Linked, " (linked)", "")
		if !e.Runs {
			note += " (does not run)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s%s\n", models.Printable(e.Name), models.Printable(string(e.Kind)), models.Printable(e.Title), models.Printable(e.Quantization), models.Size(e.Bytes), note)
	}
	return w.Flush()
}

func modelsImport() *cobra.Command {
	var asJSON, link bool
	var name string
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Add a model file (or a folder that holds one) to the library", Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			how, what := registry.Copy, "copying"
			if link {
				how, what = registry.Link, "checking"
			}
			switch info, err := registry.Inspect(args[0], host.Check); {
			case err != nil: // Import returns it too
			case info.Kind == registry.Vision:
				return attachVision(cmd, lib, args[0], name, how, asJSON)
			case !info.Runs:
				return told{fmt.Errorf("%s was not added to the library. %s", models.Printable(filepath.Base(args[0])), info.Reason)}
			}
			line := progress(what)
			e, err := host.Import(cmd.Context(), lib, args[0], how, registry.ImportOptions{Name: name}, line.report())
			line.end()
			if err != nil {
				return inFolder(args[0], importError(cmd.Context(), err))
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), e)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is in the library as %s.\n", e.Title, e.Name)
			if e.Warning != "" {
				fmt.Fprintln(cmd.OutOrStdout(), models.Printable(e.Warning))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&link, "link", false, "leave the file where it is")
	cmd.Flags().StringVar(&name, "name", "", "the name in the library (default: from the model's title); of a vision encoder (mmproj), the model to which it belongs")
	return cmd
}

// interruptedImport is the error of an import that an interrupt ended.
type interruptedImport struct{ error }

func (interruptedImport) Error() string {
	return "the import was interrupted; nothing was added to the library"
}
func (e interruptedImport) Unwrap() error { return e.error }
func (interruptedImport) inWords()        {}

// importError returns the error of an import whose context may have ended.
func importError(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return interruptedImport{err}
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

func modelsShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show MODEL", Short: "Show what a model is", Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := registry.Resolve(readLibrary(), args[0], host.Check)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), e)
			}
			return showEntry(cmd, e)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func showEntry(cmd *cobra.Command, e registry.Entry) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	row := func(key string, value any) { fmt.Fprintf(w, "%s\t%v\n", key, value) }
	row("model", models.Printable(e.Title))
	row("kind", models.Printable(fmt.Sprintf("%s (%s, %s)", e.Kind, e.Family, e.Format)))
	row("stored as", models.Printable(e.Quantization))
	row("parameters", fmt.Sprintf("%.0f million", float64(e.Parameters)/1e6))
	if e.Context > 0 {
		row("context", fmt.Sprintf("%d tokens", e.Context))
	}
	row("size", models.Size(e.Bytes))
	if e.Licence != "" {
		row("licence", models.Printable(e.Licence))
	}
	if e.Kind == registry.Chat {
		row("chat template", yesNo(e.Template, "from the file", "none: ChatML is used"))
	}
	row("runs", yesNo(e.Runs, "yes", "no: "+models.Printable(e.Reason)))
	if e.Warning != "" {
		row("warning", models.Printable(e.Warning))
	}
	if e.Projector != nil {
		row("vision encoder", models.Printable(e.FilePath(*e.Projector)))
	}
	for _, f := range e.Files {
		row("file", models.Printable(e.FilePath(f)))
		if f.SHA256 != "" {
			row("sha256", models.Printable(f.SHA256))
		}
	}
	if e.Note != "" {
		row("note", models.Printable(e.Note))
	}
	return w.Flush()
}

func yesNo(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// verified is the JSON of `models verify`.
type verified struct {
	Name   string            `json:"name"`           // or the given path
	Kind   registry.Kind     `json:"kind,omitempty"` // in the doctor's report
	OK     bool              `json:"ok"`
	Error  string            `json:"error,omitempty"`
	Reason string            `json:"does_not_run,omitempty"` // in the doctor's report: why an intact model can't be run
	Files  []registry.Stored `json:"files,omitempty"`        // of a model outside the library
	// Packed are the model's repacked weights on this computer.
	Packed []packedWeights `json:"packed,omitempty"`
}

// verify checks a model given by its name in the library or by a path.
func verify(ctx context.Context, lib *registry.Library, name string) (v verified, err error) {
	v = verified{Name: name, OK: true}
	line := progress("checking " + models.Printable(name))
	if _, statErr := os.Stat(name); !lib.Has(name) && statErr == nil {
		var files []registry.Stored
		var known bool
		if files, known, err = lib.VerifyPath(ctx, name, line.report()); err == nil && !known {
			v.Files = files
		}
	} else {
		err = lib.Verify(ctx, name, line.report())
	}
	line.end()
	if err != nil {
		v.OK, v.Error = false, errorText(err)
	}
	return v, err
}

// print prints the result for an intact model.
func (v verified) print(out io.Writer) {
	name := models.Printable(v.Name)
	if v.Files == nil {
		fmt.Fprintf(out, "%s: intact%s\n", name, yesNo(len(v.Packed) > 0, ", with its repacked weights", ""))
		return
	}
	fmt.Fprintf(out, "%s: can be read to its end; it is not in the library, so there is nothing to compare it with\n", name)
	for _, f := range v.Files {
		fmt.Fprintf(out, "  %s  %s\n", f.SHA256, models.Printable(f.Path))
	}
}

func modelsVerify() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "verify [MODEL|PATH …]", Short: "Check the files of models (all in the library, if none is named) against their sha256, and their repacked weights",
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil && len(args) == 0 {
				return err
			}
			var failed error
			if len(args) == 0 {
				entries, broken := lib.List()
				for _, e := range entries {
					args = append(args, e.Name)
				}
				failed = errors.Join(broken...)
			}
			results := []verified{}
			for _, name := range args {
				v, err := verify(cmd.Context(), lib, name)
				if err == nil {
					err = v.verifyPacked(lib)
				}
				failed = errors.Join(failed, err)
				results = append(results, v)
			}
			if asJSON {
				return errors.Join(printJSON(cmd.OutOrStdout(), results), failed)
			}
			for _, v := range results {
				if v.OK {
					v.print(cmd.OutOrStdout())
				}
			}
			return failed
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func modelsRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove MODEL", Short: "Take a model out of the library (a linked file stays where it is)", Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			if err := lib.Remove(args[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has been removed.\n", args[0])
			return nil
		},
	}
}
