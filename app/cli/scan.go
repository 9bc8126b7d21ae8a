package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"soberano/app/filekind"
	"soberano/app/host"
	"soberano/models"
	"soberano/models/registry"
)

// scanned is a model of another program, and what the library makes of it.
type scanned struct {
	filekind.Found
	Title   string `json:"title,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	Library string `json:"library,omitempty"` // its name in the library
	Runs    bool   `json:"runs"`
	Reason  string `json:"reason,omitempty"` // why it does not run
}

func modelsScan() *cobra.Command {
	var asJSON, add, copied bool
	cmd := &cobra.Command{
		Use: "scan", Short: "Find the models of Ollama, LM Studio, Hugging Face, GPT4All, Jan and llama.cpp in their usual places", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if copied && !add {
				return usagef("--copy is for --import")
			}
			list, failed := scan(readLibrary())
			switch {
			case add:
				return errors.Join(failed, importScanned(cmd, list, copied, asJSON))
			case asJSON:
				return errors.Join(printJSON(cmd.OutOrStdout(), append([]scanned{}, list...)), failed)
			}
			return errors.Join(printScanned(cmd.OutOrStdout(), list), failed)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&add, "import", false, "add those that run to the library; the files stay where they are")
	cmd.Flags().BoolVar(&copied, "copy", false, "with --import: copy the files into the library")
	return cmd
}

// scan finds the models of other programs.
func scan(lib *registry.Library) (list []scanned, err error) {
	found, failed := filekind.Elsewhere()
	entries, _ := lib.List() // models list reports broken entries
	for _, f := range found {
		s := scanned{Found: f, Reason: f.Error}
		if e, ok := registry.Holding(entries, f.Path); ok {
			s.Library = e.Name
		}
		switch info, err := registry.Inspect(f.Path, host.Check); {
		case f.Error != "" && f.Name != "": // the path is that of a program's record
			s.Title = f.Name
		case err != nil:
			s.Reason = errorText(err)
		case info.Kind == registry.Vision:
			continue // found with its model
		default:
			s.Title, s.Bytes, s.Runs, s.Reason = cmp.Or(f.Name, info.Title), info.Bytes, info.Runs, info.Reason
		}
		list = append(list, s)
	}
	return list, failed
}

func printScanned(out io.Writer, list []scanned) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "No models of other programs were found in their usual places. `soberano models import FOLDER` takes those in another one.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PROGRAM\tMODEL\tSIZE\tFILE\tNOTE")
	left := 0
	for _, s := range list {
		note := ""
		switch {
		case s.Library != "":
			note = "in the library as " + s.Library
		case !s.Runs:
			note = "does not run: " + s.Reason
		default:
			left++
		}
		size := "-"
		if s.Bytes > 0 {
			size = models.Size(s.Bytes)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Program, models.Printable(cmp.Or(s.Title, filepath.Base(s.Path))), size, models.Printable(s.Path), models.Printable(note))
	}
	if err := w.Flush(); err != nil || left == 0 {
		return err
	}
	_, err := fmt.Fprintf(out, "`soberano models scan --import` adds the %d that run and are not in the library; the files stay where they are.\n", left)
	return err
}

// importScanned imports those models that run and are not in the library.
func importScanned(cmd *cobra.Command, list []scanned, copied, asJSON bool) error {
	lib, err := openLibrary()
	if err != nil {
		return err
	}
	im := &imports{cmd: cmd, lib: lib, how: registry.Link, json: asJSON}
	if copied {
		im.how = registry.Copy
	}
	var found []filekind.Found
	for _, s := range list {
		if s.Runs && s.Library == "" {
			found = append(found, s.Found)
		}
	}
	if len(found) == 0 && !asJSON {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "No models of other programs were found that run and are not in the library.")
		return err
	}
	return im.addAll(found)
}
