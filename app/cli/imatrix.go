package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"soberano/engine"
	"soberano/kernels/cpu"
	"soberano/kernels/record"
	"soberano/models"
	"soberano/models/convert"
	"soberano/models/importance"
	"soberano/models/registry"
)

// modelsImatrix is `soberano models imatrix`.
func modelsImatrix() *cobra.Command {
	var out string
	var chunks, threads int
	var replace bool
	length := 512
	cmd := &cobra.Command{
		Use: "imatrix MODEL TEXT", Short: "Measure which columns of a model's matrices matter most for a text", Args: arguments(cobra.ExactArgs(2)),
		Long: "Run a chat model, of the library or at a path, over a text and write its importance matrix: for each column of a matrix the squares\n" +
			"of its inputs. `soberano models convert --imatrix` uses it, as do the tools of llama.cpp, whose format it has.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usagef("-o FILE is missing: the file to write")
			}
			text, err := readTextFile(args[1], maxText)
			if err != nil {
				return told{fmt.Errorf("%s can't be read: %w", models.Printable(args[1]), cause(err))}
			}
			m, closeModel, err := openRecorded(cmd.Context(), args[0], length, threads)
			if err != nil {
				return err
			}
			matrix, err := measureImportance(cmd.Context(), m, text, length, chunks)
			if err = errors.Join(err, closeModel()); err != nil {
				return err
			}
			matrix.Datasets = []string{filepath.Base(args[1])}
			return convertError(out, convert.WriteImportance(out, matrix, replace))
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&out, "output", "o", "", "the file to write")
	threadsFlag(fs, &threads)
	numberFlag(fs, &length, "ctx", "", 4, mostContext, "tokens in a chunk")
	numberFlag(fs, &chunks, "chunks", "", 0, math.MaxInt32, "how many chunks (default: all)")
	fs.BoolVar(&replace, "replace", false, "overwrite a file that exists")
	return cmd
}

// openRecorded opens a chat model on a device that records the inputs of products.
func openRecorded(ctx context.Context, name string, length, threads int) (*engine.Model, func() error, error) {
	e, err := namedModel(readLibrary(), name, registry.Chat)
	if err != nil {
		return nil, nil, err
	}
	if err := e.Unchanged(ctx, nil); err != nil {
		return nil, nil, err
	}
	f, err := registry.Read(e.Path())
	if err != nil {
		return nil, nil, inFolder(name, err)
	}
	dev, err := cpu.New(cpu.Options{Threads: threads, Forget: models.Forget, Lost: func(addr uintptr) error {
		if !models.Mapped(addr) {
			return nil
		}
		return models.Lost(e.Path())
	}})
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	m, err := engine.Open(f, record.New(dev), engine.Options{Context: length})
	if err != nil {
		return nil, nil, err
	}
	return m, m.Close, nil
}

// measureImportance measures the importance matrix of m on a text, with the progress on a terminal.
func measureImportance(ctx context.Context, m *engine.Model, text string, length, chunks int) (*importance.Matrix, error) {
	if !isTerminal(os.Stderr) {
		return m.Importance(ctx, text, length, chunks, nil)
	}
	defer fmt.Fprintln(os.Stderr) // ends the line of the progress
	return m.Importance(ctx, text, length, chunks, func(done, total int) {
		fmt.Fprintf(os.Stderr, "\rchunk %d of %d  ", done, total)
	})
}
