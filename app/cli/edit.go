package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/models"
	"soberano/models/convert"
	"soberano/models/gguf"
	"soberano/models/registry"
)

const editLong = `Change keys of a GGUF file. The weights and all other keys keep their bytes. A file at a path is replaced by the new one when that is
complete; a model of the library is written to another file, OUT.

  --set general.name="My model"               a key that the file has keeps its type
  --set tokenizer.chat_template=@chat.jinja   the value is the text of a file
  --set tokenizer.ggml.eos_token_id=2
  --set general.languages='["en","pt"]'       lists are written as JSON
  --unset tokenizer.chat_template

A change with which the program could not open the file any more is refused without --force. Of a split model, name the file that has the keys,
the first. --dry-run shows the changes and writes nothing.`

// editing holds the flags of `models edit`.
type editing struct {
	set, unset          []string
	force, replace, dry bool
}

// modelsEdit is `soberano models edit`.
func modelsEdit() *cobra.Command {
	var o editing
	cmd := &cobra.Command{
		Use: "edit MODEL [OUT]", Short: "Change the metadata of a GGUF file", Long: editLong, Args: arguments(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := o.edit()
			if err != nil {
				return err
			}
			path, out, err := editPaths(args)
			if err != nil {
				return err
			}
			changes, err := o.run(path, out, e)
			if err != nil {
				return editError(path, out, err)
			}
			return printChanges(cmd.OutOrStdout(), changes)
		},
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&o.set, "set", nil, "KEY=VALUE, or KEY=@FILE: the new value of a key (may be given again)")
	fs.StringArrayVar(&o.unset, "unset", nil, "a key to take away (may be given again)")
	fs.BoolVar(&o.force, "force", false, "write also what the program could not open")
	fs.BoolVar(&o.replace, "replace", false, "overwrite OUT if it exists")
	fs.BoolVar(&o.dry, "dry-run", false, "show the changes, write nothing")
	return cmd
}

// edit returns what the flags ask for.
func (o *editing) edit() (gguf.Edit, error) {
	e := gguf.Edit{Set: map[string]string{}, Unset: o.unset}
	for _, text := range o.set {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return e, usagef("--set: %s is not KEY=VALUE", models.Quote(text))
		}
		if _, twice := e.Set[key]; twice {
			return e, usagef("--set: key %s is named twice", models.Quote(key))
		}
		if path, ok := strings.CutPrefix(value, "@"); ok {
			b, err := models.ReadSmall(path, maxEditText)
			if err != nil {
				return e, err
			}
			value = string(b)
		}
		e.Set[key] = value
	}
	if len(e.Set)+len(e.Unset) == 0 {
		return e, usagef("say what is to be changed: --set KEY=VALUE or --unset KEY")
	}
	return e, nil
}

// maxEditText is the largest file that --set reads, in bytes. The longest chat templates have some 30 kB.
const maxEditText = 16 << 20

// editPaths returns the file to be read and the one to be written.
func editPaths(args []string) (path, out string, err error) {
	m, err := namedModel(readLibrary(), args[0], anyKind)
	if err != nil {
		return "", "", err
	}
	path = m.Path()
	switch {
	case m.Format != "gguf":
		return "", "", models.Unsupported(path, "convert it with `soberano models convert` first", "is not a GGUF file, of which alone keys can be changed")
	case len(args) == 2:
		return path, args[1], nil
	case m.Saved():
		return "", "", usagef("%s is a model of the library: name a file to write, and import that", models.Printable(args[0]))
	}
	return path, path, nil
}

// run writes the changed file.
func (o *editing) run(path, out string, e gguf.Edit) ([]gguf.Change, error) {
	if o.dry {
		return gguf.Rewrite(io.Discard, path, e)
	}
	check := func(string) error { return nil }
	if !o.force {
		before, err := registry.Inspect(path, host.Check)
		if err == nil && before.Runs {
			check = stillRuns
		}
	}
	return convert.EditKeys(path, out, e, o.replace, check)
}

// brokenError is the error of a change with which the file could not be opened any more.
type brokenError struct{ reason string }

func (e *brokenError) Error() string {
	return "with this change the program could not open the file any more: " + e.reason + "; nothing was written (--force writes it all the same)"
}

// stillRuns returns an error if the program can't open the file at path. The files of a split model, which stand elsewhere, are not looked for.
func stillRuns(path string) error {
	info, err := registry.Inspect(path, host.Check)
	switch {
	case errors.Is(err, models.ErrNotFound):
		return nil
	case err != nil:
		return &brokenError{errorText(err)}
	case !info.Runs:
		return &brokenError{info.Reason}
	}
	return nil
}

// editError returns the error of an edit in words.
func editError(path, out string, err error) error {
	if e, ok := errors.AsType[*gguf.EditError](err); ok {
		return usagef("%v", e)
	}
	if e, ok := errors.AsType[*brokenError](err); ok {
		return told{e}
	}
	if _, ok := errors.AsType[*models.FileError](err); ok {
		return inFolder(path, err)
	}
	return convertError(out, err)
}

// printChanges writes a line for each changed key.
func printChanges(out io.Writer, changes []gguf.Change) error {
	for _, c := range changes {
		if _, err := fmt.Fprintf(out, "%s: %s → %s\n", models.Printable(c.Key), shortValue(c.Old), shortValue(c.New)); err != nil {
			return err
		}
	}
	return nil
}

// shortValue returns the beginning of a value.
func shortValue(v any) string {
	const most = 60
	switch v := v.(type) {
	case nil:
		return "(none)"
	case string:
		if n := utf8.RuneCountInString(v); n > most {
			return fmt.Sprintf("%s … (%s characters)", models.Quote(string([]rune(v)[:most])), models.Grouped(n))
		}
		return models.Quote(v)
	}
	return models.Printable(fmt.Sprint(v))
}
