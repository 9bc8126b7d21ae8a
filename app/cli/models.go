package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/engine"
	"soberano/models"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// modelsCommand is `soberano models`, the commands for the library.
func modelsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "models", Short: "List, import, find, show, convert, edit, verify, name and remove models",
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("name a command: models list, import, scan, catalogue, get, search, show, du, convert, edit, imatrix, verify, keygen, sign, trust, tag, rename, stage, card, lineage, export, gc, move-library or remove")
		},
	}
	cmd.AddCommand(modelsList(), modelsImport(), modelsScan(), modelsCatalogue(), modelsGet(), modelsShow(), modelsUsage(), modelsConvert(), modelsEdit(), modelsImatrix(), modelsVerify(), modelsKeygen(), modelsSign(), modelsTrust(), modelsSearch(), modelsTag(), modelsRename(), modelsStage(), modelsCard(), modelsLineage(), modelsExport(), modelsCollect(), modelsMove(), modelsRemove(), modelsIncluded())
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

// listed is the JSON of one model of `models list`.
type listed struct {
	registry.Entry
	Away bool `json:"away,omitempty"` // its files are not where they were
}

func listModels(out io.Writer, entries []registry.Entry, asJSON bool) error {
	if asJSON {
		list := []listed{}
		for _, e := range entries {
			list = append(list, listed{e, e.Away()})
		}
		return printJSON(out, list)
	}
	if len(entries) == 0 {
		_, err := fmt.Fprintln(out, "The library is empty. `soberano models import PATH` adds a model, `soberano models scan` finds those of other programs; `make run` fetches the included ones.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tMODEL\tSTORED AS\tSIZE")
	for _, e := range entries {
		note := yesNo(e.Linked, " (linked)", "")
		if len(e.Aliases) > 0 {
			note += " (also " + e.OtherNames() + ")"
		}
		if e.Stage != "" {
			note += " (" + models.Printable(string(e.Stage)) + ")"
		}
		if !e.Runs {
			note += " (does not run)"
		}
		if path := e.AwayFrom(); path != "" {
			note += " (away: not at " + models.Printable(path) + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s%s\n", models.Printable(e.Name), models.Printable(string(e.Kind)), models.Printable(e.Title), models.Printable(e.Quantization), models.Size(e.Bytes), note)
	}
	return w.Flush()
}

func modelsShow() *cobra.Command {
	var asJSON bool
	var tokens int
	var kv engine.KV
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
			return showEntry(cmd, e, tokens, kv)
		},
	}
	cmd.Flags().IntVar(&tokens, "ctx", 0, "for how many tokens of context the memory is estimated (0: the default)")
	kvFlag(cmd.Flags(), &kv)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// memoryWord says how much memory a chat model is estimated to need with the usual context, and whether so much is free.
func memoryWord(i registry.Info) string {
	weights, state, scratch := engine.Estimate(i, min(engine.DefaultContext, i.Context), "")
	need := weights + state + scratch
	switch free := host.Available(); {
	case free == 0:
		return models.Size(need)
	case need <= free:
		return models.Size(need) + ", fits"
	}
	return models.Size(need) + ", may not fit"
}

// memoryOf says in parts how much memory a chat model is estimated to need with a context of so many tokens (0: as it is opened by default), and how much is free. It is no
// limit: the system may make memory free.
func memoryOf(i registry.Info, tokens int, kv engine.KV) string {
	if tokens <= 0 {
		tokens = engine.DefaultContext
	}
	if i.Context > 0 {
		tokens = min(tokens, i.Context)
	}
	weights, state, scratch := engine.Estimate(i, tokens, kv)
	text := fmt.Sprintf("about %s: weights %s, conversation %s at %s tokens, scratch %s", models.Size(weights+state+scratch), models.Size(weights), models.Size(state), models.Grouped(tokens), models.Size(scratch))
	switch free := host.Available(); {
	case free == 0:
		return text
	case weights+state+scratch <= free:
		return text + "; fits into the " + models.Size(free) + " that are free"
	default:
		return text + "; may not fit into the " + models.Size(free) + " that are free"
	}
}

// cardOf says which part of a chat model fits into the memory of the graphics card; "" if none is used.
func cardOf(ctx context.Context, e registry.Entry, tokens int) string {
	p, err := host.PlaceOn(ctx, host.Helper(), e, host.Settings{Context: tokens})
	switch {
	case err != nil || p.GPU == "" || !e.Runs:
		return "" // doctor tells what is wrong
	case p.Layers < p.Of:
		return fmt.Sprintf("%d of %d layers fit into the memory of %s", p.Layers, p.Of, models.Printable(p.GPU))
	}
	return "all layers fit into the memory of " + models.Printable(p.GPU)
}

func showEntry(cmd *cobra.Command, e registry.Entry, tokens int, kv engine.KV) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	row := func(key string, value any) { fmt.Fprintf(w, "%s\t%v\n", key, value) }
	row("model", models.Printable(e.Title))
	if e.Stage != "" {
		row("stage", models.Printable(string(e.Stage)))
	}
	if len(e.Aliases) > 0 {
		row("also called", e.OtherNames())
	}
	row("kind", models.Printable(fmt.Sprintf("%s (%s, %s)", e.Kind, e.Family, e.Format)))
	row("stored as", models.Printable(e.Quantization))
	row("parameters", fmt.Sprintf("%.0f million", float64(e.Parameters)/1e6))
	if e.Context > 0 {
		row("context", fmt.Sprintf("%d tokens", e.Context))
	}
	row("size", models.Size(e.Bytes))
	if e.Kind == registry.Chat {
		row("memory", memoryOf(e.Info, tokens, kv))
		if text := cardOf(cmd.Context(), e, tokens); text != "" {
			row("graphics card", text)
		}
	}
	if e.Licence != "" {
		row("licence", models.Printable(e.Licence))
	}
	if e.Kind == registry.Chat {
		row("chat template", yesNo(e.Template, "from the file", "none: ChatML is used"))
	}
	row("runs", yesNo(e.Runs, "yes", "no: "+models.Printable(e.Reason)))
	if seal := problem.Seal(e.Info); seal != "" {
		row("protection", seal)
	}
	if e.Warning != "" {
		row("warning", models.Printable(e.Warning))
	}
	if e.Projector != nil {
		row("vision encoder", models.Printable(e.FilePath(*e.Projector)))
	}
	for _, f := range e.Files {
		row("file", models.Printable(e.FilePath(f)))
		if f.BLAKE3 != "" {
			row("blake3", models.Printable(f.BLAKE3))
		} else if e.Saved() {
			row("blake3", "not known yet: `soberano models verify "+e.Name+"` reads the file")
		}
		if f.SHA256 != "" {
			row("sha256", models.Printable(f.SHA256))
		}
	}
	if v, known := e.Verification(); known {
		row("verified", v.At.Local().Format("2 January 2006, 15:04")+yesNo(v.Damage == "", ": intact", ": damaged: "+models.Printable(v.Damage)))
	}
	if e.Note != "" {
		row("note", models.Printable(noteOf(e)))
	}
	return w.Flush()
}

// noteOf returns the note on an included model, with advice for the command line in place of that for the window.
func noteOf(e registry.Entry) string {
	note, advised := strings.CutSuffix(e.Note, defaults.Advice)
	if advised {
		note += "For better answers, add a larger GGUF model with “soberano models import FILE”, and choose it with “soberano chat -m MODEL”."
	}
	return note
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
	// SignedBy is the key by which an APR file is signed; Signer its name, if it is trusted.
	SignedBy string `json:"signed_by,omitempty"`
	Signer   string `json:"signer,omitempty"`
	// Encrypted files are compared with their checksum, their values are not looked at.
	Encrypted bool `json:"encrypted,omitempty"`
	// Packed are the model's repacked weights on this computer.
	Packed []packedWeights `json:"packed,omitempty"`
	First  bool            `json:"first,omitempty"` // the hashes were not known before
	// SHA256 are the files with their SHA-256, with --sha256.
	SHA256 []registry.Stored `json:"sha256,omitempty"`
}

// verify checks a model given by its name in the library or by a path.
func verify(ctx context.Context, lib *registry.Library, name string) (v verified, err error) {
	v = verified{Name: name, OK: true}
	line := progress("checking " + models.Printable(name))
	named, unknown := called(lib, name)
	if unknown == nil {
		name = named.Name
	}
	if _, statErr := os.Stat(name); !lib.Has(name) && statErr == nil {
		var files []registry.Stored
		var known bool
		if files, known, err = lib.VerifyPath(ctx, name, host.Check, line.report()); err == nil && !known {
			v.Files = files
		}
	} else {
		if e, err := lib.Find(name); err == nil {
			v.First = !e.Hashed()
		}
		err = lib.Verify(ctx, name, line.report())
	}
	line.end()
	if err == nil {
		path := name
		if e, known := lib.Find(name); known == nil {
			path = e.Path()
		}
		if strings.EqualFold(filepath.Ext(path), ".apr") {
			err = v.seal(path)
		}
	}
	if err != nil {
		v.OK, v.Error = false, errorText(err)
	}
	return v, err
}

// print prints the result for an intact model.
func (v verified) print(out io.Writer) {
	defer v.printSeal(out)
	name := models.Printable(v.Name)
	defer func() {
		for _, f := range v.SHA256 {
			fmt.Fprintf(out, "  sha256 %s  %s\n", models.Printable(f.SHA256), models.Printable(f.Path))
		}
	}()
	if v.First {
		fmt.Fprintf(out, "%s: can be read to its end, and its blake3 hash is now recorded\n", name)
		return
	}
	if v.Files == nil {
		fmt.Fprintf(out, "%s: intact%s\n", name, yesNo(len(v.Packed) > 0, ", with its repacked weights", ""))
		return
	}
	fmt.Fprintf(out, "%s: can be read to its end; it is not in the library, so there is nothing to compare it with\n", name)
	for _, f := range v.Files {
		fmt.Fprintf(out, "  blake3 %s  %s\n", f.BLAKE3, models.Printable(f.Path))
	}
}

// addSHA256 adds the SHA-256 of the files of a model in the library.
func (v *verified) addSHA256(ctx context.Context, lib *registry.Library) error {
	if v.Files != nil {
		return usagef("--sha256 is for models in the library; sha256sum tells it of other files")
	}
	e, err := called(lib, v.Name)
	if err != nil {
		path, absent := filepath.Abs(v.Name)
		if absent != nil {
			return absent
		}
		entries, _ := lib.List() // v.Name was found in it
		held, ok := registry.Holding(entries, path)
		if !ok {
			return err
		}
		e = held
	}
	line := progress("hashing " + models.Printable(e.Name))
	e, err = lib.SHA256(ctx, e.Name, line.report())
	line.end()
	if err != nil {
		v.OK, v.Error = false, errorText(err)
		return err
	}
	for _, f := range e.Files {
		f.Path = e.FilePath(f)
		v.SHA256 = append(v.SHA256, f)
	}
	return nil
}

func modelsVerify() *cobra.Command {
	var asJSON, public bool
	cmd := &cobra.Command{
		Use: "verify [MODEL|PATH …]", Short: "Look for damage in models (all in the library, if none is named): changed or broken files, tensors that can't be right, repacked weights",
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
				if err == nil && public {
					err = v.addSHA256(cmd.Context(), lib)
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
	cmd.Flags().BoolVar(&public, "sha256", false, "also work out the SHA-256 of the files of models in the library, to compare it with the one on the page they are from; it is kept")
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
			e, err := called(lib, args[0])
			if lib.Has(args[0]) {
				e.Name, err = args[0], nil // also if the entry is broken
			}
			if err == nil {
				err = lib.Remove(e.Name)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has been removed.\n", models.Printable(e.Name))
			return nil
		},
	}
}
