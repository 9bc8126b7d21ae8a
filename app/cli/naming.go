package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"soberano/app/search"
	"soberano/models"
	"soberano/models/registry"
)

// called returns the model of a library, which may be nil, that has exactly this name or alias.
func called(lib *registry.Library, name string) (registry.Entry, error) {
	e, err := lib.Lookup(name)
	if several, ok := errors.AsType[*registry.AmbiguousError](err); ok {
		return e, usagef("%v", several)
	}
	if err == nil && !e.Is(registry.Plain(name)) {
		err = told{fmt.Errorf("the library has no model named %s, only %s, which has to be named in full here", models.Quote(name), models.Printable(e.Name))}
	}
	return e, err
}

func modelsSearch() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "search WORD…", Short: "List the models of the library that all words fit: name, title, family, kind, type of weights, licence", Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			entries, broken := lib.List()
			for _, err := range broken {
				warnf("soberano: %s", errorText(err))
			}
			found := search.Models(entries, args)
			if len(found) == 0 && !asJSON {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "No model of the library fits.")
				return err
			}
			return listModels(cmd.OutOrStdout(), found, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func modelsTag() *cobra.Command {
	var move, remove bool
	cmd := &cobra.Command{
		Use: "tag MODEL NAME[:TAG] …", Short: "Give a model further names, such as smollm2:135m-q4, which are accepted wherever its name is", Args: arguments(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			e, err := called(lib, args[0])
			for _, alias := range args[1:] {
				if err != nil {
					break
				}
				if remove {
					_, err = lib.Unalias(e.Name, registry.Plain(alias))
				} else {
					_, err = lib.Alias(e.Name, registry.Plain(alias), move)
				}
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is %s called %s.\n", models.Printable(e.Name), yesNo(remove, "no longer", "also"), models.Printable(registry.Plain(alias)))
				}
			}
			if taken, ok := errors.AsType[*registry.TakenError](err); ok && !move && taken.Reference != taken.Name {
				return fmt.Errorf("%w; --move takes it from there", err)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&move, "move", false, "take the name from the model that has it")
	cmd.Flags().BoolVar(&remove, "remove", false, "remove the names")
	return cmd
}

func modelsRename() *cobra.Command {
	return &cobra.Command{
		Use: "rename MODEL NAME", Short: "Give a model another name; the earlier one still finds it", Args: arguments(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			e, err := called(lib, args[0])
			if err != nil {
				return err
			}
			to, err := lib.Rename(e.Name, registry.Plain(args[1]))
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is called %s from now on.\n", models.Printable(e.Name), models.Printable(to.Name))
			}
			return err
		},
	}
}
