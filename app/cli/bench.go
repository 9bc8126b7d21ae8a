package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/engine"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// rates is a measurement: one value for each repetition.
type rates struct {
	TokensPerSecond []float64 `json:"tokens_per_second"`
}

// machine describes the machine that was measured.
type machine struct {
	CPU     string `json:"cpu"`
	Level   string `json:"level"`
	Threads int    `json:"threads"`
}

// chatBench is the JSON of `soberano bench` for a chat model.
type chatBench struct {
	Model string `json:"model"`
	machine
	Device          string `json:"device"` // which ran the model in the end
	Depth           int    `json:"depth"`  // tokens in the cache before the measurement
	PromptTokens    int    `json:"prompt_tokens"`
	GeneratedTokens int    `json:"generated_tokens"`
	Prompt          rates  `json:"prompt"`
	Generation      rates  `json:"generation"`
}

// speechBench is the JSON of `soberano bench` for a speech model.
type speechBench struct {
	Model string `json:"model"`
	machine
	Device            string    `json:"device"` // which ran the model in the end
	AudioSeconds      float64   `json:"audio_seconds"`
	EncoderMS         []float64 `json:"encoder_ms"`
	DecoderMSPerToken []float64 `json:"decoder_ms_per_token"`
	RealTimeFactor    []float64 `json:"real_time_factor"`
}

func benchCommand() *cobra.Command {
	var model string
	o := chatLoad{prompt: 512, generate: 128, gpu: host.GPUUse{Choice: host.GPUOff}}
	threads, rounds := 2, 5
	var asJSON, kernels, limits, dictation bool
	d := dictationLoad{}
	cmd := &cobra.Command{
		Use: "bench -m MODEL | --kernels | --limits | --dictation [CLIP …]", Short: "Measure a model's speed on this machine, or the kernels'", Args: arguments(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, clips []string) error {
			if len(clips) > 0 && !dictation {
				return usagef("clips belong to --dictation")
			}
			if d.after < 0 {
				return usagef("--after can't be negative")
			}
			if dictation && !kernels && !limits {
				entry, err := findModel(model, registry.Speech)
				if err != nil {
					return err
				}
				if d.rounds, d.threads, d.gpu, d.asJSON = rounds, threads, o.gpu, asJSON; !cmd.Flags().Changed("rounds") {
					d.rounds = 1 // they take as long as the audio lasts
				}
				return benchDictation(cmd, entry, clips, d)
			}
			if (kernels || limits) == (model != "") {
				return usagef("name a model with -m, or measure --kernels or --limits")
			}
			if kernels || limits {
				if !cmd.Flags().Changed("threads") {
					threads = 0
				}
				return benchKernels(cmd.Context(), cmd.OutOrStdout(), threads, limits, asJSON)
			}
			entry, err := findModel(model, anyKind)
			if err != nil {
				return err
			}
			switch entry.Kind {
			case registry.Embedding, registry.Reranker:
				return usagef("%s is %s; bench measures chat models and speech models", models.Printable(entry.Name), kinds[entry.Kind].article)
			case registry.Speech:
				return benchSpeech(cmd.Context(), cmd.OutOrStdout(), entry, host.Settings{Threads: threads, GPU: o.gpu}, rounds, asJSON)
			}
			return benchChat(cmd.Context(), cmd.OutOrStdout(), entry, o, threads, rounds, asJSON)
		},
	}
	fs := cmd.Flags()
	fs.VarP((*modelName)(&model), "model", "m", "a model of the library, or the path of one")
	fs.BoolVar(&kernels, "kernels", false, "what each kernel reaches of this machine's limits, with one thread and with -t, or all")
	fs.BoolVar(&limits, "limits", false, "these limits alone, in a second or two, with -t threads")
	fs.BoolVar(&dictation, "dictation", false, "how soon after the last word its text stands: clips are played in real time")
	fs.StringVar(&d.folder, "clips", filepath.Join("asr", "testdata", "audio"), "with --dictation: the folder of clips where none are named")
	fs.DurationVar(&d.after, "after", 0, "with --dictation: the key is released so long after the last word")
	languageFlag(fs, &d.language, "with --dictation: language of the clips (default: detected)")
	numberFlag(fs, &threads, "threads", "t", 0, mostThreads, "threads; 0: as many as a chat would use")
	gpuFlags(fs, &o.gpu)
	expertsFlag(fs, &o.gpu)
	kvFlag(fs, &o.kv)
	numberFlag(fs, &o.prompt, "prompt", "p", 1, mostContext, "tokens of the prompt")
	numberFlag(fs, &o.generate, "tokens", "n", 1, mostContext, "tokens to generate")
	numberFlag(fs, &o.depth, "depth", "d", 0, mostContext, "tokens in the context before the prompt, and before those to generate")
	numberFlag(fs, &rounds, "rounds", "r", 1, 1<<20, "repetitions, after one that does not count; with --dictation 1 by default")
	fs.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// machineOf describes this machine; zero threads mean the device's default.
func machineOf(threads int) (machine, error) {
	c, err := cpu.Describe()
	if threads == 0 {
		threads = c.Workers
	}
	return machine{c.CPU, c.Level, threads}, err
}

// chatLoad says how many tokens a chat model is measured with.
type chatLoad struct {
	depth, prompt, generate int
	gpu                     host.GPUUse
	kv                      engine.KV
}

// benchChat measures like llama-bench: a prompt in one batch, then tokens one by one, each from an empty context or after depth
// tokens.
func benchChat(ctx context.Context, w io.Writer, e registry.Entry, o chatLoad, threads, rounds int, asJSON bool) error {
	p, n := o.prompt, o.generate
	m, closeModel, err := open(ctx, host.Chats, e, host.Settings{Context: o.depth + max(p, n) + 1, Threads: threads, KV: o.kv, GPU: o.gpu})
	if err != nil {
		return err
	}
	defer closeModel()
	host, err := machineOf(threads)
	if err != nil {
		return err
	}
	b := chatBench{Model: e.Title, machine: host, Depth: o.depth, PromptTokens: p, GeneratedTokens: n}
	for r := range rounds + 1 {
		prompt, err := m.BenchPrompt(ctx, o.depth, p)
		if err != nil {
			return err
		}
		generation, err := m.BenchGenerate(ctx, o.depth, n)
		if err != nil {
			return err
		}
		if r == 0 {
			continue // the first round is a warm-up
		}
		b.Prompt.TokensPerSecond = append(b.Prompt.TokensPerSecond, float64(p)/prompt)
		b.Generation.TokensPerSecond = append(b.Generation.TokensPerSecond, float64(n)/generation)
	}
	b.Device = m.Info().Device
	if asJSON {
		return printJSON(w, b)
	}
	fmt.Fprintf(w, "%s on %s; %s, %s, %d threads", b.Model, b.Device, b.CPU, b.Level, b.Threads)
	if o.depth > 0 {
		fmt.Fprintf(w, ", after %d tokens", o.depth)
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "prompt of %-5d %8.1f tokens a second (median of %d, best %.1f)\n", p, median(b.Prompt.TokensPerSecond), rounds, slices.Max(b.Prompt.TokensPerSecond))
	fmt.Fprintf(w, "generate %-6d %8.1f tokens a second (median of %d, best %.1f)\n", n, median(b.Generation.TokensPerSecond), rounds, slices.Max(b.Generation.TokensPerSecond))
	return nil
}

func benchSpeech(ctx context.Context, w io.Writer, e registry.Entry, s host.Settings, rounds int, asJSON bool) error {
	m, closeModel, err := open(ctx, host.Speech, e, s)
	if err != nil {
		return err
	}
	defer closeModel()
	host, err := machineOf(s.Threads)
	if err != nil {
		return err
	}
	b := speechBench{Model: e.Title, machine: host}
	r, err := m.Bench(ctx, rounds)
	if err != nil {
		return err
	}
	b.Device = m.Info().Device
	b.AudioSeconds, b.EncoderMS, b.DecoderMSPerToken, b.RealTimeFactor = r.AudioSeconds, r.EncoderMS, r.DecoderMSPerToken, r.RealTimeFactor
	if asJSON {
		return printJSON(w, b)
	}
	fmt.Fprintf(w, "%s on %s; %s, %s, %d threads (medians of %d)\n", b.Model, b.Device, b.CPU, b.Level, b.Threads, rounds)
	fmt.Fprintf(w, "encoder, 30 s of audio   %8.1f ms\n", median(b.EncoderMS))
	fmt.Fprintf(w, "decoder, a token         %8.2f ms\n", median(b.DecoderMSPerToken))
	fmt.Fprintf(w, "real-time factor         %8.3f (%.1f times faster than speech)\n", median(b.RealTimeFactor), 1/median(b.RealTimeFactor))
	return nil
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
