package reply

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// all is a format that knows every mark.
var all = FormatOf("", func(string) bool { return true })

// solar is the format of Solar Open.
var solar = knowing("<|think|>", "<|begin|>", "<|content|>", "<|tool_calls|>")

// knowing returns the format of a model whose template has these marks.
func knowing(marks ...string) Format {
	return FormatOf(strings.Join(marks, " "), func(string) bool { return false })
}

// joined joins parts of one kind in a row, and drops empty ones.
func joined(parts []Part) (out []Part) {
	for _, p := range parts {
		if n := len(out); n > 0 && out[n-1].Kind == p.Kind && p.Kind != Calls {
			out[n-1].Text += p.Text
		} else {
			out = append(out, p)
		}
	}
	return out
}

// shown writes parts in one line each.
func shown(parts []Part) string {
	var b strings.Builder
	for _, p := range joined(parts) {
		if p.Kind != Calls {
			fmt.Fprintf(&b, "%s %q\n", p.Kind, p.Text)
			continue
		}
		for _, c := range p.Calls {
			fmt.Fprintf(&b, "call %s %s%s\n", c.Name, c.Arguments, c.ID)
		}
	}
	return b.String()
}

// whole splits a text that arrives at once; pieces one that arrives in pieces.
func whole(f Format, o Options, text string) []Part { return pieces(f, o, text) }

func pieces(f Format, o Options, texts ...string) []Part {
	s := f.Splitter(o)
	var parts []Part
	for _, t := range texts {
		parts = append(parts, s.Push(t)...)
	}
	return append(parts, s.Flush()...)
}

type example struct {
	name   string
	format Format
	o      Options
	text   string
	want   string
}

var examples = []example{
	{"no marks", knowing(), Options{}, "Hello <b>world</b> [1]\n", " \"Hello <b>world</b> [1]\\n\"\n"},
	{"think", knowing("</think>"), Options{}, "<think>\nRain?\n</think>\n\nNo.", "thinking \"Rain?\"\n \"No.\"\n"},
	{"think unknown to the template", knowing(), Options{}, "<think>a</think>b", "thinking \"a\"\n \"b\"\n"},
	{"capitals", knowing(), Options{}, "<Think>a</THINK>b", "thinking \"a\"\n \"b\"\n"},
	{"think twice", knowing("</think>"), Options{}, "<think>a</think>b\n<think>c</think>d", "thinking \"a\"\n \"b\\n\"\nthinking \"c\"\n \"d\"\n"},
	{"think unknown within the text", knowing(), Options{}, "b\n<think>c</think>", " \"b\\n<think>c</think>\"\n"},
	{"think within a line", knowing("</think>"), Options{}, "the mark <think> begins it", " \"the mark <think> begins it\"\n"},
	{"think in code", knowing("</think>"), Options{}, "```xml\n<think>\n```\n<think>x</think>y", " \"```xml\\n<think>\\n```\\n\"\nthinking \"x\"\n \"y\"\n"},
	{"opened by the prompt", knowing("</think>"), Options{Prompt: "<|im_start|>assistant\n<think>\n"}, "Rain?\n</think>\n\nNo.", "thinking \"Rain?\"\n \"No.\"\n"},
	{"closed by the prompt", knowing("</think>"), Options{Prompt: "assistant\n<think>\n\n</think>\n\n"}, "No.", " \"No.\"\n"},
	{"opened by the answer that goes on", knowing("</think>"), Options{Prompt: "<think>\nI"}, " see</think>Yes", "thinking \" see\"\n \"Yes\"\n"},
	{"never closed", knowing("</think>"), Options{}, "<think>\nRain \n", "thinking \"Rain\"\n"},
	{"seed", knowing("<seed:think>", "</seed:think>"), Options{}, "<seed:think>a</seed:think>b", "thinking \"a\"\n \"b\"\n"},
	{"magistral", knowing("[THINK]", "[/THINK]"), Options{}, "[THINK]a[/THINK]b", "thinking \"a\"\n \"b\"\n"},
	{"gemma", all, Options{}, "<|channel>thought\na\n<channel|>b", "thinking \"a\"\n \"b\"\n"},
	{"granite 3.2", knowing("Here is my thought process:", "Here is my response:"), Options{}, "Here is my thought process: a\n\nHere is my response:\nb", "thinking \" a\"\n \"b\"\n"},
	{"granite 3.2 unknown", knowing(), Options{}, "Here is my thought process: a", " \"Here is my thought process: a\"\n"},
	{"granite 3.3", knowing("</think>", "<response>", "</response>"), Options{}, "<think>a</think>\n<response>b</response>", "thinking \"a\"\n \"b\"\n"},
	{"command", knowing("<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"), Options{}, "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>", "thinking \"a\"\n \"b\"\n"},
	{"harmony", all, Options{Prompt: "<|start|>assistant"}, "<|channel|>analysis<|message|>We think.<|end|><|start|>assistant<|channel|>final<|message|>Hello.", "thinking \"We think.\"\n \"Hello.\"\n"},
	{"harmony call", all, Options{Prompt: "<|start|>assistant"}, "<|channel|>analysis<|message|>Look up.<|end|><|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{\"city\": \"Ulm\"}",
		"thinking \"Look up.\"\ncall weather {\"city\":\"Ulm\"}\n"},
	{"harmony call with the recipient first", all, Options{Prompt: "<|start|>assistant"}, " to=functions.f<|channel|>commentary json<|message|>{}", "call f {}\n"},
	{"harmony preamble", all, Options{Prompt: "<|start|>assistant"}, "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>final<|message|>Done.", " \"I look.\\n\\nDone.\"\n"},
	{"harmony without a header", all, Options{Prompt: "<|start|>assistant"}, "Hello.", " \"Hello.\"\n"},
	{"harmony broken call", all, Options{Prompt: "<|start|>assistant"}, "<|channel|>commentary to=functions.f<|message|>{\"a\":", " \"<|channel|>commentary to=functions.f<|message|>{\\\"a\\\":\"\n"},
	{"hermes", knowing("<tool_call>"), Options{}, "I look.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"<x>\"]}}\n</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>",
		" \"I look.\\n\"\ncall f {\"a\":[1,\"<x>\"]}\ncall g {}\n"},
	{"hermes, cut off before its end", knowing("<tool_call>"), Options{}, "<tool_call>{\"name\": \"f\", \"arguments\": {}}", "call f {}\n"},
	{"hermes, broken", knowing("<tool_call>"), Options{}, "<tool_call>{\"name\": \"f\", \"arguments\": {</tool_call>!", " \"<tool_call>{\\\"name\\\": \\\"f\\\", \\\"arguments\\\": {</tool_call>!\"\n"},
	{"hermes, unknown to the template", knowing(), Options{}, "<tool_call>{}</tool_call>", " \"<tool_call>{}</tool_call>\"\n"},
	{"arguments as a string", knowing("<tool_call>"), Options{}, `<tool_call>{"name":"f","arguments":"{\"a\": 1}"}</tool_call>`, "call f {\"a\":1}\n"},
	{"after a thought", all, Options{}, "<think>x</think>\n\n<tool_call>{\"name\":\"f\",\"parameters\":{\"b\":null}}</tool_call>", "thinking \"x\"\ncall f {\"b\":null}\n"},
	{"qwen coder", knowing("<tool_call>"), Options{}, "<tool_call>\n<function=f>\n<parameter=city>\nNew\nUlm\n</parameter>\n<parameter=days>\n2\n</parameter>\n<parameter=on>true</parameter>\n</function>\n</tool_call>",
		"call f {\"city\":\"New\\nUlm\",\"days\":2,\"on\":true}\n"},
	{"types", knowing("<tool_call>"), Options{TypeOf: func(tool, parameter string) string { return map[string]string{"f.zip": "string"}[tool+"."+parameter] }},
		"<tool_call><function=f><parameter=zip>89073</parameter><parameter=n>1</parameter></function></tool_call>", "call f {\"zip\":\"89073\",\"n\":1}\n"},
	{"glm", knowing("<tool_call>"), Options{}, "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>x y</arg_value>\n<arg_key>b</arg_key>\n<arg_value>[1]</arg_value>\n</tool_call>", "call f {\"a\":\"x y\",\"b\":[1]}\n"},
	{"glm without arguments", knowing("<tool_call>"), Options{}, "<tool_call>f</tool_call>", "call f {}\n"},
	{"prose in the marks", knowing("<tool_call>"), Options{}, "<tool_call>no call at all</tool_call>", " \"<tool_call>no call at all</tool_call>\"\n"},
	{"seed call", knowing("<seed:tool_call>"), Options{}, "<seed:tool_call>\n<function=f>\n<parameter=a>1</parameter>\n</function>\n</seed:tool_call>", "call f {\"a\":1}\n"},
	{"minimax", knowing("<minimax:tool_call>"), Options{}, "<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"a\">x</parameter>\n</invoke>\n<invoke name=\"g\">\n</invoke>\n</minimax:tool_call>", "call f {\"a\":\"x\"}\ncall g {}\n"},
	{"deepseek v3.2", knowing("<｜DSML｜function_calls>"), Options{}, "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"a\" string=\"true\">x</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>", "call f {\"a\":\"x\"}\n"},
	{"deepseek r1", all, Options{}, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": 1}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
		"call f {\"a\":1}\ncall g {}\n"},
	{"deepseek v3.1", all, Options{}, "Hm.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\":1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", " \"Hm.\"\ncall f {\"a\":1}\n"},
	{"mistral list", knowing("[TOOL_CALLS]"), Options{}, `[TOOL_CALLS][{"name": "f", "arguments": {"a": 1}, "id": "abcdefghi"}, {"name": "g", "arguments": {}}]`, "call f {\"a\":1}abcdefghi\ncall g {}\n"},
	{"mistral args", knowing("[TOOL_CALLS]"), Options{}, `[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{"a": 1}[TOOL_CALLS]g[ARGS]{}`, "call f {\"a\":1}abcdefghi\ncall g {}\n"},
	{"mistral bare", knowing("[TOOL_CALLS]"), Options{}, `[TOOL_CALLS]f{"a": 1}`, "call f {\"a\":1}\n"},
	{"llama", all, Options{Tools: true}, `{"name": "f", "parameters": {"a": "b"}}; {"name": "g", "parameters": {}}`, "call f {\"a\":\"b\"}\ncall g {}\n"},
	{"bare, of a model with marks", knowing("<tool_call>"), Options{Tools: true}, "\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n", "call f {\"a\":1}\n"},
	{"no call, of a model with tools", knowing(), Options{Tools: true}, "Hello.", " \"Hello.\"\n"},
	{"llama tag", all, Options{}, `<|python_tag|>{"name": "f", "parameters": {}}`, "call f {}\n"},
	{"llama python", all, Options{}, `<|python_tag|>brave_search.call(query="Ulm")`, "call brave_search.call {\"query\":\"Ulm\"}\n"},
	{"llama without tools", all, Options{}, `{"name": "f", "parameters": {}}`, " \"{\\\"name\\\": \\\"f\\\", \\\"parameters\\\": {}}\"\n"},
	{"an object that is no call", all, Options{Tools: true}, `{"city": {"zip": 1}}`, " \"{\\\"city\\\": {\\\"zip\\\": 1}}\"\n"},
	{"functionary", knowing("<function="), Options{}, `<function=f>{"a": 1}</function>`, "call f {\"a\":1}\n"},
	{"lfm2", all, Options{}, `<|tool_call_start|>[f(city="New \"Ulm\"", days=2, list=[1.5, 'a', None], on=True, d={'k': -1}), g()]<|tool_call_end|>Done.`,
		"call f {\"city\":\"New \\\"Ulm\\\"\",\"days\":2,\"list\":[1.5,\"a\",null],\"on\":true,\"d\":{\"k\":-1}}\ncall g {}\n \"Done.\"\n"},
	{"olmo", knowing("<function_calls>"), Options{}, "<function_calls>\nf(a='x')\ng()\n</function_calls>", "call f {\"a\":\"x\"}\ncall g {}\n"},
	{"command action", all, Options{}, `<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "f", "parameters": {"a": 1}}]<|END_ACTION|>`, "call f {\"a\":1}0\n"},
	{"apertus", all, Options{}, `<|tools_prefix|>[{"f": {"a": 1}}, {"g": {}}]<|tools_suffix|>`, "call f {\"a\":1}\ncall g {}\n"},
	{"granite 3", all, Options{}, `<|tool_call|>[{"name": "f", "arguments": {}}]`, "call f {}\n"},
	{"phi 4", all, Options{}, `<|tool_call|>[{"name": "f", "arguments": {}}]<|/tool_call|>`, "call f {}\n"},
	{"nemotron", knowing("<TOOLCALL>"), Options{}, `<TOOLCALL>[{"name": "f", "arguments": {"a": 1}}]</TOOLCALL>`, "call f {\"a\":1}\n"},
	{"gemma call", all, Options{}, `<|tool_call>call:f{city:<|"|>New, {Ulm}<|"|>,days:2,on:true,list:[<|"|>a<|"|>,1],in:{k:null}}<tool_call|>`,
		"call f {\"city\":\"New, {Ulm}\",\"days\":2,\"on\":true,\"list\":[\"a\",1],\"in\":{\"k\":null}}\n"},
	{"solar", solar, Options{Prompt: "<|begin|>assistant"}, "<|think|>Rain?<|end|><|begin|>assistant<|content|>It rains.\n<|end|>", "thinking \"Rain?\"\n \"It rains.\\n\"\n"},
	{"solar without a thought", solar, Options{Prompt: "<|think|><|end|><|begin|>assistant"}, "<|content|>a <|end of it<|end|>", " \"a <|end of it\"\n"},
	{"solar calls", solar, Options{Prompt: "<|begin|>assistant"}, `<|think|>x<|end|><|begin|>assistant<|tool_calls|><|tool_call:begin|>1a<|tool_call:name|>f<|tool_call:args|>{"a": 1}<|tool_call:end|><|tool_call:begin|>2<|tool_call:name|>g<|tool_call:args|>{}<|tool_call:end|><|calls|>`,
		"thinking \"x\"\ncall f {\"a\":1}1a\ncall g {}2\n"},
	{"an end that others have", knowing("<|end|>", "<|think|>"), Options{}, "a<|end|>", " \"a<|end|>\"\n"},
	{"kimi", all, Options{}, `<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"a": 1}<|tool_call_end|><|tool_calls_section_end|>`, "call f {\"a\":1}functions.f:0\n"},
}

// TestExamples checks each example as a whole, byte by byte, and cut in two at each character.
func TestExamples(t *testing.T) {
	for _, x := range examples {
		if got := shown(whole(x.format, x.o, x.text)); got != x.want {
			t.Errorf("%s:\n got %s\nwant %s", x.name, got, x.want)
			continue
		}
		if got := shown(pieces(x.format, x.o, strings.Split(x.text, "")...)); got != x.want {
			t.Errorf("%s, by characters:\n got %s\nwant %s", x.name, got, x.want)
		}
		for i := range x.text {
			if got := shown(pieces(x.format, x.o, x.text[:i], x.text[i:])); got != x.want {
				t.Errorf("%s, cut at %d:\n got %s\nwant %s", x.name, i, got, x.want)
				break
			}
		}
	}
}

// TestNothingHeld checks that text is not held back longer than a mark may begin.
func TestNothingHeld(t *testing.T) {
	s := all.Splitter(Options{})
	for _, c := range []struct{ in, want string }{
		{"a <", " \"a \"\n"}, {"b", " \"<b\"\n"}, {"\n<thi", " \"\\n\"\n"}, {"nk>x", "thinking \"x\"\n"}, {" y </", "thinking \" y\"\n"}, {"z", "thinking \" </z\"\n"},
	} {
		if got := shown(s.Push(c.in)); got != c.want {
			t.Errorf("%q gives %q, expected %q", c.in, got, c.want)
		}
	}
}

// TestText checks for any text of marks and other parts, cut anywhere: pieces give what the whole gives, the
// arguments of calls are objects, and text without marks stays as it is.
func TestText(t *testing.T) {
	var marks []string
	for _, m := range all.Spelled() {
		if m != "" {
			marks = append(marks, m)
		}
	}
	marks = append(marks, "{", "}", "\n", "a", `{"name":"f","arguments":{}}`, "f(a=1)", "```", "<", " ")
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom(marks), 0, 12).Draw(t, "parts")
		text := strings.Join(parts, "")
		o := Options{Tools: rapid.Bool().Draw(t, "tools"), Prompt: rapid.SampledFrom([]string{"", "<think>", "<|start|>assistant"}).Draw(t, "prompt")}
		want := shown(whole(all, o, text))
		if got := shown(pieces(all, o, strings.Split(text, "")...)); got != want {
			t.Fatalf("%q by characters:\n got %s\nwant %s", text, got, want)
		}
		for _, p := range whole(all, o, text) {
			for _, c := range p.Calls {
				var m map[string]any
				if json.Unmarshal(c.Arguments, &m) != nil || m == nil || c.Name == "" {
					t.Fatalf("%q: call %q %s", text, c.Name, c.Arguments)
				}
			}
		}
		if plain := strings.Map(func(r rune) rune {
			if strings.ContainsRune("<[◁H", r) {
				return -1
			}
			return r
		}, text); plain != "" && !o.Tools && o.Prompt == "" {
			if got := whole(all, o, plain); len(got) != 1 || got[0].Text != plain {
				t.Fatalf("%q gives %v", plain, got)
			}
		}
	})
}

// TestLong checks that the time is linear in the length of a thought, a call and a text of marks.
func TestLong(t *testing.T) {
	const n = 1 << 17
	for _, begin := range []string{"<think>", "<tool_call>", "<|channel|>", "", "{"} {
		for _, one := range []string{"a", "<", "<|", "\n", "</think", "[["} {
			s := all.Splitter(Options{Tools: true})
			var size int
			count := func(parts []Part) {
				for _, p := range parts {
					size += len(p.Text)
				}
			}
			count(s.Push(begin))
			for range n / len(one) {
				count(s.Push(one))
			}
			count(s.Flush())
			if size > 2*n {
				t.Errorf("%s %s: %d bytes", begin, one, size)
			}
		}
	}
}

func TestJoiner(t *testing.T) {
	var j Joiner
	var b strings.Builder
	for _, p := range []Part{{Kind: Thinking, Text: "a"}, {Kind: Thinking, Text: "b"}, {}, {Text: "c"}, {Kind: Calls, Text: "d"}, {Kind: Thinking, Text: "e"}} {
		b.WriteString(j.Add(p))
	}
	b.WriteString(j.End())
	if got, want := b.String(), "<think>\nab\n</think>\n\ncd\n\n<think>\ne\n</think>"; got != want {
		t.Errorf("%q, expected %q", got, want)
	}
}

func TestFormatOf(t *testing.T) {
	f := FormatOf("{{ '<think>' }} </think> [TOOL_CALLS]", func(s string) bool { return s == "<tool_call>" })
	if len(f.thoughts) != 1 || len(f.syntaxes) != 2 || f.harmony {
		t.Errorf("%+v", f)
	}
	if s := f.Spelled(); !slices.Contains(s, "[ARGS]") || !slices.Contains(s, "<channel|>") {
		t.Errorf("marks %q", s)
	}
}

func FuzzSplitter(f *testing.F) {
	for _, x := range examples {
		f.Add(x.text, x.o.Prompt, len(x.text)/2)
	}
	f.Fuzz(func(t *testing.T, text, prompt string, at int) {
		at = min(max(at, 0), len(text))
		for _, tools := range []bool{false, true} {
			o := Options{Prompt: prompt, Tools: tools}
			if a, b := shown(whole(all, o, text)), shown(pieces(all, o, text[:at], text[at:])); a != b {
				t.Errorf("%q cut at %d:\n got %s\nwant %s", text, at, b, a)
			}
		}
	})
}
