package serve

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"soberano/engine"
	"soberano/engine/reply"
)

// chatAnswers reads the choices of a stream.
func chatAnswers(t *testing.T, body string) (answers map[int]*result, usage *openAIUsage) {
	t.Helper()
	answers = map[int]*result{}
	list := events(t, body)
	if list[len(list)-1].data != "[DONE]" {
		t.Fatalf("the stream does not end: %s", body)
	}
	for _, e := range list[:len(list)-1] {
		var part chatCompletion
		if err := json.Unmarshal([]byte(e.data), &part); err != nil || part.Object != "chat.completion.chunk" {
			t.Fatalf("%s: %v", e.data, err)
		}
		if part.Usage != nil {
			usage = part.Usage
		}
		for _, c := range part.Choices {
			r := answers[c.Index]
			if r == nil {
				r = &result{}
				answers[c.Index] = r
				if c.Delta.Role != "assistant" {
					t.Errorf("the first part has no role: %s", e.data)
				}
			}
			if c.Delta.Content != nil {
				r.text += *c.Delta.Content
			}
			r.thinking += c.Delta.Reasoning
			for _, call := range c.Delta.ToolCalls {
				if *call.Index != len(r.calls) {
					t.Errorf("call %d has the index %d", len(r.calls), *call.Index)
				}
				r.calls = append(r.calls, reply.Call{ID: call.ID, Name: call.Function.Name, Arguments: json.RawMessage(call.Function.Arguments)})
			}
			if c.Reason != nil {
				r.reason = engine.Reason(*c.Reason)
			}
		}
	}
	return answers, usage
}

// TestChat checks a whole answer, and that a stream has the same text.
func TestChat(t *testing.T) {
	s := newStage(t).withChat("tiny", tinyModel(t, "llama", ""))
	for _, extra := range []string{`"seed":7,"max_tokens":9`, `"temperature":0,"max_completion_tokens":5,"max_tokens":90`, `"seed":1,"temperature":1.5,"top_p":0.9,"n":3,"max_tokens":20`, `"seed":3,"stop":["e","i"],"max_tokens":60,"temperature":1`} {
		body := `{"model":"tiny","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hello"}]}],` + extra
		var whole chatCompletion
		s.ok("/v1/chat/completions", body+"}", &whole)
		status, answer := s.post("/v1/chat/completions", body+`,"stream":true,"stream_options":{"include_usage":true}}`)
		if status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		streamed, usage := chatAnswers(t, answer)
		if len(streamed) != len(whole.Choices) || usage == nil || usage.Completion != whole.Usage.Completion || usage.Prompt != whole.Usage.Prompt || usage.Total != usage.Prompt+usage.Completion {
			t.Errorf("%s: %d choices, %+v, whole %d, %+v", extra, len(streamed), usage, len(whole.Choices), whole.Usage)
		}
		for _, c := range whole.Choices {
			if got := streamed[c.Index]; got.text != *c.Message.Content || string(got.reason) != *c.Reason || got.text == "" && *c.Reason != "stop" {
				t.Errorf("%s: streamed %q, %s; whole %q, %s", extra, got.text, got.reason, *c.Message.Content, *c.Reason)
			}
		}
	}
}

// answering is a chat model that thinks, writes and calls tools.
func answering(t *testing.T) *scripted {
	return &scripted{Model: tinyModel(t, "llama", `{% if tools %}{% for t in tools %}{{ t.function.name }}{% endfor %}{% endif %}{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}`), pieces: []engine.Piece{
		{Kind: reply.Thinking, Text: "Hm"}, {Kind: reply.Thinking, Text: "m."}, {Text: "I look "}, {Text: "it up."},
		{Kind: reply.Calls, Text: "<call>", Calls: []reply.Call{{Name: "weather", Arguments: json.RawMessage(`{"city":"Bern"}`)}}},
		{Kind: reply.Calls, Text: "<call>", Calls: []reply.Call{{ID: "x1", Name: "time", Arguments: json.RawMessage(`{}`)}}},
		{Reason: engine.Ended, Usage: engine.Usage{Prompt: 11, Cached: 4, Generated: 9}},
	}}
}

const weatherTool = `{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}`

// TestParts checks thoughts and calls of tools, whole and in a stream, and what the model is asked.
func TestParts(t *testing.T) {
	m := answering(t)
	s := newStage(t).withChat("tiny", m)
	body := `{"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"weather","arguments":"{\"city\": 1}"}}]},
		{"role":"tool","tool_call_id":"a","content":"Rain"}],"tools":[` + weatherTool + `],"user":"me","metadata":{"a":"b"},"reasoning_effort":"low"`
	var whole chatCompletion
	s.ok("/v1/chat/completions", body+"}", &whole)
	a := whole.Choices[0]
	if *a.Message.Content != "I look it up." || a.Message.Reasoning != "Hmm." || len(a.Message.ToolCalls) != 2 || *a.Reason != "tool_calls" || whole.Usage.Details.Cached != 4 {
		t.Errorf("%+v %+v", a.Message, whole.Usage)
	}
	if c := a.Message.ToolCalls; !strings.HasPrefix(c[0].ID, "call_") || c[1].ID != "x1" || c[0].Function.Arguments != `{"city":"Bern"}` || c[0].Type != "function" {
		t.Errorf("%+v", c)
	}
	r := m.asked(t)
	if len(r.Messages) != 3 || string(r.Messages[1].Calls[0].Arguments) != `{"city": 1}` || r.Messages[2].CallID != "a" || r.Tools == nil || r.Variables["reasoning_effort"] != "low" {
		t.Errorf("%+v", r)
	}
	_, answer := s.post("/v1/chat/completions", body+`,"stream":true}`)
	streamed, usage := chatAnswers(t, answer)
	if got := streamed[0]; got.text != "I look it up." || got.thinking != "Hmm." || len(got.calls) != 2 || got.reason != "tool_calls" || usage != nil {
		t.Errorf("%+v", got)
	}
	s.ok("/v1/chat/completions", body+`,"parallel_tool_calls":false}`, &whole)
	if c := whole.Choices[0].Message.ToolCalls; len(c) != 1 || *whole.Choices[0].Reason != "tool_calls" {
		t.Errorf("%+v", c)
	}
	s.ok("/v1/chat/completions", body+`,"tool_choice":"none"}`, &whole)
	if m.asked(t).Tools != nil {
		t.Error("the model was told of tools that it may not call")
	}
	for choice, name := range map[string]string{`"required"`: "", `{"type":"function","function":{"name":"weather"}}`: "weather"} {
		s.ok("/v1/chat/completions", body+`,"tool_choice":`+choice+`}`, &whole)
		if r := m.asked(t); !r.MustCall || r.Tool != name || r.Tools == nil {
			t.Errorf("%s: %+v", choice, r)
		}
	}
}

// TestSettings checks that what a request sets takes the place of what is recommended for the model.
func TestSettings(t *testing.T) {
	m := answering(t)
	s := newStage(t).withChat("tiny", m)
	s.sampling.Temperature, s.sampling.TopK, s.sampling.Repeat = 0.5, 40, 1.1
	s.ok("/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}]}`, &chatCompletion{})
	if p := m.asked(t).Sampling; p.Temperature != 0.5 || p.TopK != 40 || p.Repeat != 1.1 || p.Seeded {
		t.Errorf("%+v", p)
	}
	s.ok("/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"temperature":0,"top_k":3,"top_p":0.25,"min_p":0.125,"frequency_penalty":-1,"presence_penalty":0.5,"repetition_penalty":2,"seed":0,"stop":"x","max_tokens":3,
		"logit_bias":{"7":-100},"typical_p":0.5,"dry_multiplier":0.75,"mirostat":2,"samplers":["top_k","temperature"],"repeat_last_n":-1,"logprobs":true,"top_logprobs":2}`, &chatCompletion{})
	r := m.asked(t)
	if p := r.Sampling; p.Temperature != 0 || p.TopK != 3 || p.TopP != 0.25 || p.MinP != 0.125 || p.Frequency != -1 || p.Presence != 0.5 || p.Repeat != 2 || !p.Seeded || p.Seed != 0 || r.MaxTokens != 3 || len(r.Stop) != 1 ||
		p.Bias[7] != -100 || p.Typical != 0.5 || p.DRYMultiplier != 0.75 || p.Mirostat != 2 || len(p.Order) != 2 || p.Last != -1 || !r.Logprobs || r.TopLogprobs != 2 {
		t.Errorf("%+v", r)
	}
}

// TestCompletions checks continuations of one and of several prompts, whole and in a stream.
func TestCompletions(t *testing.T) {
	s := newStage(t).withChat("tiny", tinyModel(t, "llama", ""))
	for _, c := range []struct {
		body    string
		choices int
	}{
		{`"prompt":"Once","seed":1`, 1}, {`"prompt":["Once","upon"],"n":2,"seed":1,"max_tokens":7,"echo":true`, 4}, {`"prompt":[100,101,102],"temperature":0`, 1}, {`"prompt":[[100],[101,102]],"temperature":0`, 2},
	} {
		var whole completion
		s.ok("/v1/completions", "{"+c.body+"}", &whole)
		if len(whole.Choices) != c.choices || whole.Usage.Prompt == 0 || whole.Object != "text_completion" {
			t.Fatalf("%s: %+v", c.body, whole)
		}
		_, answer := s.post("/v1/completions", "{"+c.body+`,"stream":true,"stream_options":{"include_usage":true}}`)
		texts := map[int]string{}
		list := events(t, answer)
		for _, e := range list[:len(list)-1] {
			var part completion
			if err := json.Unmarshal([]byte(e.data), &part); err != nil {
				t.Fatal(err)
			}
			for _, ch := range part.Choices {
				texts[ch.Index] += ch.Text
			}
		}
		for i, ch := range whole.Choices {
			if ch.Index != i || texts[i] != ch.Text {
				t.Errorf("%s: choice %d is %q, streamed %q", c.body, i, ch.Text, texts[i])
			}
		}
		if strings.Contains(c.body, "echo") && !strings.HasPrefix(whole.Choices[2].Text, "upon") {
			t.Errorf("not echoed: %+v", whole.Choices)
		}
	}
}

// TestLogprobs checks the probabilities of tokens: there are as many as tokens, whole and in a stream, and their texts are the answer.
func TestLogprobs(t *testing.T) {
	s := newStage(t).withChat("tiny", tinyModel(t, "llama", ""))
	const body = `{"messages":[{"role":"user","content":"a"}],"max_tokens":12,"seed":2,"temperature":1,"logprobs":true,"top_logprobs":3`
	var whole chatCompletion
	s.ok("/v1/chat/completions", body+"}", &whole)
	list := whole.Choices[0].Logprobs.Content
	if len(list) != whole.Usage.Completion {
		t.Errorf("%d tokens have probabilities, %d were generated", len(list), whole.Usage.Completion)
	}
	for _, p := range list {
		if len(p.Top) != 3 || p.Logprob > p.Top[0].Logprob || p.Top[1].Logprob > p.Top[0].Logprob || p.Logprob > 0 || len(p.Bytes) != 1 || p.Token != spelled(string([]byte{byte(p.Bytes[0])})) {
			t.Errorf("%+v", p)
		}
	}
	_, answer := s.post("/v1/chat/completions", body+`,"stream":true}`)
	var streamed []chatToken
	all := events(t, answer)
	for _, e := range all[:len(all)-1] {
		var part chatCompletion
		if err := json.Unmarshal([]byte(e.data), &part); err != nil {
			t.Fatal(err)
		}
		if l := part.Choices[0].Logprobs; l != nil {
			streamed = append(streamed, l.Content...)
		}
	}
	if !slices.EqualFunc(streamed, list, func(a, b chatToken) bool { return a.Token == b.Token && math.Abs(a.Logprob-b.Logprob) < 1e-4 }) {
		t.Errorf("streamed %v\nwhole    %v", streamed, list)
	}
	var text completion
	s.ok("/v1/completions", `{"prompt":"ab","logprobs":2,"best_of":3,"seed":1,"temperature":1,"max_tokens":5}`, &text)
	if l := text.Choices[0].Logprobs; len(text.Choices) != 1 || len(l.Tokens) != 5 || len(l.Top[0]) != 2 || l.Offset[4] != 4 {
		t.Errorf("%+v", l)
	}
}

// TestModels checks the list of models.
func TestModels(t *testing.T) {
	s := newStage(t).withChat("tiny", answering(t)).withChat("other", answering(t))
	status, _, body := s.do(s.request(t.Context(), http.MethodGet, "/v1/models", ""))
	var list openAIModels
	if err := json.Unmarshal([]byte(body), &list); err != nil || status != 200 || len(list.Data) != 2 || list.Data[0].ID != "tiny" || list.Data[0].Object != "model" {
		t.Errorf("%d %s %v", status, body, err)
	}
	if status, _, body := s.do(s.request(t.Context(), http.MethodGet, "/v1/models/other", "")); status != 200 || !strings.Contains(body, `"other"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _, body := s.do(s.request(t.Context(), http.MethodGet, "/v1/models/none", "")); status != 404 || !strings.Contains(body, "model_not_found") {
		t.Errorf("%d %s", status, body)
	}
}

// TestOpenAIRefuses checks that wrong requests are refused, and that the refusal names the parameter.
func TestOpenAIRefuses(t *testing.T) {
	s := newStage(t).withChat("tiny", answering(t)).withChat("plain", tinyModel(t, "llama", "{% if messages[0].role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}x"))
	const hi = `"messages":[{"role":"user","content":"a"}]`
	for _, c := range []struct {
		path, body string
		status     int
		param      string
	}{
		{"chat/completions", ``, 400, ""},
		{"chat/completions", `{`, 400, ""},
		{"chat/completions", `[]`, 400, ""},
		{"chat/completions", `{} {}`, 400, ""},
		{"chat/completions", `{}`, 400, "messages"},
		{"chat/completions", `{` + hi + `,"temprature":1}`, 400, "temprature"},
		{"chat/completions", `{` + hi + `,"temperature":"hot"}`, 400, "temperature"},
		{"chat/completions", `{` + hi + `,"temperature":2.5}`, 400, "temperature"},
		{"chat/completions", `{` + hi + `,"temperature":-1}`, 400, "temperature"},
		{"chat/completions", `{` + hi + `,"top_p":1.5}`, 400, "top_p"},
		{"chat/completions", `{` + hi + `,"frequency_penalty":3}`, 400, "frequency_penalty"},
		{"chat/completions", `{` + hi + `,"presence_penalty":-3}`, 400, "presence_penalty"},
		{"chat/completions", `{` + hi + `,"n":0}`, 400, "n"},
		{"chat/completions", `{` + hi + `,"n":17}`, 400, "n"},
		{"chat/completions", `{` + hi + `,"max_tokens":0}`, 400, "max_tokens"},
		{"chat/completions", `{` + hi + `,"stop":["a","b","c","d","e"]}`, 400, "stop"},
		{"chat/completions", `{` + hi + `,"stop":""}`, 400, "stop"},
		{"chat/completions", `{` + hi + `,"modalities":["audio"]}`, 400, "modalities"},
		{"chat/completions", `{` + hi + `,"functions":[{}]}`, 400, "functions"},
		{"chat/completions", `{` + hi + `,"tool_choice":"sometimes"}`, 400, "tool_choice"},
		{"chat/completions", `{` + hi + `,"tool_choice":"required"}`, 400, "tool_choice"},
		{"chat/completions", `{` + hi + `,"tools":[{"type":"web_search"}]}`, 400, "tools[0]"},
		{"chat/completions", `{"model":"plain",` + hi + `,"tools":[` + weatherTool + `]}`, 400, "tools"},
		{"chat/completions", `{"model":"plain","messages":[{"role":"tool","content":"a"}]}`, 400, "messages"},
		{"chat/completions", `{"messages":[{"role":"robot","content":"a"}]}`, 400, "messages[0].role"},
		{"chat/completions", `{"messages":[{"role":"user","content":"a","audio":{"id":"x"}}]}`, 400, "messages[0].audio"},
		{"chat/completions", `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x"}}]}]}`, 400, "messages[0].content[0].input_audio"},
		{"chat/completions", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://x/y.png"}}]}]}`, 400, "messages[0].content"},
		{"chat/completions", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}`, 400, "messages[0].content"},
		{"chat/completions", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"` + smallImage + `"}}]}]}`, 400, "messages"},
		{"chat/completions", `{"model":"plain","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{"}}]}]}`, 400, "messages[0].tool_calls"},
		{"chat/completions", `{"model":"none",` + hi + `}`, 404, "model"},
		{"chat/completions", `{"model":"plain","messages":[{"role":"user","content":"` + strings.Repeat("long ", 100) + `"}],"stream":true,"n":2}`, 200, ""},
		{"chat/completions", `{` + strings.Repeat(" ", 70<<10) + `}`, 413, ""},
		{"completions", `{}`, 400, "prompt"},
		{"completions", `{"prompt":""}`, 400, "prompt"},
		{"completions", `{"prompt":[1.5]}`, 400, ""},
		{"completions", `{"model":"plain","prompt":[100000]}`, 400, "prompt"},
		{"completions", `{"prompt":"a","suffix":"b"}`, 400, "suffix"},
		{"completions", `{"prompt":"a","best_of":17}`, 400, "best_of"},
		{"completions", `{"prompt":"a","n":2,"best_of":1}`, 400, "best_of"},
		{"completions", `{"prompt":"a","best_of":3,"stream":true}`, 400, "best_of"},
		{"completions", `{"prompt":"a","logprobs":21}`, 400, "logprobs"},
		{"completions", `{"prompt":"a","logprobs":1,"echo":true}`, 400, "logprobs"},
		{"completions", `{"prompt":"a","mirostat":3}`, 400, "mirostat"},
		{"completions", `{"prompt":"a","samplers":["heat"]}`, 400, "samplers"},
		{"chat/completions", `{` + hi + `,"top_logprobs":2}`, 400, "top_logprobs"},
		{"chat/completions", `{` + hi + `,"logprobs":true,"top_logprobs":21}`, 400, "top_logprobs"},
		{"chat/completions", `{` + hi + `,"logit_bias":{"a":1}}`, 400, "logit_bias"},
		{"chat/completions", `{` + hi + `,"logit_bias":{"1":101}}`, 400, "logit_bias"},
		{"completions", `{"model":"plain","prompt":"` + strings.Repeat("long ", 100) + `","stream":true}`, 400, "messages"},
	} {
		status, body := s.post("/v1/"+c.path, c.body)
		var got openAIFailure
		if status != 200 {
			if err := json.Unmarshal([]byte(body), &got); err != nil || got.Error.Message == "" || got.Error.Type == "" {
				t.Errorf("%.80s: %d %s", c.body, status, body)
			}
		}
		if status != c.status || c.param != "" && (got.Error.Param == nil || *got.Error.Param != c.param) {
			t.Errorf("%.120s: %d %s", c.body, status, body)
		}
	}
}

// smallImage is an orange image of 2 by 2 pixels.
const smallImage = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP438AARAwQCgAt7gX9iz9uhAAAAABJRU5ErkJggg=="

// TestFails checks that a failure within a stream is told, and one before it by the status.
func TestFails(t *testing.T) {
	m := answering(t)
	m.pieces, m.err = m.pieces[:3], fmt.Errorf("the device is gone")
	s := newStage(t).withChat("tiny", m)
	status, body := s.post("/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"stream":true}`)
	list := events(t, body)
	if status != 200 || !strings.Contains(list[len(list)-2].data, `"error":{"message":"the device is gone"`) || list[len(list)-1].data != "[DONE]" {
		t.Errorf("%d %s", status, body)
	}
	m.pieces = nil
	if status, body := s.post("/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"stream":true}`); status != 500 || !strings.Contains(body, "server_error") {
		t.Errorf("%d %s", status, body)
	}
	m.err = nil
	if status, body := s.post("/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}]}`); status != 500 || !strings.Contains(body, "Incomplete") {
		t.Errorf("%d %s", status, body)
	}
}
