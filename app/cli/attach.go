package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"soberano/app/host"
	"soberano/models"
	"soberano/models/registry"
)

// attachVision adds the vision encoder at path to a model of the library: the one with the name that was given, or else the only one that it fits.
func (im *imports) attachVision(path string) (none registry.Entry, err error) {
	entries, _ := im.lib.List() // models list reports broken entries
	fitting, err := host.Fitting(path, entries)
	if err != nil {
		return none, err
	}
	name := im.name
	if name != "" {
		fitting = slices.DeleteFunc(fitting, func(e registry.Entry) bool { return !e.Is(name) })
	}
	file := models.Printable(filepath.Base(path))
	switch {
	case len(fitting) == 0 && name != "":
		return none, fmt.Errorf("%s is the vision encoder of another model than %s", file, models.Quote(name))
	case len(fitting) == 0:
		return none, fmt.Errorf("%s is the vision encoder of a chat model, and the library has no model to which it belongs: import that one first", file)
	case len(fitting) > 1:
		var names []string
		for _, e := range fitting {
			names = append(names, models.Printable(e.Name))
		}
		return none, fmt.Errorf("%s may belong to %s: give the model with which it was published by --name", file, strings.Join(names, " or "))
	}
	line := progress("reading")
	e, err := im.lib.Attach(im.cmd.Context(), fitting[0].Name, path, im.how, line.report())
	line.end()
	if err != nil {
		return none, importError(im.cmd.Context(), err)
	}
	if !im.json {
		fmt.Fprintf(im.cmd.OutOrStdout(), "%s can see images: %s belongs to it.\n", models.Printable(e.Title), file)
	}
	return e, nil
}
