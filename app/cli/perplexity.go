package cli

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/engine"
	"soberano/models"
	"soberano/models/registry"
)

func perplexityCommand() *cobra.Command {
	var model string
	var chunks, threads int
	var gpu host.GPUUse
	var kv engine.KV
	context := 512
	var exact, asJSON bool
	cmd := &cobra.Command{
		Use: "perplexity FILE", Short: "Measure how well a model foresees a text, as llama.cpp's tool defines it", Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readTextFile(args[0], maxText)
			if err != nil {
				return told{fmt.Errorf("%s can't be read: %w", models.Printable(args[0]), cause(err))}
			}
			entry, err := findModel(model, registry.Chat)
			if err != nil {
				return err
			}
			m, closeModel, err := open(cmd.Context(), host.Chats, entry, host.Settings{Context: context, Threads: threads, KV: kv, Exact: exact, GPU: gpu})
			if err != nil {
				return err
			}
			defer closeModel()
			var report func(done, total int, ppl float64)
			if isTerminal(os.Stderr) {
				report = func(done, total int, ppl float64) {
					fmt.Fprintf(os.Stderr, "\rchunk %d of %d: %.4f  ", done, total, ppl)
				}
			}
			p, err := m.Perplexity(cmd.Context(), text, context, chunks, report)
			if report != nil {
				fmt.Fprintln(os.Stderr) // ends the line of the progress
			}
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					Perplexity float64 `json:"perplexity"`
					Tokens     int     `json:"tokens"`
					Chunks     int     `json:"chunks"`
				}{p.PPL, p.Tokens, p.Chunks})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "perplexity %.4f over %d tokens in %d chunks\n", p.PPL, p.Tokens, p.Chunks)
			return nil
		},
	}
	fs := cmd.Flags()
	modelFlag(fs, &model)
	threadsFlag(fs, &threads)
	kvFlag(fs, &kv)
	gpuFlags(fs, &gpu)
	expertsFlag(fs, &gpu)
	numberFlag(fs, &context, "ctx", "", 2, mostContext, "tokens in a chunk")
	numberFlag(fs, &chunks, "chunks", "", 0, math.MaxInt32, "how many chunks (default: all)")
	fs.BoolVar(&exact, "exact", false, "float32 weights, activations and cache throughout")
	fs.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// readTextFile reads a file that holds a text of at most limit bytes.
func readTextFile(path string, limit int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return readText(f, limit)
}

// bestLogits returns the n largest logits as [id, value], the largest first; equal ones are ordered by id.
func bestLogits(logits []float32, n int) [][2]any {
	order := make([]int32, len(logits))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(logits[b], logits[a]), cmp.Compare(a, b))
	})
	best := make([][2]any, 0, min(n, len(order)))
	for _, id := range order[:min(n, len(order))] {
		best = append(best, [2]any{id, logits[id]})
	}
	return best
}
