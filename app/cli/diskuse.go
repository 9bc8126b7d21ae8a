package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/models"
	"soberano/models/registry"
)

// diskUse is the JSON of `models du`, in bytes.
type diskUse struct {
	Models []modelUse `json:"models"`
	Copied int64      `json:"copied"` // of all models that are copied into the library
	Linked int64      `json:"linked"` // of those that stay where they are
	Packed int64      `json:"packed"` // of the repacked weights, which can be deleted
	States int64      `json:"states"` // of what was computed for conversations, which can be deleted
	Folder string     `json:"folder"`
}

// modelUse is what one model takes.
type modelUse struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	Linked bool   `json:"linked"`
}

func modelsUsage() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "du", Short: "Show how much disk each model takes, and the repacked weights", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			use, err := measure(lib)
			if asJSON {
				return errors.Join(printJSON(cmd.OutOrStdout(), use), err)
			}
			return errors.Join(use.print(cmd.OutOrStdout()), err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// measure adds up the files of the library. The error has the entries that can't be read.
func measure(lib *registry.Library) (diskUse, error) {
	entries, broken := lib.List()
	use := diskUse{Models: []modelUse{}}
	stored := map[string]bool{} // by hash: files of equal content are one file
	for _, e := range entries {
		m := modelUse{Name: e.Name, Linked: e.Linked}
		if e.Projector != nil {
			e.Files = append(e.Files, *e.Projector)
		}
		for _, f := range e.Files {
			m.Bytes += f.Bytes
			switch {
			case filepath.IsAbs(f.Path):
				use.Linked += f.Bytes
			case f.BLAKE3 == "" || !stored[f.BLAKE3]:
				use.Copied += f.Bytes
				stored[f.BLAKE3] = true
			}
		}
		use.Models = append(use.Models, m)
	}
	dir, err := registry.DataDir()
	if err != nil {
		return use, err
	}
	use.Folder = dir
	if packed := registry.PackedDir(); packed != "" {
		use.Packed, err = sizeOf(packed)
	}
	var unread error
	use.States, unread = sizeOf(filepath.Join(dir, host.StatesFolder))
	return use, errors.Join(append(broken, err, unread)...)
}

// sizeOf returns the bytes of all files in a folder, 0 if it is not there.
func sizeOf(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, wrong error) error {
		if wrong != nil || d.IsDir() {
			return wrong
		}
		st, err := d.Info()
		if err == nil {
			sum += st.Size()
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		err = nil // the folder, or a file that was removed meanwhile
	}
	return sum, err
}

func (u diskUse) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, m := range u.Models {
		fmt.Fprintf(w, "%s\t%s\t%s\n", models.Size(m.Bytes), models.Printable(m.Name), yesNo(m.Linked, "(linked: not in the library's folder)", ""))
	}
	fmt.Fprintf(w, "%s\tin all in the library, and %s linked\t\n", models.Size(u.Copied), models.Size(u.Linked))
	fmt.Fprintf(w, "%s\trepacked weights, in %s; they are made again if they are deleted\t\n", models.Size(u.Packed), models.Printable(filepath.Join(u.Folder, "packed")))
	fmt.Fprintf(w, "%s\tcomputed for conversations, in %s; it is made again if it is deleted\t\n", models.Size(u.States), models.Printable(filepath.Join(u.Folder, host.StatesFolder)))
	return w.Flush()
}
