package reply

import "strings"

// thought is a pair of marks between which models write what they think before they answer. Those in angle
// brackets may be written in capitals.
type thought struct{ begin, end string }

// thoughts lists the marks, with families that use them.
var thoughts = []thought{
	{"<think>", "</think>"},         // DeepSeek R1, Qwen 3, GLM, SmolLM3, Granite 3.3, Hunyuan, Nemotron, MiniMax
	{"<thinking>", "</thinking>"},   // Reflection-Llama
	{"<thought>", "</thought>"},     // EXAONE Deep
	{"<thoughts>", "</thoughts>"},   // variants of the two
	{"<reasoning>", "</reasoning>"}, // models trained by GRPO on GSM8K
	{"<seed:think>", "</seed:think>"},
	{"<mm:think>", "</mm:think>"},                           // MiniMax M3
	{"[THINK]", "[/THINK]"},                                 // Magistral, Ministral 3
	{"<|begin_of_thought|>", "<|end_of_thought|>"},          // Sky-T1, OpenThinker
	{"<|START_THINKING|>", "<|END_THINKING|>"},              // Command A Reasoning, Command R7B
	{"<|inner_prefix|>", "<|inner_suffix|>"},                // Apertus
	{"◁think▷", "◁/think▷"},                                 // Kimi VL
	{"<|channel>thought", "<channel|>"},                     // Gemma 4
	{"<unused94>thought", "<unused95>"},                     // MedGemma
	{"Here is my thought process:", "Here is my response:"}, // Granite 3.2
}

// Marks returns the pairs of marks around thoughts, beginning and end.
func Marks() [][2]string {
	out := make([][2]string, len(thoughts))
	for i, t := range thoughts {
		out[i] = [2]string{t.begin, t.end}
	}
	return out
}

// wrappers are marks around an answer, mostly behind a thought. They are left out where the template or the
// vocabulary knows them.
var wrappers = []string{
	"<response>", "</response>", // Granite 3.3
	"<answer>", "</answer>", // Hunyuan
	"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>", // Command A
}

// syntax is a way to write calls of tools.
type syntax struct {
	begin, end string   // end "": the calls go on to the end of the answer
	inner      []string // marks within, which may be control tokens
	parse      func(body string, typeOf TypeOf) ([]Call, bool)
	object     bool // a call may be a JSON object with name and arguments
}

// syntaxes lists the ways, with families that use them.
var syntaxes = []syntax{
	{begin: "<tool_call>", end: "</tool_call>", parse: parseTagged, object: true}, // Hermes, Qwen, GLM, SmolLM3, Granite 4, EXAONE 4, Nemotron 3
	{begin: "<tool_calls>", end: "</tool_calls>", parse: parseJSON},               // Jamba, Apriel
	{begin: "<seed:tool_call>", end: "</seed:tool_call>", parse: parseTagged},
	{begin: "<minimax:tool_call>", end: "</minimax:tool_call>", parse: parseTagged},
	{begin: "<function_calls>", end: "</function_calls>", parse: parsePython}, // OLMo 3
	{begin: "<TOOLCALL>", end: "</TOOLCALL>", parse: parseJSON},               // Nemotron Nano
	{begin: "<function=", end: "</function>", parse: parseFunction},           // Llama 3.1 with tools of one's own, Functionary
	{begin: "[TOOL_CALLS]", inner: []string{"[ARGS]", "[CALL_ID]"}, parse: parseMistral},
	{begin: "<|tool_call|>", parse: parseJSON, inner: []string{"<|/tool_call|>"}},             // Granite 3, Phi-4-mini
	{begin: "<|tool_call_start|>", end: "<|tool_call_end|>", parse: parsePython},              // LFM2
	{begin: "<|START_ACTION|>", end: "<|END_ACTION|>", parse: parseJSON},                      // Command R7B, Command A
	{begin: "<|tools_prefix|>", end: "<|tools_suffix|>", parse: parseJSON},                    // Apertus
	{begin: "<|tool_call>", end: "<tool_call|>", inner: []string{`<|"|>`}, parse: parseGemma}, // Gemma 4
	{begin: "<|python_tag|>", parse: parseLlama, inner: []string{"<|eom_id|>"}},               // Llama 3.1
	{begin: "<｜tool▁calls▁begin｜>", end: "<｜tool▁calls▁end｜>", parse: parseDeepSeek, inner: []string{ // DeepSeek V3, R1
		"<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"}},
	{begin: "<｜DSML｜function_calls>", end: "</｜DSML｜function_calls>", parse: parseTagged}, // DeepSeek V3.2
	{begin: "<|tool_calls_section_begin|>", end: "<|tool_calls_section_end|>", parse: parseKimi, inner: []string{ // Kimi K2
		"<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"}},
	{begin: "<|tool_calls|>", end: "<|calls|>", parse: parseSolar, inner: []string{ // Solar Open
		"<|tool_call:begin|>", "<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>"}},
}

// The marks of the format harmony (gpt-oss): messages of an answer, each for a channel.
//
//	<|start|>assistant<|channel|>analysis<|message|>…<|end|>
//	<|start|>assistant to=functions.weather<|channel|>commentary <|constrain|>json<|message|>{…}<|call|>
//	<|start|>assistant<|channel|>final<|message|>…<|return|>
const (
	harmonyStart   = "<|start|>"
	harmonyChannel = "<|channel|>"
	harmonyMessage = "<|message|>"
)

var harmonyEnds = []string{"<|end|>", "<|return|>", "<|call|>", harmonyStart, harmonyChannel}

// The marks of Solar Open: messages of an answer, the first of which the prompt has begun.
//
//	<|think|>…<|end|><|begin|>assistant<|content|>…<|end|>
//	<|begin|>assistant<|tool_calls|><|tool_call:begin|>id<|tool_call:name|>weather<|tool_call:args|>{…}<|tool_call:end|><|calls|>
const (
	solarBegin   = "<|begin|>"
	solarContent = "<|content|>"
)

// solarThought are the marks of a thought of Solar Open. Other models have an end like it that ends their answers.
var solarThought = thought{"<|think|>", "<|end|>"}

// Format is how one model marks the parts of its answers.
type Format struct {
	thoughts []thought // that may begin at any line; the others only at the beginning of an answer
	syntaxes []*syntax
	wrappers []string
	harmony  bool
	solar    bool
}

// FormatOf returns the format of a model by its chat template and its vocabulary: a mark is known where the
// template spells it or a token does.
func FormatOf(template string, hasToken func(text string) bool) Format {
	knows := func(mark string) bool {
		return strings.Contains(template, mark) || strings.ContainsAny(mark, "<[◁") && hasToken(mark)
	}
	var f Format
	for _, t := range thoughts {
		if begin, _, _ := strings.Cut(t.begin, "thought"); knows(t.end) || begin != "" && strings.HasSuffix(begin, ">") && knows(begin) {
			f.thoughts = append(f.thoughts, t)
		}
	}
	for i := range syntaxes {
		if knows(syntaxes[i].begin) {
			f.syntaxes = append(f.syntaxes, &syntaxes[i])
		}
	}
	for _, w := range wrappers {
		if knows(w) {
			f.wrappers = append(f.wrappers, w)
		}
	}
	f.harmony = knows(harmonyChannel) && knows(harmonyMessage)
	if f.solar = !f.harmony && knows(solarThought.begin) && knows(solarBegin) && knows(solarContent); f.solar {
		f.thoughts = append(f.thoughts, solarThought)
		f.wrappers = append(f.wrappers, solarBegin+"assistant", solarContent, solarThought.end)
	}
	return f
}

// CallMark returns the mark before a call that is written as a JSON object with name and arguments; "" if the model writes calls in other ways.
func (f Format) CallMark() string {
	for _, s := range f.syntaxes {
		if s.object {
			return s.begin
		}
	}
	return ""
}

// beginning returns the marks that may begin an answer: all but sentences, which only models write that know them.
func (f Format) beginning() []thought {
	all := f.thoughts
	for _, t := range thoughts {
		if !isLetter(t.begin[0]) {
			all = append(all[:len(all):len(all)], t)
		}
	}
	return all
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// Spelled returns the marks of the format. A tokenizer must give their text even if they are control tokens.
func (f Format) Spelled() []string {
	var all []string
	for _, t := range thoughts {
		all = append(all, t.begin, strings.TrimSuffix(t.begin, "thought"), t.end)
	}
	all = append(all, f.wrappers...)
	for _, s := range f.syntaxes {
		all = append(append(all, s.begin, s.end), s.inner...)
	}
	if f.harmony {
		all = append(all, harmonyStart, harmonyChannel, harmonyMessage, "<|constrain|>", "<|end|>")
	}
	if f.solar {
		all = append(all, solarThought.begin, solarThought.end, solarBegin)
	}
	return all
}
