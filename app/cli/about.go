package cli

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"soberano/models"
	"soberano/models/registry"
)

func modelsStage() *cobra.Command {
	return &cobra.Command{
		Use: "stage MODEL [development|staging|production|archived]", Short: "Show or change the stage of a model; an archived one is used only if it is named", Args: arguments(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			e, err := called(lib, args[0])
			if err == nil && len(args) == 2 {
				e, err = lib.SetStage(e.Name, registry.Stage(strings.ToLower(args[1])))
			}
			if err != nil {
				return err
			}
			var allowed []string
			for _, s := range e.Stage.Moves() {
				allowed = append(allowed, string(s))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is in %s; it may be moved to %s.\n", models.Printable(e.Name), yesNo(e.Stage != "", "stage "+string(e.Stage), "no stage"), strings.Join(allowed, ", "))
			return err
		},
	}
}

func modelsCard() *cobra.Command {
	var edit bool
	var set string
	cmd := &cobra.Command{
		Use: "card MODEL", Short: "Show the model card of a model, or change it", Args: arguments(cobra.ExactArgs(1)),
		Long: "Show the model card of a model: the text that was set, or else the README.md of its folder, or the description in its file. --edit opens it in the editor\n" +
			"that the variable VISUAL or EDITOR names, --set takes the text of a file (-: standard input; an empty text brings back the model's own).",
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := registry.Resolve(readLibrary(), args[0], nil)
			if err != nil {
				return err
			}
			text, err := e.Card()
			switch {
			case err != nil && set == "":
				return err
			case edit && set != "":
				return usagef("--edit and --set can't be given together")
			case edit:
				text, err = edited(cmd, text)
			case set == "-":
				var b []byte
				b, err = io.ReadAll(cmd.InOrStdin())
				text = string(b)
			case set != "":
				var b []byte
				b, err = models.ReadSmall(set, maxEditText)
				text = string(b)
			case text == "":
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has no model card; --edit or --set FILE makes one.\n", models.Printable(e.Name))
				return err
			default:
				_, err = fmt.Fprintln(cmd.OutOrStdout(), models.PrintableLines(strings.TrimRight(text, "\n")))
				return err
			}
			if err != nil {
				return err
			}
			return setCard(cmd, e, text)
		},
	}
	cmd.Flags().BoolVar(&edit, "edit", false, "open the text in an editor")
	cmd.Flags().StringVar(&set, "set", "", "a file with the text")
	return cmd
}

func setCard(cmd *cobra.Command, e registry.Entry, text string) error {
	lib, err := openLibrary()
	if err != nil {
		return err
	}
	if !e.Saved() {
		return usagef("%s is no model of the library", models.Printable(e.Name))
	}
	if err := lib.SetCard(e.Name, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "The model card of %s is %s.\n", models.Printable(e.Name), yesNo(text == "", "removed", "saved"))
	return err
}

// edited returns a text after the user has changed it in an editor.
func edited(cmd *cobra.Command, text string) (string, error) {
	words := strings.Fields(os.Getenv("VISUAL"))
	if len(words) == 0 {
		words = strings.Fields(os.Getenv("EDITOR"))
	}
	if len(words) == 0 {
		return "", usagef("--edit: set the variable EDITOR to the name of an editor, or use --set FILE")
	}
	dir, err := os.MkdirTemp("", "soberano-card-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "card.md")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", err
	}
	c := exec.CommandContext(cmd.Context(), words[0], append(slices.Clone(words[1:]), path)...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("the editor %s failed, and the model card is unchanged: %w", models.Printable(words[0]), err)
	}
	b, err := models.ReadSmall(path, maxEditText)
	return string(b), err
}

func modelsLineage() *cobra.Command {
	var asJSON, clear bool
	var from []string
	var as string
	cmd := &cobra.Command{
		Use: "lineage MODEL", Short: "Show from which models a model came, and which came from it", Args: arguments(cobra.ExactArgs(1)),
		Long: "Show from which models a model came: as its file says, or as set by --from, and which models of the library came from it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := openLibrary()
			if err != nil {
				return err
			}
			e, err := called(lib, args[0])
			if err != nil {
				return err
			}
			if len(from) > 0 || clear {
				parents, err := parentsFrom(lib, from, as)
				if err != nil {
					return err
				}
				if _, err = lib.SetParents(e.Name, parents); err != nil {
					return err
				}
			}
			root, children, err := lib.Lineage(e.Name)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					*registry.Node
					Children []string `json:"children"`
				}{root, append([]string{}, children...)})
			}
			return printLineage(cmd.OutOrStdout(), root, children)
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&asJSON, "json", false, "print JSON")
	fs.StringArrayVar(&from, "from", nil, "a model from which it came: of the library, or any name (may be given again)")
	fs.StringVar(&as, "as", string(registry.FineTuned), "how it came from these: converted, quantized, fine-tuned, merged, adapted, based")
	fs.BoolVar(&clear, "clear", false, "forget what --from has set")
	return cmd
}

// parentsFrom returns the parents that the flags name.
func parentsFrom(lib *registry.Library, from []string, as string) (list []registry.Parent, err error) {
	if !slices.Contains(registry.Relations, registry.Relation(as)) {
		return nil, usagef("--as: %s is not known", models.Quote(as))
	}
	for _, name := range from {
		p := registry.Parent{Relation: registry.Relation(as), Name: name}
		if e, err := called(lib, name); err == nil {
			p.Name, p.BLAKE3, p.SHA256 = e.Name, e.Files[0].BLAKE3, e.Files[0].SHA256
		}
		list = append(list, p)
	}
	return list, nil
}

// printLineage draws the tree above a model, and lists the models below it.
func printLineage(out io.Writer, root *registry.Node, children []string) error {
	var b strings.Builder
	fmt.Fprintln(&b, models.Printable(root.Name))
	drawParents(&b, root, "")
	if len(root.Parents) == 0 {
		fmt.Fprintln(&b, "It is not known from which model it came.")
	}
	if len(children) > 0 {
		fmt.Fprintf(&b, "From it came: %s\n", models.Printable(strings.Join(children, ", ")))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func drawParents(b *strings.Builder, n *registry.Node, indent string) {
	for i, p := range n.Parents {
		branch, below := "├─ ", "│  "
		if i == len(n.Parents)-1 {
			branch, below = "└─ ", "   "
		}
		how := ""
		if p.How != "" {
			how = " (" + models.Printable(p.How) + ")"
		}
		fmt.Fprintf(b, "%s%s%s from %s%s%s\n", indent, branch, p.Relation, models.Printable(p.Name), how, yesNo(p.Saved, "", ", which is not in the library"))
		drawParents(b, p, indent+below)
	}
}
