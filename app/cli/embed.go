package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"soberano/app/host"
	"soberano/engine"
	"soberano/models"
	"soberano/models/registry"
)

// encoderFlags are the flags of `soberano embed` and `soberano rerank`.
type encoderFlags struct {
	model   string
	ids     []int32
	threads int
	exact   bool
	gpu     host.GPUUse
	asJSON  bool
}

func (f *encoderFlags) add(fs *pflag.FlagSet) {
	fs.VarP((*modelName)(&f.model), "model", "m", "a model of the library, or the path of one (default: the first of its kind)")
	threadsFlag(fs, &f.threads)
	gpuFlags(fs, &f.gpu)
	fs.Int32SliceVar(&f.ids, "tokens", nil, "token `ids` instead of a text, with all special tokens")
	fs.Lookup("tokens").DefValue = ""
	fs.BoolVar(&f.exact, "exact", false, "float32 weights, activations and cache throughout")
}

// check returns a usage error if a token can't be one.
func (f *encoderFlags) check() error {
	for _, id := range f.ids {
		if id < 0 {
			return usagef("--tokens: %d is no token; the first is 0", id)
		}
	}
	return nil
}

// open opens the model of f, which must be of that kind.
func (f *encoderFlags) open(cmd *cobra.Command, kind registry.Kind) (*engine.Encoder, func() error, error) {
	entry, err := findModel(f.model, kind)
	if err != nil {
		return nil, nil, err
	}
	m, closeModel, err := open(cmd.Context(), host.Encoders, entry, host.Settings{Threads: f.threads, Exact: f.exact, GPU: f.gpu})
	if err == nil && m.Info().Warning != "" {
		warnf("%s", models.Printable(m.Info().Warning))
	}
	return m, closeModel, err
}

const embedLong = `Print the embedding of each text: a vector of length 1, which is similar for texts of similar meaning.

Each text is a line of output, {"embedding":[…]}. The vector is made of the model's rows in the way that the file says (their mean,
the first or the last row). With - the text is standard input. Chat models make no embeddings.`

func embedCommand() *cobra.Command {
	var f encoderFlags
	cmd := &cobra.Command{
		Use: "embed -m MODEL (TEXT … | --tokens 1,2,3)", Short: "Print the embeddings of texts", Long: embedLong, Args: arguments(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if byTokens := cmd.Flags().Changed("tokens"); byTokens == (len(args) > 0) {
				return usagef("give either texts, or token ids with --tokens")
			}
			if err := f.check(); err != nil {
				return err
			}
			texts, err := textsOf(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			m, closeModel, err := f.open(cmd, registry.Embedding)
			if err != nil {
				return err
			}
			defer closeModel()
			inputs := [][]int32{f.ids}
			if len(texts) > 0 {
				inputs = inputs[:0]
			}
			for _, text := range texts {
				inputs = append(inputs, m.Tokens(text))
			}
			vectors, err := m.Encode(cmd.Context(), inputs...)
			if err != nil {
				return err
			}
			for _, v := range vectors {
				if err := printLine(cmd.OutOrStdout(), struct {
					Embedding []float32 `json:"embedding"`
				}{v}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON, as without it")
	return cmd
}

// textsOf returns texts, with standard input in the place of "-".
func textsOf(args []string, in io.Reader) ([]string, error) {
	texts := make([]string, len(args))
	read := false
	for i, text := range args {
		if texts[i] = text; text != "-" {
			continue
		}
		if read {
			return nil, usagef("- stands for standard input, which can be read only once")
		}
		read = true
		var err error
		if texts[i], err = readText(in, maxText); err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
	}
	return texts, nil
}

const rerankLong = `Print how well a document answers a query, as a reranker sees it: a score for each of the model's labels, most models have
one. The higher the score of the label for relevant documents is, the better the document answers.`

func rerankCommand() *cobra.Command {
	var f encoderFlags
	cmd := &cobra.Command{
		Use: "rerank -m MODEL (QUERY DOCUMENT | --tokens 1,2,3)", Short: "Score how well a document answers a query", Long: rerankLong, Args: arguments(cobra.MaximumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch byTokens := cmd.Flags().Changed("tokens"); {
			case byTokens == (len(args) > 0):
				return usagef("give either a query and a document, or token ids with --tokens")
			case len(args) == 1:
				return usagef("the document is missing: the first text is the query, the second the document")
			}
			if err := f.check(); err != nil {
				return err
			}
			texts, err := textsOf(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			m, closeModel, err := f.open(cmd, registry.Reranker)
			if err != nil {
				return err
			}
			defer closeModel()
			input := f.ids
			if len(texts) > 0 {
				if input, err = m.PairTokens(texts[0], texts[1]); err != nil {
					return err
				}
			}
			scores, err := m.Encode(cmd.Context(), input)
			if err != nil {
				return err
			}
			return f.print(cmd.OutOrStdout(), scores[0], m.Labels())
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.asJSON, "json", false, `print {"scores":[…]}`)
	return cmd
}

// print prints the scores of a document.
func (f *encoderFlags) print(out io.Writer, scores []float32, labels []string) error {
	if f.asJSON {
		return printLine(out, struct {
			Scores []float32 `json:"scores"`
			Labels []string  `json:"labels,omitempty"`
		}{scores, labels})
	}
	for i, score := range scores {
		label := ""
		if len(labels) > 0 {
			label = "  " + models.Printable(labels[i])
		}
		if _, err := fmt.Fprintf(out, "%10.6f%s\n", score, label); err != nil {
			return err
		}
	}
	return nil
}

// printLine writes v as JSON on one line.
func printLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
