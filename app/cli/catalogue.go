package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"soberano/models"
	"soberano/models/catalogue"
	"soberano/models/download"
	"soberano/models/registry"
)

// offered is the JSON of one model of `models catalogue`.
type offered struct {
	catalogue.Model
	Page    string `json:"page"`
	Library string `json:"library,omitempty"` // its name in the library
}

func modelsCatalogue() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "catalogue", Short: "List the models that `models get` can download; this opens no connection", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := catalogue.Models()
			if err != nil {
				return err
			}
			entries, _ := readLibrary().List() // models list reports broken entries
			offers := []offered{}
			for _, m := range list {
				o := offered{Model: m, Page: m.Page()}
				if e, ok := m.In(entries); ok {
					o.Library = e.Name
				}
				offers = append(offers, o)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), offers)
			}
			return printOffers(cmd.OutOrStdout(), offers)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printOffers(out io.Writer, offers []offered) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tDOWNLOAD\tLICENCE\tMEMORY\tGOOD FOR")
	for _, o := range offers {
		memory, note := "-", o.Purpose
		if o.Info.Kind == registry.Chat {
			memory = memoryWord(o.Info)
		}
		if o.Library != "" {
			note = "(in the library as " + models.Printable(o.Library) + ") " + note
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", o.Name, o.Info.Kind, models.Size(o.Info.Bytes), o.Info.Licence, memory, note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "`soberano models get NAME` downloads one. Memory is an estimate with the usual context, compared with what is free now.")
	return err
}

func modelsGet() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "get NAME…", Short: "Download models of the catalogue and add them to the library; a download that was interrupted continues", Args: arguments(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			var list []catalogue.Model
			for _, name := range names {
				m, ok := catalogue.Find(name)
				if !ok {
					return usagef("the catalogue has no model named %s; `soberano models catalogue` lists them", models.Quote(name))
				}
				list = append(list, m)
			}
			if !yes {
				return usagef("%s", consent(list))
			}
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			for _, m := range list {
				if err := get(cmd, lib, m); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "allow the connection that the download needs")
	return cmd
}

// consent says what would be contacted and downloaded.
func consent(list []catalogue.Model) string {
	var bytes int64
	var hosts, pages []string
	for _, m := range list {
		bytes += m.Info.Bytes
		hosts, pages = append(hosts, m.Host()), append(pages, fmt.Sprintf("%s (%s)", m.Page(), m.Info.Licence))
	}
	return fmt.Sprintf("this opens a connection to %s, which learns the address of this computer and which model it is, and downloads %s: %s; --yes allows it",
		hosts[0], models.Size(bytes), strings.Join(pages, ", "))
}

// get downloads one model and says so.
func get(cmd *cobra.Command, lib *registry.Library, m catalogue.Model) error {
	out := cmd.OutOrStdout()
	entries, _ := lib.List() // models list reports broken entries
	if e, ok := m.In(entries); ok {
		_, err := fmt.Fprintf(out, "%s is in the library already, as %s.\n", models.Printable(e.Title), models.Printable(e.Name))
		return err
	}
	line := progress("downloading " + m.Name)
	e, err := catalogue.Get(cmd.Context(), lib, &download.Fetcher{Folder: lib.Downloads()}, m, line.download(), nil)
	line.end()
	if err != nil && cmd.Context().Err() != nil {
		return interruption{"the download was interrupted; what has arrived is kept, and the same command continues it", err}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is in the library as %s.\n", models.Printable(e.Title), models.Printable(e.Name))
	return err
}
