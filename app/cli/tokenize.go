package cli

import (
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/engine"
	"soberano/engine/token"
	"soberano/models"
	"soberano/models/registry"
)

// maxText is the largest number of bytes of a text that is tokenized or measured.
const maxText = 256 << 20

func tokenizeCommand() *cobra.Command {
	var model string
	var noSpecial, asJSON bool
	cmd := &cobra.Command{
		Use: "tokenize TEXT|-", Short: "Print the token ids of a text (-: the bytes of standard input)", Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			text := args[0]
			if text == "-" {
				var err error
				if text, err = readText(cmd.InOrStdin(), maxText); err != nil {
					return fmt.Errorf("reading standard input: %w", err)
				}
			}
			entry, err := findModel(model, textKind)
			if err != nil {
				return err
			}
			ids, err := tokenize(entry.Path(), text, !noSpecial)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), struct {
					IDs []int32 `json:"ids"`
				}{ids})
			}
			for _, id := range ids {
				fmt.Fprintln(cmd.OutOrStdout(), id)
			}
			return nil
		},
	}
	modelFlag(cmd.Flags(), &model)
	cmd.Flags().BoolVar(&noSpecial, "no-special", false, "add no special tokens and take their names as plain text")
	cmd.Flags().BoolVar(&asJSON, "json", false, `print {"ids":[…]}`)
	return cmd
}

// tokenize loads the file's tokenizer only, no weights.
func tokenize(path, text string, special bool) ([]int32, error) {
	f, err := registry.Read(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := engine.Tokenizer(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", models.Printable(path), err)
	}
	ids := t.Encode(text, token.Options{AddSpecial: special, ParseSpecial: special})
	if ids == nil {
		ids = []int32{}
	}
	return ids, nil
}

// logitsAnswer is the JSON of `soberano logits`: the best logits first, as [id, value].
type logitsAnswer struct {
	Tokens []int32  `json:"tokens"`
	Logits [][2]any `json:"logits"`
}

func logitsCommand() *cobra.Command {
	var model, prompt string
	var ids []int32
	var threads, context int
	var gpu host.GPUUse
	top := 20
	var raw, exact, asJSON bool
	cmd := &cobra.Command{
		Use: "logits (-p TEXT [--raw] | --tokens 1,2,3)", Short: "Print the best logits after a prompt", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			byText, byTokens := cmd.Flags().Changed("prompt"), cmd.Flags().Changed("tokens")
			if byText == byTokens {
				return usagef("give either a text with -p or token ids with --tokens")
			}
			if byText && raw && prompt == "" {
				return usagef("-p: the text is empty")
			}
			for _, id := range ids {
				if id < 0 {
					return usagef("--tokens: %d is no token; the first is 0", id)
				}
			}
			entry, err := findModel(model, registry.Chat)
			if err != nil {
				return err
			}
			m, closeModel, err := open(cmd.Context(), host.Chats, entry, host.Settings{Context: context, Threads: threads, Exact: exact, GPU: gpu})
			if err != nil {
				return err
			}
			defer closeModel()
			req := engine.Request{Tokens: ids}
			switch {
			case byText && raw:
				req = engine.Request{Prompt: prompt}
			case byText:
				req = engine.Request{Messages: []engine.Message{{Role: "user", Content: prompt}}}
			}
			tokens, err := m.PromptTokens(req)
			if err != nil {
				return err
			}
			logits, err := m.Logits(cmd.Context(), tokens)
			if err != nil {
				return err
			}
			best := bestLogits(logits, top)
			if asJSON {
				return printJSON(cmd.OutOrStdout(), logitsAnswer{tokens, best})
			}
			for _, b := range best {
				fmt.Fprintf(cmd.OutOrStdout(), "%6d %10.5f %q\n", b[0], b[1], m.TokenText(b[0].(int32)))
			}
			return nil
		},
	}
	fs := cmd.Flags()
	modelFlag(fs, &model)
	threadsFlag(fs, &threads)
	gpuFlags(fs, &gpu)
	expertsFlag(fs, &gpu)
	fs.StringVarP(&prompt, "prompt", "p", "", "the text, put through the chat template")
	fs.Int32SliceVar(&ids, "tokens", nil, "token `ids` instead of a text")
	fs.Lookup("tokens").DefValue = ""
	numberFlag(fs, &top, "top", "", 1, math.MaxInt32, "how many")
	contextFlag(fs, &context)
	fs.BoolVar(&raw, "raw", false, "take the text as it is, without a chat template")
	fs.BoolVar(&exact, "exact", false, "float32 weights, activations and cache throughout")
	fs.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
