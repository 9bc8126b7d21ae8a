package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"soberano/app/choice"
	"soberano/app/host"
	"soberano/app/problem"
	"soberano/asr/mic"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// report is the JSON of `soberano doctor`.
type report struct {
	Version      string       `json:"version"`
	Commit       string       `json:"commit,omitempty"`
	Modified     bool         `json:"modified,omitempty"` // files were changed after the commit
	System       string       `json:"system"`
	CPU          string       `json:"cpu"`
	Level        string       `json:"level"`
	Levels       []string     `json:"levels"`
	Features     []string     `json:"features"`
	Cores        int          `json:"cores"`
	Threads      int          `json:"threads"`
	Choices      []cpu.Choice `json:"choices,omitempty"` // between ways of computing, measured on this machine
	Memory       memory       `json:"memory"`
	Microphones  []microphone `json:"microphones"`
	MicError     string       `json:"microphone_error,omitempty"`
	GPUs         []host.GPU   `json:"gpus"`
	GLError      string       `json:"gl_error,omitempty"`
	Library      string       `json:"library"` // its folder; "": there can be none
	LibraryError string       `json:"library_error,omitempty"`
	Models       []verified   `json:"models"`
	// Packed are the repacked weights of all models that were used.
	Packed      []packedWeights `json:"packed"`
	PackedError string          `json:"packed_error,omitempty"`
}

// memory holds sizes in bytes; zero if the system does not report them.
type memory struct {
	Total     int64 `json:"total"`
	Available int64 `json:"available"`
}

type microphone struct {
	Name    string  `json:"name"`
	Default bool    `json:"default"`
	Rate    float64 `json:"rate"`
}

func doctorCommand() *cobra.Command {
	var asJSON, again bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Say what this machine has and whether every model is intact", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := examine(cmd.Context(), again)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), r)
			} else {
				err = r.print(cmd.OutOrStdout())
			}
			return errors.Join(err, r.damage())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&again, "again", false, "check graphics cards again, although their driver was checked already")
	return cmd
}

// examine describes the machine. With again, graphics cards are checked even if the result is known.
func examine(ctx context.Context, again bool) (report, error) {
	c, err := cpu.Describe()
	if err != nil {
		return report{}, err
	}
	r := report{Version: Version, System: runtime.GOOS + "/" + runtime.GOARCH, CPU: c.CPU, Level: c.Level, Levels: c.Levels,
		Features: c.Features, Cores: c.Cores, Threads: c.Workers, Microphones: []microphone{}, Models: []verified{}}
	r.Commit, r.Modified = buildCommit()
	r.Choices = cpu.Choices(registry.PackedDir())
	r.Memory.Total, r.Memory.Available = cpu.Memory()
	redirectLibraries()
	devices, err := mic.Devices()
	if err != nil {
		r.MicError = errorText(err)
	}
	for _, d := range devices {
		r.Microphones = append(r.Microphones, microphone{d.Name, d.Default, float64(d.Rate)})
	}
	if r.GPUs, err = host.GPUs(ctx, host.Helper(), again); err != nil {
		r.GLError = errorText(err)
	}
	r.examineLibrary(ctx)
	return r, ctx.Err()
}

// examineLibrary checks every model. A machine on which the user has no folder for data has no library.
func (r *report) examineLibrary(ctx context.Context) {
	dir, err := registry.DataDir()
	if err != nil {
		r.LibraryError = errorText(err)
		return
	}
	r.Library = dir
	lib, err := registry.Open(dir, host.Check)
	if err != nil {
		r.LibraryError = errorText(err)
		return
	}
	entries, broken := lib.List()
	for _, err := range broken {
		r.Models = append(r.Models, verified{Error: errorText(err)})
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return
		}
		v, _ := verify(ctx, lib, e.Name) // its error is part of the report
		v.Kind = e.Kind
		if v.OK && !e.Runs {
			v.Reason = e.Reason
		}
		r.Models = append(r.Models, v)
	}
	if r.Packed, err = checkPacked([32]byte{}); err != nil {
		r.PackedError = errorText(err)
	}
}

// damage returns an error if a model, or its repacked weights, are not intact.
func (r report) damage() error {
	bad := 0
	for _, p := range r.Packed {
		if !p.OK {
			return errors.New("repacked weights are damaged")
		}
	}
	for _, m := range r.Models {
		if !m.OK {
			bad++
		}
	}
	switch {
	case bad == 0:
		return nil
	case bad == 1:
		return errors.New("one model is not intact")
	}
	return fmt.Errorf("%d models are not intact", bad)
}

func (r report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(key, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", key, fmt.Sprintf(format, args...)) }
	row("soberano", "%s on %s", fullVersion(r.Commit, r.Modified), r.System)
	row("cpu", "%s, %d cores, %d threads by default", r.CPU, r.Cores, r.Threads)
	row("level", "%s of %s", r.Level, strings.Join(r.Levels, ", "))
	for i, c := range r.Choices {
		row(yesNo(i == 0, "measured", ""), "%s", c)
	}
	if r.Memory.Total > 0 {
		row("memory", "%s, %s available", models.Size(r.Memory.Total), models.Size(r.Memory.Available))
	}
	for _, m := range r.Microphones {
		row("microphone", "%s, %.0f Hz%s", models.Printable(m.Name), m.Rate, yesNo(m.Default, " (default)", ""))
	}
	if r.MicError != "" {
		row("microphone", "%s", r.MicError)
	}
	for _, g := range r.GPUs {
		row("gpu", "%s", problem.GPU(g))
		for _, t := range g.Models {
			row("", "%s", problem.Trial(t))
		}
	}
	switch {
	case len(r.GPUs) > 0 || r.GLError != "":
	case !host.GPUBuilt:
		row("gpu", "this program was built without support for graphics cards; use the build with the window (make build) on Linux")
	default:
		row("gpu", "none with OpenGL 4.3")
	}
	if r.GLError != "" {
		row("gpu", "%s", r.GLError)
	}
	row("library", "%s", models.Printable(r.Library+r.LibraryError))
	for _, m := range r.Models {
		state := yesNo(m.OK, "is intact", m.Error)
		if !choice.Uses(m.Kind) && m.OK {
			state += ", " + kinds[m.Kind].article
		}
		if m.Reason != "" {
			state += ", but does not run: " + models.Printable(m.Reason)
		}
		row("model", "%s", strings.TrimSpace(models.Printable(m.Name)+" "+state))
	}
	if len(r.Models) == 0 && r.LibraryError == "" {
		row("model", "none yet: `soberano models import FILE` adds one, `make run` fetches the included ones")
	}
	for _, p := range r.Packed {
		if !p.OK {
			row("repacked", "%s", p.damage())
		}
	}
	if r.PackedError != "" {
		row("repacked", "%s", r.PackedError)
	} else if !slices.ContainsFunc(r.Packed, func(p packedWeights) bool { return !p.OK }) {
		row("repacked", "%s", yesNo(len(r.Packed) > 0, "all weights are intact", "none yet"))
	}
	return w.Flush()
}
