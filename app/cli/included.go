package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"soberano/models"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// modelsIncluded imports the models that models/defaults/fetch.py has downloaded.
func modelsIncluded() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use: "included [NAME...]", Short: "Import the included models, or those named, from the cache, where they are not in the library yet",
		RunE: func(cmd *cobra.Command, names []string) error {
			wanted, err := includedModels(names)
			if err != nil {
				return err
			}
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			entries, _ := lib.List() // a broken entry is not the included model
			var failed []error
			for _, m := range wanted {
				e, held := holding(entries, m)
				switch {
				case held && e.Check() == nil:
					continue
				case check:
					return fmt.Errorf("%s is not in the library", m.Name)
				case held && e.Included: // its files are missing
					if err := lib.Remove(e.Name); err != nil {
						return err
					}
				}
				if err := include(cmd.Context(), lib, m); err != nil {
					if cmd.Context().Err() != nil {
						return err
					}
					failed = append(failed, err)
				}
			}
			return errors.Join(failed...)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "only report whether they are all there")
	return cmd
}

// includedModels returns the models with these names, or folders in the cache; without names, those that are included with the program.
func includedModels(names []string) (list []defaults.Model, err error) {
	for _, m := range defaults.Models {
		if len(names) == 0 && !m.Optional {
			list = append(list, m)
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(defaults.Models, func(m defaults.Model) bool { return m.Name == name || m.Folder == name })
		if i < 0 {
			return nil, usagef("there is no included model named %s", models.Quote(name))
		}
		list = append(list, defaults.Models[i])
	}
	return list, nil
}

// include imports one of the included models from the cache.
func include(ctx context.Context, lib *registry.Library, m defaults.Model) error {
	path, err := m.Path()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("the included model %s has not been fetched: %w", m.Name, err)
	}
	opt := registry.ImportOptions{Name: m.Name, Title: m.Title, Licence: m.Licence, Included: true, Note: m.Note, Sampling: m.Sampling}
	line := progress("importing " + m.Name)
	_, err = lib.Import(ctx, path, registry.Copy, opt, line.report())
	line.end()
	if err != nil {
		return importError(ctx, err)
	}
	return nil
}

// holding returns the library's entry of a model, whatever its name.
func holding(entries []registry.Entry, m defaults.Model) (registry.Entry, bool) {
	for _, e := range entries {
		for _, f := range e.Files {
			if f.SHA256 == m.SHA256 {
				return e, true
			}
		}
	}
	return registry.Entry{}, false
}
