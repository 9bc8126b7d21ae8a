package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/engine"
	"soberano/engine/reply"
	"soberano/engine/sample"
	"soberano/models"
	"soberano/models/registry"
)

// chatFlags are the flags of `soberano chat`.
type chatFlags struct {
	model, prompt, system string
	draft                 string
	adapters              []string // of --lora
	tokens, context       int
	threads               int
	kv                    engine.KV
	gpu                   host.GPUUse
	seed                  uint64
	thinking              int // tokens of a thought
	samplers              samplerFlags
	form                  formFlags
	images                []string
	think, begin          string
	raw, asJSON, lines    bool
	propose               proposing
	overflow              overflowing
	prompted, seeded      bool // these flags were given
}

// proposing is the flag --propose.
type proposing engine.Propose

func (p *proposing) String() string {
	for name, v := range engine.Proposals() {
		if v == engine.Propose(*p) {
			return name
		}
	}
	return ""
}

func (p *proposing) Type() string { return "auto|on|off" }

// Set implements pflag.Value.
func (p *proposing) Set(text string) error {
	v, ok := engine.Proposals()[text]
	if !ok {
		return errors.New("it is auto, on or off")
	}
	*p = proposing(v)
	return nil
}

// overflowing is the flag --overflow.
type overflowing engine.Overflow

func (o *overflowing) String() string { return string(*o) }
func (o *overflowing) Type() string   { return strings.Join(engine.Overflows(), "|") }

// Set implements pflag.Value.
func (o *overflowing) Set(text string) error {
	if !slices.Contains(engine.Overflows(), text) {
		return fmt.Errorf("it is one of %s", strings.Join(engine.Overflows(), ", "))
	}
	*o = overflowing(text)
	return nil
}

// chatAnswer is the JSON of `soberano chat -p … --json`.
type chatAnswer struct {
	Text               string        `json:"text"`
	Thinking           string        `json:"thinking,omitempty"`
	Calls              []reply.Call  `json:"tool_calls,omitempty"`
	Reason             engine.Reason `json:"reason"`
	PromptTokens       int           `json:"prompt_tokens"`
	CachedTokens       int           `json:"cached_tokens"`
	GeneratedTokens    int           `json:"generated_tokens"`
	ProposedTokens     int           `json:"proposed_tokens"`
	AcceptedTokens     int           `json:"accepted_tokens"`
	DroppedTokens      int           `json:"dropped_tokens"`
	PromptSeconds      float64       `json:"prompt_seconds"`
	GenerationSeconds  float64       `json:"generation_seconds"`
	Model              string        `json:"model"`
	TokensPerSecond    float64       `json:"tokens_per_second"`
	ContextTokens      int           `json:"context_tokens"`
	UsedChatMLFallback bool          `json:"used_chatml_fallback"`
	Notice             engine.Notice `json:"notice,omitempty"`
}

const chatLong = `Answer one message, or chat in the terminal.

The message is the text of -p, or what is piped into standard input; with both, the text of -p and below it the piped text
(with --raw directly behind it). With -p - it is standard input alone. With --lines each line of standard input is a message
of one chat, as in the terminal: /new begins a new chat, /quit ends.

With --json-schema, --grammar, --regex or --choice the answer has that form, whatever the model is; give room with -n, or leave it out.

Images need a model with a vision encoder: a second file, whose name begins with mmproj, in the folder of the model's file.

In the terminal Ctrl+C ends an answer, and the chat where none is being written.`

func chatCommand() *cobra.Command {
	f := chatFlags{overflow: overflowing(engine.Refuse)}
	cmd := &cobra.Command{
		Use: "chat", Short: "Answer one message, or chat in the terminal", Long: chatLong, Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.prompted, f.seeded = cmd.Flags().Changed("prompt"), cmd.Flags().Changed("seed")
			if err := f.check(fromTerminal(cmd.InOrStdin())); err != nil {
				return err
			}
			if err := f.form.read(cmd.Flags()); err != nil {
				return err
			}
			return runChat(cmd, f)
		},
	}
	fs := cmd.Flags()
	modelFlag(fs, &f.model)
	fs.StringVarP(&f.prompt, "prompt", "p", "", "the message to answer; -: standard input")
	fs.BoolVar(&f.lines, "lines", false, "take each line of standard input as a message of one chat")
	numberFlag(fs, &f.tokens, "tokens", "n", 1, math.MaxInt32, "at most this many tokens in an answer (default: until the model ends)")
	f.samplers.add(fs)
	f.form.add(fs)
	numberFlag(fs, &f.thinking, "max-thinking", "", 1, math.MaxInt32, "at most this many tokens of thoughts before an answer (default: until the model ends them)")
	numberFlag(fs, &f.seed, "seed", "", 0, math.MaxUint64, "seed of the random choice: the same one gives the same answer (default: a new one each time)")
	contextFlag(fs, &f.context)
	kvFlag(fs, &f.kv)
	fs.Var(&f.overflow, "overflow", "what is done where the context is full. refuse: the answer ends; middle: the oldest messages are left out of the prompt; rolling: and the answer goes on without its oldest part")
	threadsFlag(fs, &f.threads)
	gpuFlags(fs, &f.gpu)
	expertsFlag(fs, &f.gpu)
	fs.StringVar(&f.system, "system", "", "system message")
	fs.StringArrayVar(&f.images, "image", nil, "an image `file` that the message is about (PNG, JPEG, GIF, WebP, BMP); may be repeated")
	fs.StringVar(&f.think, "think", "", "on or off: whether the model thinks before it answers, where its chat template has a switch for that")
	fs.StringVar(&f.begin, "begin", "", "with -p: the beginning of the answer, which goes on from there")
	fs.Var(&f.propose, "propose", "auto, on or off: whether tokens that the text may repeat are computed in one step (auto: with --seed or --temp 0 only where rounding is the same, which is on x86 with AVX2 or later)")
	fs.StringVar(&f.draft, "draft", "", "a smaller `model` of the same family: what it would write is checked in one step, which can be faster (see --propose)")
	fs.StringArrayVar(&f.adapters, "lora", nil, "an adapter of the model, `file[=scale]`: a GGUF file, or a folder of PEFT; may be repeated")
	fs.BoolVar(&f.raw, "raw", false, "continue the text as it is, without a chat template")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

// check returns a usage error for flags that contradict each other. typed says that standard input is a terminal.
func (f *chatFlags) check(typed bool) error {
	loop := f.lines || typed && !f.prompted
	switch {
	case f.lines && f.asJSON:
		return usagef("--lines and --json can't be used together: JSON is for one message")
	case f.lines && f.prompted:
		return usagef("--lines reads the messages from standard input; leave out -p")
	case f.draft != "" && len(f.images) > 0:
		return usagef("--draft can't be used with --image: the smaller model does not see it")
	case f.raw && loop:
		return usagef("--raw continues a text: give it with -p, or pipe it into standard input")
	case len(f.images) > 0 && (f.raw || loop):
		return usagef("--image belongs to a message: give it with -p, or pipe it into standard input, without --raw")
	case f.raw && f.system != "":
		return usagef("--raw takes no --system: there is no chat template to put it in")
	case f.think != "" && f.think != "on" && f.think != "off":
		return usagef("--think is on or off")
	case f.raw && (f.think != "" || f.begin != ""):
		return usagef("--raw takes neither --think nor --begin: there is no chat template")
	case f.begin != "" && loop:
		return usagef("--begin needs a message: give it with -p, or pipe it into standard input")
	case f.asJSON && loop:
		return usagef("--json needs a message: give it with -p, or pipe it into standard input")
	}
	return nil
}

func runChat(cmd *cobra.Command, f chatFlags) error {
	ctx, in := cmd.Context(), cmd.InOrStdin()
	loop := f.lines || !f.prompted && fromTerminal(in)
	if !loop {
		if err := f.question(ctx, in); err != nil {
			return err
		}
		if f.empty() || f.raw && f.prompt == "" {
			return usagef("there is no text; give it with -p, or pipe it into standard input")
		}
	}
	images, err := readImages(f.images) // before the model is opened, which may take long
	if err != nil {
		return err
	}
	entry, err := findModel(f.model, registry.Chat)
	if err != nil {
		return err
	}
	if err := seesImages(entry, images); err != nil {
		return err
	}
	s, err := f.samplers.over(sampling(entry.Sampling), cmd.Flags())
	if err != nil {
		return err
	}
	entries := []registry.Entry{entry}
	if f.draft != "" {
		small, err := findModel(f.draft, registry.Chat)
		if err != nil {
			return err
		}
		entries = append(entries, small)
	}
	opened, closeModels, err := openAll(ctx, host.Chats, host.Settings{Context: f.context, Threads: f.threads, KV: f.kv, GPU: f.gpu}, entries...)
	if err != nil {
		return err
	}
	defer closeModels()
	m, draft := opened[0], (*engine.Draft)(nil)
	if len(opened) > 1 {
		if draft, err = engine.NewDraft(m, opened[1]); err != nil {
			return err
		}
	}
	adapters, err := loadAdapters(m, f.adapters)
	if err != nil {
		return err
	}
	s.Seed, s.Seeded = f.seed, f.seeded
	c := &terminalChat{model: m, entry: entry, images: images, out: cmd.OutOrStdout(),
		settings: engine.Request{Sampling: s, MaxTokens: f.tokens, Variables: f.variables(), Grammar: f.form.spec, MaxThinking: f.thinking, Propose: engine.Propose(f.propose), Draft: draft, Overflow: engine.Overflow(f.overflow), Adapters: adapters}}
	if f.system != "" {
		c.messages = append(c.messages, engine.Message{Role: "system", Content: f.system})
	}
	if !m.Info().Template && !f.raw {
		warnf("This model has no chat template of its own: ChatML is used.")
	}
	if w := m.Info().Warning; w != "" {
		warnf("%s", models.Printable(w))
	}
	if loop {
		return c.loop(ctx, in)
	}
	return c.once(ctx, f)
}

// variables returns the variables of chat templates for --think. Families name the switch differently.
func (f *chatFlags) variables() map[string]any {
	if f.think == "" {
		return nil
	}
	return map[string]any{"enable_thinking": f.think == "on", "thinking": f.think == "on"}
}

// empty reports whether the message has no text; with --raw, spaces are text.
func (f *chatFlags) empty() bool { return !f.raw && strings.TrimSpace(f.prompt) == "" }

// question makes f.prompt the whole message, of the flags and of standard input.
func (f *chatFlags) question(ctx context.Context, in io.Reader) error {
	fromInput := f.prompt == "-" && f.prompted
	if fromTerminal(in) && !fromInput {
		return nil
	}
	piped, err := readPiped(ctx, in, f.prompted && !fromInput)
	if err != nil {
		return err
	}
	switch {
	case piped == "" && fromInput:
		return usagef("-p -: standard input holds no text")
	case !f.prompted || fromInput:
		f.prompt = piped
	case piped != "" && f.raw:
		f.prompt += piped
	case piped != "" && f.prompt != "":
		f.prompt += "\n\n" + piped
	case piped != "":
		f.prompt = piped
	}
	return nil
}

// maxPiped is the largest number of bytes of a message from standard input: more than any model can read.
const maxPiped = 16 << 20

// readPiped reads all of standard input, without the line end at the end of the text. With explain it says what it waits for,
// since a program that was started without a terminal may have inherited an input that never ends.
func readPiped(ctx context.Context, in io.Reader, explain bool) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := readText(in, maxPiped)
		done <- result{text, err}
	}()
	waiting := time.NewTimer(3 * time.Second)
	defer waiting.Stop()
	for {
		select {
		case r := <-done:
			if r.err != nil {
				return "", fmt.Errorf("reading standard input: %w", r.err)
			}
			text, _ := strings.CutSuffix(r.text, "\n")
			text, _ = strings.CutSuffix(text, "\r")
			return text, nil
		case <-waiting.C:
			if !explain {
				continue
			}
			warnf("Reading text from standard input up to its end; start with </dev/null if there is none.")
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// sampling converts the recommended sampling of a library entry to the sampler's parameters.
func sampling(s registry.Sampling) sample.Params {
	return sample.Params{Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, Repeat: s.Repeat}
}
