package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"soberano/engine/reply"
	"soberano/engine/sample"
)

// TestAnthropic checks a whole answer and the events of a stream, and what the model is asked.
func TestAnthropic(t *testing.T) {
	m := answering(t)
	s := newStage(t).withChat("tiny", m)
	const body = `{"model":"tiny","max_tokens":50,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"temperature":0.5,"top_k":9,"stop_sequences":["X"],
		"messages":[{"role":"user","content":"Sun"},{"role":"user","content":[{"type":"text","text":"day?"}]},
		{"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"s"},{"type":"text","text":"I look."},{"type":"tool_use","id":"a","name":"weather","input":{"city":"Bern"}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"Rain"}]},{"type":"text","text":"So?"}]}],
		"tools":[{"name":"weather","description":"d","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto"},"thinking":{"type":"enabled","budget_tokens":1024},"metadata":{"user_id":"u"}`
	var whole anthropicAnswer
	s.ok("/v1/messages", body+"}", &whole)
	var kinds []string
	for _, b := range whole.Content {
		kinds = append(kinds, b.Type)
	}
	if !slices.Equal(kinds, []string{"thinking", "text", "tool_use", "tool_use"}) || *whole.StopReason != "tool_use" || whole.Usage.Input != 7 || whole.Usage.Cached != 4 || whole.Usage.Output != 9 || *whole.Content[1].Text != "I look it up." {
		t.Errorf("%+v", whole)
	}
	r := m.asked(t)
	var roles []string
	for _, msg := range r.Messages {
		roles = append(roles, msg.Role+":"+msg.Content)
	}
	if got := strings.Join(roles, "|"); got != "system:Be brief.|user:Sun\nday?|assistant:I look.|tool:Rain|user:So?" || r.Messages[2].Calls[0].ID != "a" || r.Messages[2].Thinking != "Hm" || r.Messages[3].Name != "weather" {
		t.Errorf("%s, %+v", got, r.Messages)
	}
	if !strings.Contains(fmt.Sprintf("%s", r.Tools), `"parameters":{"type":"object"}`) || r.MaxThinking != 1024 || r.Sampling.TopK != 9 || r.MaxTokens != 50 || r.Continue {
		t.Errorf("%+v", r)
	}
	for choice, name := range map[string]string{`{"type":"any"}`: "", `{"type":"tool","name":"weather"}`: "weather"} {
		s.ok("/v1/messages", strings.Replace(body, `{"type":"auto"}`, choice, 1)+"}", &whole)
		if r := m.asked(t); !r.MustCall || r.Tool != name || r.Tools == nil {
			t.Errorf("%s: %+v", choice, r)
		}
	}
	_, answer := s.post("/v1/messages", body+`,"stream":true}`)
	var names []string
	text, arguments := "", ""
	for _, e := range events(t, answer) {
		var got struct {
			Type  string
			Delta *anthropicDelta
		}
		if err := json.Unmarshal([]byte(e.data), &got); err != nil || got.Type != e.name {
			t.Fatalf("%+v: %v", e, err)
		}
		names = append(names, e.name)
		if got.Delta != nil && got.Delta.Text != nil {
			text += *got.Delta.Text
		}
		if got.Delta != nil && got.Delta.JSON != nil {
			arguments += *got.Delta.JSON
		}
	}
	block := func(n int) []string {
		list := []string{"content_block_start"}
		for range n {
			list = append(list, "content_block_delta")
		}
		return append(list, "content_block_stop")
	}
	want := slices.Concat([]string{"message_start", "ping"}, block(3), block(2), block(1), block(1), []string{"message_delta", "message_stop"})
	if !slices.Equal(names, want) || text != "I look it up." || arguments != `{"city":"Bern"}{}` {
		t.Errorf("%v\nexpected %v; %q %q", names, want, text, arguments)
	}
	s.ok("/v1/messages", `{"max_tokens":5,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"The"}]}`, &whole)
	if !m.asked(t).Continue {
		t.Error("the beginning of an answer is not continued")
	}
	var n anthropicTokens
	s.ok("/v1/messages/count_tokens", `{"messages":[{"role":"user","content":"abc"}]}`, &n)
	if n.Input < 5 {
		t.Errorf("%d tokens", n.Input)
	}
}

// TestDialectsRefuse checks wrong requests of each dialect, and the form of what is told.
func TestDialectsRefuse(t *testing.T) {
	s := newStage(t).withChat("tiny", answering(t)).withEncoder("bert", Embedding, "bert")
	const hi = `"messages":[{"role":"user","content":"a"}]`
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/v1/messages", `{` + hi + `}`, 400, `"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: Field required"}`},
		{"/v1/messages", `{"max_tokens":1}`, 400, "at least one message"},
		{"/v1/messages", `{"max_tokens":1,"model":"none",` + hi + `}`, 404, "not_found_error"},
		{"/v1/messages", `{"max_tokens":1,` + hi + `,"temperature":1.5}`, 400, "temperature"},
		{"/v1/messages", `{"max_tokens":1,` + hi + `,"stop_sequences":[" "]}`, 400, "stop_sequences"},
		{"/v1/messages", `{"max_tokens":1,` + hi + `,"tool_choice":{"type":"any"}}`, 400, "no tools"},
		{"/v1/messages", `{"max_tokens":1,` + hi + `,"tool_choice":{"type":"tool"},"tools":[{"name":"a","input_schema":{}}]}`, 400, "tool_choice.name"},
		{"/v1/messages", `{"max_tokens":1,` + hi + `,"tool_choice":{"type":"all"},"tools":[{"name":"a","input_schema":{}}]}`, 400, "tool_choice.type"},
		{"/v1/messages", `{"max_tokens":1,` + hi + `,"tools":[{"type":"bash_20250124","name":"bash"}]}`, 400, "tools.0"},
		{"/v1/messages", `{"max_tokens":1,` + hi + `,"container":"c"}`, 400, "container"},
		{"/v1/messages", `{"max_tokens":1,"messages":[{"role":"system","content":"a"}]}`, 400, "role"},
		{"/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":""}]}`, 400, "no content"},
		{"/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","data":"x"}}]}]}`, 400, "document"},
		{"/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"http://x"}}]}]}`, 400, "base64"},
		{"/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + strings.TrimPrefix(smallImage, "data:image/png;base64,") + `"}}]}]}`, 400, "see images"},
		{"/v1/messages", `{"max_tokens":1,` + hi + `,"output_config":{"format":{"type":"json_schema","schema":{"type":"strange"}}}}`, 200, ""},
		{"/v1/messages/count_tokens", `{}`, 400, "messages"},
		{"/v1/messages/batches", `{}`, 404, `"type":"not_found_error"`},
		{"/v1/responses", `{}`, 400, `"param":"input"`},
		{"/v1/responses", `{"input":"a","previous_response_id":"r"}`, 400, "previous_response_id"},
		{"/v1/responses", `{"input":"a","background":true}`, 400, "background"},
		{"/v1/responses", `{"input":"a","truncation":"some"}`, 400, "truncation"},
		{"/v1/responses", `{"input":"a","include":["file_search_call.results"]}`, 400, "include"},
		{"/v1/responses", `{"input":"a","tools":[{"type":"web_search"}]}`, 400, "tools[0]"},
		{"/v1/responses", `{"input":[{"type":"item_reference","id":"x"}]}`, 400, "input[0].type"},
		{"/v1/responses", `{"input":[{"role":"user","content":[{"type":"input_file","text":"x"}]}]}`, 400, "input[0].content"},
		{"/v1/responses", `{"input":"a","text":{"verbosity":"low"}}`, 400, "text.verbosity"},
		{"/api/chat", `{"model":"none",` + hi + `}`, 404, `{"error":"There is no model none"}`},
		{"/api/chat", `{` + hi + `,"options":{"heat":1}}`, 400, "heat"},
		{"/api/chat", `{` + hi + `,"options":{"num_keep":5}}`, 400, "num_keep"},
		{"/api/chat", `{` + hi + `,"options":{"num_ctx":100000}}`, 400, "num_ctx"},
		{"/api/chat", `{` + hi + `,"options":{"num_predict":0}}`, 400, "num_predict"},
		{"/api/chat", `{` + hi + `,"format":"xml"}`, 400, "format"},
		{"/api/chat", `{` + hi + `,"think":"much"}`, 400, "think"},
		{"/api/chat", `{"messages":[{"role":"user","content":"a","images":["AAAA"]}]}`, 400, "image"},
		{"/api/generate", `{"prompt":"a","suffix":"b"}`, 400, "suffix"},
		{"/api/generate", `{"prompt":"a","context":[1]}`, 400, "context"},
		{"/api/generate", `{"prompt":"a","raw":true,"system":"b"}`, 400, "raw"},
		{"/api/embed", `{"model":"tiny","input":"a"}`, 400, "another kind"},
		{"/api/embed", `{"input":"` + strings.Repeat("x", 300) + `","truncate":false}`, 400, "at most 256"},
		{"/api/show", `{"model":"none"}`, 404, "none"},
		{"/api/pull", `{"model":"none"}`, 404, `{"error":`},
	} {
		if status, body := s.post(c.path, c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %.100s: %d %s", c.path, c.body, status, body)
		}
	}
}

// TestResponses checks a whole answer in items, and that the events of a stream give the same.
func TestResponses(t *testing.T) {
	m := answering(t)
	s := newStage(t).withChat("tiny", m)
	const body = `{"model":"tiny","instructions":"Be brief.","input":[{"role":"user","content":[{"type":"input_text","text":"Weather?"}]},{"type":"reasoning","id":"r","summary":[],"content":[{"type":"reasoning_text","text":"Hm"}]},
		{"type":"function_call","call_id":"a","name":"weather","arguments":"{}","id":"f","status":"completed"},{"type":"function_call_output","call_id":"a","output":"Rain"}],
		"tools":[{"type":"function","name":"weather","parameters":{"type":"object"},"strict":true}],"reasoning":{"effort":"low"},"store":false,"max_output_tokens":90`
	var whole response
	s.ok("/v1/responses", body+"}", &whole)
	var kinds []string
	for _, item := range whole.Output {
		kinds = append(kinds, item.Type+" "+item.Status)
	}
	if strings.Join(kinds, ",") != "reasoning completed,message completed,function_call completed,function_call completed" || whole.Status != "completed" || (*whole.Output[1].Content)[0].Text != "I look it up." || whole.Usage.Total != 20 {
		t.Errorf("%v %+v", kinds, whole)
	}
	if r := m.asked(t); len(r.Messages) != 4 || r.Messages[0].Content != "Be brief." || r.Messages[2].Calls[0].Name != "weather" || r.Messages[2].Thinking != "Hm" || r.Messages[3].Content != "Rain" || r.Messages[3].Name != "weather" {
		t.Errorf("%+v", m.asked(t).Messages)
	}
	_, answer := s.post("/v1/responses", body+`,"stream":true}`)
	text, list := "", events(t, answer)
	for i, e := range list {
		var got responseEvent
		if err := json.Unmarshal([]byte(e.data), &got); err != nil || got.Type != e.name || got.Number != i {
			t.Fatalf("%d: %+v %v", i, e, err)
		}
		if e.name == "response.output_item.added" && (got.Item.Type == "function_call") != (got.Item.Content == nil) {
			t.Errorf("%s", e.data)
		}
		if e.name == "response.output_text.delta" {
			text += *got.Delta
		}
		if i == len(list)-1 && (e.name != "response.completed" || len(got.Response.Output) != 4 || (*got.Response.Output[1].Content)[0].Text != text) {
			t.Errorf("%s", e.data)
		}
	}
	for _, want := range []string{"response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.reasoning_text.delta", "response.reasoning_text.done", "response.output_text.done",
		"response.content_part.done", "response.output_item.done", "response.function_call_arguments.delta", "response.function_call_arguments.done"} {
		if !slices.ContainsFunc(list, func(e event) bool { return e.name == want }) {
			t.Errorf("no event %s", want)
		}
	}
	if list[0].name != "response.created" || list[1].name != "response.in_progress" {
		t.Errorf("the stream begins with %s", list[0].name)
	}
}

// lines reads the lines of a stream of Ollama.
func lines(t *testing.T, body string) (list []ollamaPart) {
	t.Helper()
	for line := range strings.Lines(body) {
		var p ollamaPart
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		list = append(list, p)
	}
	return list
}

// TestOllama checks answers to conversations and messages, whole and in lines.
func TestOllama(t *testing.T) {
	m := answering(t)
	s := newStage(t).withChat("tiny", m).withEncoder("bert", Embedding, "bert")
	const body = `{"model":"tiny:latest","messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"weather","arguments":{"city":"Bern"}}}]},{"role":"tool","content":"Rain","tool_name":"weather"}],
		"tools":[` + weatherTool + `],"options":{"temperature":0.25,"top_k":7,"num_predict":9,"seed":3,"stop":["X"],"repeat_last_n":5,"num_ctx":128,"num_thread":2},"keep_alive":"5m","think":true`
	var whole ollamaPart
	s.ok("/api/chat", body+`,"stream":false}`, &whole)
	if whole.Message.Content != "I look it up." || whole.Message.Thinking != "Hmm." || len(whole.Message.ToolCalls) != 2 || string(whole.Message.ToolCalls[0].Function.Arguments) != `{"city":"Bern"}` || !whole.Done || whole.Reason != "stop" || whole.Prompt != 11 || whole.Count != 9 || whole.Model != "tiny:latest" {
		t.Errorf("%+v %+v", whole, whole.Message)
	}
	r := m.asked(t)
	want := sample.Params{Temperature: 0.25, TopK: 7, Seed: 3, Seeded: true, Last: 5}
	if fmt.Sprint(r.Sampling) != fmt.Sprint(want) || r.MaxTokens != 9 || len(r.Stop) != 1 || string(r.Messages[1].Calls[0].Arguments) != `{"city":"Bern"}` || r.Messages[2].Name != "weather" || r.Variables["enable_thinking"] != true {
		t.Errorf("%+v", r)
	}
	_, answer := s.post("/api/chat", body+"}")
	got := result{}
	list := lines(t, answer)
	for i, p := range list {
		got.text, got.thinking = got.text+p.Message.Content, got.thinking+p.Message.Thinking
		for _, c := range p.Message.ToolCalls {
			got.calls = append(got.calls, reply.Call{Name: c.Function.Name})
		}
		if p.Done != (i == len(list)-1) {
			t.Errorf("line %d of %d: %+v", i, len(list), p)
		}
	}
	if got.text != "I look it up." || got.thinking != "Hmm." || len(got.calls) != 2 || list[len(list)-1].Count != 9 {
		t.Errorf("%+v", got)
	}
	s.ok("/api/generate", `{"prompt":"Hi","system":"Be brief.","stream":false}`, &whole)
	if *whole.Response != "I look it up." || len(m.asked(t).Messages) != 2 {
		t.Errorf("%+v", whole)
	}
	_, answer = s.post("/api/generate", `{"prompt":"Hi","raw":true,"options":{"num_predict":-1}}`)
	if list := lines(t, answer); !list[len(list)-1].Done || m.asked(t).Prompt != "Hi" || m.asked(t).MaxTokens != 0 {
		t.Errorf("%s", answer)
	}
	if s.ok("/api/generate", `{"model":"tiny"}`, &whole); whole.Reason != "load" {
		t.Errorf("%+v", whole)
	}
	var vectors ollamaEmbedded
	s.ok("/api/embed", `{"model":"bert","input":["a","`+strings.Repeat("x", 300)+`"],"dimensions":8}`, &vectors)
	if len(vectors.Embeddings) != 2 || len(vectors.Embeddings[1]) != 8 || vectors.Count < 256 {
		t.Errorf("%+v", vectors)
	}
	_, _, tags := s.do(s.request(t.Context(), http.MethodGet, "/api/tags", ""))
	var models ollamaModels
	if err := json.Unmarshal([]byte(tags), &models); err != nil || len(models.Models) != 2 || models.Models[0].Name != "tiny" || models.Models[0].Details.Family != "llama" {
		t.Errorf("%s", tags)
	}
	var shown ollamaShown
	s.ok("/api/show", `{"model":"tiny"}`, &shown)
	if !slices.Equal(shown.Capabilities, []string{"completion", "tools"}) || shown.Info["general.architecture"] != "llama" {
		t.Errorf("%+v", shown)
	}
}

// TestForms checks that each dialect gives the form of an answer to the model, and that one that can't be followed is refused.
func TestForms(t *testing.T) {
	m := answering(t)
	s := newStage(t).withChat("tiny", m).withChat("real", tinyModel(t, "llama", ""))
	const schema = `{"type":"object","properties":{"a":{"type":"integer"}}}`
	for _, c := range []struct{ path, body, schema, regex, gbnf, choice string }{
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":` + schema + `}}}`, schema, "", "", ""},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_object"}}`, `{"type":"object"}`, "", "", ""},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"regex","regex":"a+"}}`, "", "a+", "", ""},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"guided_choice":["yes","no"]}`, "", "", "", "yes"},
		{"/v1/completions", `{"prompt":"a","grammar":"root ::= \"x\""}`, "", "", `root ::= "x"`, ""},
		{"/v1/responses", `{"input":"a","text":{"format":{"type":"json_schema","name":"n","schema":` + schema + `}}}`, schema, "", "", ""},
		{"/v1/messages", `{"max_tokens":9,"messages":[{"role":"user","content":"a"}],"output_config":{"format":{"type":"json_schema","schema":` + schema + `}}}`, schema, "", "", ""},
		{"/api/chat", `{"stream":false,"messages":[{"role":"user","content":"a"}],"format":` + schema + `}`, schema, "", "", ""},
		{"/api/generate", `{"stream":false,"prompt":"a","format":"json"}`, `{"type":"object"}`, "", "", ""},
		{"/generate", `{"inputs":"a","parameters":{"grammar":{"type":"regex","value":"a+"}}}`, "", "a+", "", ""},
		{"/generate", `{"inputs":"a","parameters":{"grammar":{"type":"json","value":` + schema + `}}}`, schema, "", "", ""},
	} {
		if status, body := s.post(c.path, c.body); status != 200 {
			t.Errorf("%s: %d %s", c.body, status, body)
			continue
		}
		g := m.asked(t).Grammar
		if string(g.Schema) != c.schema || g.Regex != c.regex || g.GBNF != c.gbnf || c.choice != "" && g.Choices[0] != c.choice {
			t.Errorf("%s: %+v", c.body, g)
		}
	}
	var answer chatCompletion
	s.ok("/v1/chat/completions", `{"model":"real","messages":[{"role":"user","content":"a"}],"guided_choice":["yes","no"]}`, &answer)
	if got := *answer.Choices[0].Message.Content; got != "yes" && got != "no" || *answer.Choices[0].Reason != "stop" {
		t.Errorf("%q", got)
	}
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/v1/chat/completions", `{"model":"real","messages":[{"role":"user","content":"a"}],"guided_regex":"("}`, 400},
		{"/v1/chat/completions", `{"model":"real","messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{"name":"n"}}}`, 400},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],"guided_regex":"a","tools":[` + weatherTool + `]}`, 400},
	} {
		if status, body := s.post(c.path, c.body); status != c.status {
			t.Errorf("%s: %d %s", c.body, status, body)
		}
	}
}

// TestOpenAPI checks that the description names every route and what its wire type has, and that every reference leads somewhere.
func TestOpenAPI(t *testing.T) {
	s := newStage(t)
	_, _, body := s.do(s.request(t.Context(), http.MethodGet, "/openapi.json", ""))
	var d openAPI
	if err := json.Unmarshal([]byte(body), &d); err != nil || !strings.HasPrefix(d.OpenAPI, "3.1") {
		t.Fatalf("%v in %.200s", err, body)
	}
	described := 0
	for _, methods := range d.Paths {
		described += len(methods)
	}
	if described != len(routes()) {
		t.Errorf("%d routes are described, there are %d", described, len(routes()))
	}
	for _, r := range routes() {
		r.path = strings.ReplaceAll(r.path, "{$}", "")
		op, ok := d.Paths[r.path][strings.ToLower(r.method)]
		if !ok || op.Summary == "" || (op.Body != nil) != (r.request != nil || r.form) || (op.Security != nil) != r.open {
			t.Errorf("%s %s: %+v", r.method, r.path, op)
		}
		// A field of the description is one that the decoder takes, and others are refused.
		if r.request == nil {
			continue
		}
		ref := op.Body.Content["application/json"].Schema["$ref"].(string)
		schema := d.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
		for name := range schema["properties"].(map[string]any) {
			if _, answer := s.post(r.path, `{"`+name+`":null}`); strings.Contains(answer, "not known here") || strings.Contains(answer, "not supported here") {
				t.Errorf("%s: the field %s is described and refused: %s", r.path, name, answer)
			}
		}
		if _, answer := s.post(r.path, `{"stray":1}`); !strings.Contains(answer, "stray") {
			t.Errorf("%s takes a field that is not described: %s", r.path, answer)
		}
	}
	for part := range strings.SplitSeq(body, `"$ref":"#/components/schemas/`) {
		if name, rest, ok := strings.Cut(part, `"`); ok && rest != "" && !strings.HasPrefix(part, "{") && d.Components.Schemas[name] == nil {
			t.Errorf("the schema %s is missing", name)
		}
	}
}
