package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/registry"
)

// collected is the JSON of `models gc`.
type collected struct {
	Removed []registry.Unreferenced `json:"removed"` // or what would be
	Bytes   int64                   `json:"bytes"`
	DryRun  bool                    `json:"dry_run"`
	Kept    string                  `json:"packed_kept,omitempty"` // why the repacked weights were not looked at
}

func modelsCollect() *cobra.Command {
	var dry, asJSON bool
	cmd := &cobra.Command{
		Use: "gc", Short: "Remove what no model of the library needs: remains of interrupted imports, repacked weights of other models", Args: arguments(cobra.NoArgs),
		Long: "Remove what no model of the library needs: the remains of interrupted imports, downloads that did not go on for a week, files that belong to no model, and\n" +
			"repacked weights of models that are not in the library (they are made again when such a model is used by its path). Linked files are never removed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			list, err := lib.Collect(cmd.Context(), dry)
			c := collected{Removed: append([]registry.Unreferenced{}, list...), DryRun: dry}
			if err == nil {
				err = c.packed(lib)
			}
			for _, u := range c.Removed {
				c.Bytes += u.Bytes
			}
			if asJSON {
				return errors.Join(printJSON(cmd.OutOrStdout(), c), err)
			}
			out := cmd.OutOrStdout()
			for _, u := range c.Removed {
				fmt.Fprintf(out, "%s  %s\n", models.Size(u.Bytes), models.Printable(u.Path))
			}
			if c.Kept != "" {
				fmt.Fprintf(out, "The repacked weights were left alone: %s.\n", c.Kept)
			}
			fmt.Fprintf(out, "%s %s.\n", models.Size(c.Bytes), yesNo(dry, "would be freed", "freed"))
			return err
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "remove nothing, only list it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// packed removes the repacked weights that belong to no model of the library. While a model can't be read, it is not known which ones are its.
func (c *collected) packed(lib *registry.Library) error {
	entries, broken := lib.List()
	if len(broken) > 0 {
		c.Kept = "an entry of the library is broken, and its repacked weights are not known"
		return nil
	}
	var used [][32]byte
	for _, e := range entries {
		paths := []string{e.Path()}
		if e.Projector != nil {
			paths = append(paths, e.FilePath(*e.Projector))
		}
		for _, path := range paths {
			f, err := registry.Read(path)
			if errors.Is(err, models.ErrUnsupported) || errors.Is(err, apr.ErrPassword) {
				continue // it was never opened, or its weights are never kept
			}
			if err != nil {
				c.Kept = models.Printable(e.Name) + " can't be read, and its repacked weights are not known"
				return nil
			}
			used = append(used, f.Identity())
			if err := f.Close(); err != nil {
				return err
			}
		}
	}
	var failed error
	for _, path := range cpu.UnusedPacked(registry.PackedDir(), used) {
		st, err := os.Stat(path)
		if err == nil && !c.DryRun {
			err = os.Remove(path)
		}
		if err == nil {
			c.Removed = append(c.Removed, registry.Unreferenced{Path: path, Bytes: st.Size()})
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func modelsExport() *cobra.Command {
	var replace bool
	cmd := &cobra.Command{
		Use: "export MODEL FILE|FOLDER", Short: "Copy the files of a model elsewhere, and compare them with their recorded hashes", Args: arguments(cobra.ExactArgs(2)),
		Long: "Copy the file of a model to FILE, or into a FOLDER that exists; a model of several files becomes a new folder. The copy appears when it is complete.",
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			e, err := lib.Lookup(args[0])
			if several, ok := errors.AsType[*registry.AmbiguousError](err); ok {
				return usagef("%v", several)
			}
			if err != nil {
				return err
			}
			line := progress("copying")
			path, err := lib.Export(cmd.Context(), e.Name, args[1], replace, line.report())
			line.end()
			if taken, ok := errors.AsType[*registry.ExistsError](err); ok {
				return told{fmt.Errorf("%w%s", taken, yesNo(len(e.Files) == 1 && !replace, "; --replace overwrites it", ""))}
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is written.\n", models.Printable(filepath.Clean(path)))
			return err
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "overwrite a file that exists")
	return cmd
}

func modelsMove() *cobra.Command {
	return &cobra.Command{
		Use: "move-library FOLDER", Short: "Move the library to another folder, as on another disk", Args: arguments(cobra.ExactArgs(1)),
		Long: "Move the library to a folder that is empty or not there: the files are copied, the copies are read and compared, and then the old ones are deleted.\n" +
			"If it is interrupted, nothing is lost: give the command again. Linked models stay where they are. Close the window before.",
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			line := progress("moving")
			err = lib.Move(cmd.Context(), args[0], line.report())
			line.end()
			if refused, ok := errors.AsType[*registry.PlaceError](err); ok {
				return told{refused}
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The library is at %s.\n", models.Printable(args[0]))
			return err
		},
	}
}
