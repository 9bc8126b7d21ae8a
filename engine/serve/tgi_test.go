package serve

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"

	"soberano/engine"
	"soberano/engine/sample"
	"soberano/kernels"
	"soberano/kernels/cpu"
)

// tgiRefusals are wrong parameters with the words of text-generation-inference about them.
var tgiRefusals = []struct{ inputs, parameters, want string }{
	{"", `{}`, "`inputs` cannot be empty"},
	{"a", `{"best_of":3,"do_sample":true}`, "`best_of` must be > 0 and <= 2. Given: 3"},
	{"a", `{"best_of":0}`, "`best_of` must be > 0 and <= 2. Given: 0"},
	{"a", `{"temperature":-1}`, "`temperature` must be strictly positive"},
	{"a", `{"frequency_penalty":-2.5}`, "`frequency_penalty` must be >= -2.0 and <= 2.0"},
	{"a", `{"typical_p":0}`, "`typical_p` must be > 0.0 and < 1.0"},
	{"a", `{"top_n_tokens":-1}`, "`top_n_tokens` must be >= 0 and <= 5. Given: -1"},
	{"a", `{"best_of":2}`, "you must use sampling when `best_of` is > 1"},
	{"a", `{"best_of":2,"do_sample":true,"seed":1}`, "`seed` must not be set when `best_of` > 1"},
	{"a", `{"temperature":0}`, "`temperature` must be strictly positive"},
	{"a", `{"repetition_penalty":0}`, "`repetition_penalty` must be strictly positive"},
	{"a", `{"frequency_penalty":2.5}`, "`frequency_penalty` must be >= -2.0 and <= 2.0"},
	{"a", `{"top_p":1}`, "`top_p` must be > 0.0 and < 1.0"},
	{"a", `{"top_p":0}`, "`top_p` must be > 0.0 and < 1.0"},
	{"a", `{"typical_p":1.0}`, "`typical_p` must be > 0.0 and < 1.0"},
	{"a", `{"top_k":0}`, "`top_k` must be strictly positive"},
	{"a", `{"max_new_tokens":0}`, "`max_new_tokens` must be strictly positive"},
	{"a", `{"stop":["a","b","c","d","e"]}`, "`stop` supports up to 4 stop sequences. Given: 5"},
	{"a", `{"top_n_tokens":6}`, "`top_n_tokens` must be >= 0 and <= 5. Given: 6"},
	{"a", `{"truncate":0}`, "`truncate` must be strictly positive and less than"},
	{"a", `{"truncate":256}`, "`truncate` must be strictly positive and less than 255. Given: 256"},
	{"a", `{"max_new_tokens":300}`, "`inputs` tokens + `max_new_tokens` must be <= 256. Given: 3 `inputs` tokens and 300 `max_new_tokens`"},
	{strings.Repeat("long ", 100), `{}`, "`inputs` must have less than 255 tokens. Given: 502"},
	{"a", `{"watermark":true}`, "watermark"},
	{"a", `{"decoder_input_details":true}`, "decoder_input_details"},
	{"a", `{"adapter_id":"x"}`, "There is no adapter x"},
	{"a", `{"heat":1}`, "heat"},
}

// TestTGIRefuses checks the words and the status of refusals; in a stream they are events.
func TestTGIRefuses(t *testing.T) {
	s := newStage(t).withChat("tiny", tinyModel(t, "llama", ""))
	for _, c := range tgiRefusals {
		body := fmt.Sprintf(`{"inputs":%q,"parameters":%s}`, c.inputs, c.parameters)
		var got tgiFailure
		status, answer := s.post("/generate", body)
		if err := json.Unmarshal([]byte(answer), &got); err != nil || status != 422 || got.Type != "validation" || !strings.HasPrefix(got.Error, "Input validation error: ") || !strings.Contains(got.Error, c.want) {
			t.Errorf("%s: %d %s", c.parameters, status, answer)
		}
		if c.parameters == `{"heat":1}` || strings.Contains(c.parameters, "best_of") || strings.Contains(answer, "not supported here") {
			continue
		}
		status, answer = s.post("/generate_stream", body)
		if list := events(t, answer); status != 200 || len(list) != 1 || json.Unmarshal([]byte(list[0].data), &got) != nil || got.Type != "validation" || !strings.Contains(got.Error, c.want) {
			t.Errorf("streamed, %s: %d %s", c.parameters, status, answer)
		}
	}
	if _, answer := s.post("/generate_stream", `{"inputs":"a","parameters":{"best_of":2,"do_sample":true}}`); !strings.Contains(answer, "`best_of` != 1 is not supported when streaming tokens") {
		t.Error(answer)
	}
}

// TestTGI checks whole answers with their details and headers, and that a stream has the same tokens.
func TestTGI(t *testing.T) {
	s := newStage(t).withChat("tiny", tinyModel(t, "llama", ""))
	const parameters = `"max_new_tokens":12,"seed":5,"do_sample":true,"details":true,"top_n_tokens":2`
	status, header, body := s.do(s.request(t.Context(), http.MethodPost, "/generate", `{"inputs":"héllo","parameters":{`+parameters+`}}`))
	var whole tgiAnswer
	if err := json.Unmarshal([]byte(body), &whole); err != nil || status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	d := whole.Details
	if d.Generated != len(d.Tokens) || len(d.Top) != len(d.Tokens) || len(d.Top[0]) != 2 || *d.Seed != 5 || d.Reason != "length" && d.Reason != "eos_token" || len(d.Prefill) != 0 {
		t.Errorf("%s", body)
	}
	for _, name := range []string{"x-compute-time", "x-total-time", "x-validation-time", "x-queue-time", "x-inference-time", "x-time-per-token", "x-compute-type"} {
		if header.Get(name) == "" {
			t.Errorf("no header %s", name)
		}
	}
	if header.Get("x-generated-tokens") != fmt.Sprint(d.Generated) || header.Get("x-prompt-tokens") != "8" || header.Get("x-compute-characters") != "5" {
		t.Errorf("%v", header)
	}
	_, answer := s.post("/generate_stream", `{"inputs":"héllo","parameters":{`+parameters+`,"return_full_text":true}}`)
	list := events(t, answer)
	for i, e := range list {
		var got tgiEvent
		if err := json.Unmarshal([]byte(e.data), &got); err != nil {
			t.Fatal(err)
		}
		if want := d.Tokens[i]; got.Index != i+1 || got.Token.ID != want.ID || got.Token.Text != want.Text || math.Abs(got.Token.Logprob-want.Logprob) > 1e-4 || len(got.Top) != 2 {
			t.Errorf("token %d: %s, whole %+v", i, e.data, want)
		}
		last := i == len(list)-1
		if (got.Text != nil) != last || (got.Details != nil) != last || last && (*got.Text != "héllo"+whole.Text || got.Details.Reason != d.Reason || got.Details.Input != 8 || got.Details.Generated != d.Generated) {
			t.Errorf("%s", e.data)
		}
	}
	var old []tgiAnswer
	s.ok("/", `{"inputs":"héllo","parameters":{"max_new_tokens":12,"seed":5,"do_sample":true},"stream":false}`, &old)
	if len(old) != 1 || old[0].Text != whole.Text || old[0].Details != nil {
		t.Errorf("%+v", old)
	}
	s.ok("/generate", `{"inputs":"abc","parameters":{"best_of":2,"temperature":1.5,"details":true,"max_new_tokens":4,"truncate":2,"return_full_text":true}}`, &whole)
	if !strings.HasPrefix(whole.Text, "abc") || len(whole.Details.BestOf) != 1 || !strings.HasPrefix(whole.Details.BestOf[0].Text, "abc") {
		t.Errorf("%+v", whole)
	}
}

// TestTGISampling checks that answers are greedy unless a parameter of sampling is set, whatever is recommended for the model.
func TestTGISampling(t *testing.T) {
	m := answering(t)
	s := newStage(t).withChat("tiny", m)
	s.sampling = sample.Params{Temperature: 0.7, TopK: 50}
	for parameters, want := range map[string]sample.Params{
		`{}`:                   {},
		`{"do_sample":true}`:   {Temperature: 1},
		`{"top_k":7,"seed":9}`: {Temperature: 1, TopK: 7, Seed: 9, Seeded: true},
		`{"typical_p":0.5,"temperature":0.25,"top_p":0.75,"repetition_penalty":1.5,"frequency_penalty":-0.5}`: {Temperature: 0.25, Typical: 0.5, TopP: 0.75, Repeat: 1.5, Frequency: -0.5},
	} {
		s.ok("/generate", `{"inputs":"a","parameters":`+parameters+`}`, &tgiAnswer{})
		if got := m.asked(t).Sampling; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v", parameters, got)
		}
	}
}

// TestTGIFails checks the failures of generations.
func TestTGIFails(t *testing.T) {
	m := answering(t)
	m.pieces, m.err = []engine.Piece{{Text: "a"}}, fmt.Errorf("the device is gone")
	s := newStage(t).withChat("tiny", m)
	if status, body := s.post("/generate", `{"inputs":"a"}`); status != http.StatusFailedDependency || body != `{"error":"Request failed during generation: the device is gone","error_type":"generation"}`+"\n" {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.post("/generate_stream", `{"inputs":"a"}`); status != 200 || !strings.Contains(body, `"error_type":"generation"`) {
		t.Errorf("%d %s", status, body)
	}
	m.err = nil
	if status, body := s.post("/generate", `{"inputs":"a"}`); status != 500 || !strings.Contains(body, `"error_type":"incomplete_generation"`) {
		t.Errorf("%d %s", status, body)
	}
	for _, end := range []struct {
		piece     engine.Piece
		reason    string
		generated int // with the token that ends the text
	}{{engine.Piece{Reason: engine.Ended, Stop: "b"}, "stop_sequence", 3}, {engine.Piece{Reason: engine.Ended}, "eos_token", 4}, {engine.Piece{Reason: engine.Length}, "length", 3}, {engine.Piece{Reason: engine.ContextFull}, "length", 3}} {
		end.piece.Text, end.piece.Usage.Generated = "a", 3
		m.pieces = []engine.Piece{end.piece}
		var got tgiAnswer
		s.ok("/generate", `{"inputs":"a","parameters":{"details":true,"stop":["b"]}}`, &got)
		if got.Details.Reason != end.reason || got.Details.Generated != end.generated {
			t.Errorf("%+v, expected %s, %d", got.Details, end.reason, end.generated)
		}
	}
	status, _, body := s.do(s.request(t.Context(), http.MethodGet, "/metrics", ""))
	for _, want := range []string{"tgi_request_count 7", "tgi_request_success 4", `tgi_request_failure{err="generation"} 2`, `tgi_request_failure{err="incomplete"} 1`, "tgi_request_generated_tokens_sum 12",
		`soberano_http_requests_total{path="/generate",status="424"} 1`} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}

// TestTGILimits checks the limits that the greatest allowed values reach, and the number of requests that are answered at the same time if nothing else is chosen.
func TestTGILimits(t *testing.T) {
	m := answering(t)
	s := newStage(t).withChat("tiny", m)
	for _, parameters := range []string{`{"best_of":2,"do_sample":true}`, `{"best_of":1,"seed":3}`, `{"temperature":1e-3,"top_p":0.999,"typical_p":0.001,"frequency_penalty":-2,"top_n_tokens":5}`, `{"frequency_penalty":2,"stop":["a","b","c","d"],"truncate":254}`} {
		s.ok("/generate", `{"inputs":"a","parameters":`+parameters+`}`, &tgiAnswer{})
	}
	if n := (Limits{}).withDefaults().Requests; n != 128 {
		t.Errorf("%d requests are answered at the same time", n)
	}
}

// TestTGIAbout checks what is told about the model and the health of the server.
func TestTGIAbout(t *testing.T) {
	s := newStage(t)
	if status, _, _ := s.do(s.request(t.Context(), http.MethodGet, "/health/ready", "")); status != http.StatusServiceUnavailable {
		t.Errorf("ready without a model: %d", status)
	}
	s.withChat("tiny", tinyModel(t, "llama", ""))
	for _, path := range []string{"/health", "/health/live", "/health/ready"} {
		if status, _, body := s.do(s.request(t.Context(), http.MethodGet, path, "")); status != 200 || body != "" {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	_, _, body := s.do(s.request(t.Context(), http.MethodGet, "/info", ""))
	var info tgiInfo
	if err := json.Unmarshal([]byte(body), &info); err != nil || info.Model != "tiny" || info.MaxTotal != 256 || info.MaxInput != 255 || info.BestOf != 2 || info.Stops != 4 || info.Version != "1.2.3" {
		t.Errorf("%s", body)
	}
	var tokens []tgiToken
	s.ok("/tokenize", `{"inputs":"a é"}`, &tokens)
	text, last := "", 0
	for _, k := range tokens {
		if k.Start < last || k.Stop < k.Start {
			t.Errorf("%+v", tokens)
		}
		text, last = text+k.Text, k.Stop
	}
	if text != "a é" || last != 3 || tokens[0].Start != 0 || tokens[0].Stop != 0 {
		t.Errorf("%+v", tokens)
	}
}

// gated is a device that begins a step when gate gives a value or is closed.
type gated struct {
	kernels.Device
	gate chan struct{}
}

// Begin implements kernels.Device.
func (d *gated) Begin(b *kernels.Batch) kernels.Step {
	<-d.gate
	return d.Device.Begin(b)
}

// TestRequestsAreCounted checks the gauges of the answers that wait and that are under way, of which there are 14 at most.
func TestRequestsAreCounted(t *testing.T) {
	dev, err := cpu.New(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	s := newStage(t).withChat("tiny", tinyModelOn(t, &gated{dev, gate}, "llama", "")).withChat("other", tinyModel(t, "llama", ""))
	shown := func(waiting, running int) func() bool {
		return func() bool {
			_, _, body := s.do(s.request(t.Context(), http.MethodGet, "/metrics", ""))
			return strings.Contains(body, fmt.Sprintf("\ntgi_queue_size %d\n", waiting)) && strings.Contains(body, fmt.Sprintf("\ntgi_batch_current_size %d\n", running))
		}
	}
	until(t, "nothing", shown(0, 0))
	answered := make(chan struct{})
	go func() {
		status, body := s.post("/v1/completions", `{"model":"tiny","prompt":"a","n":16,"max_tokens":3,"temperature":1,"seed":5}`)
		if status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
		close(answered)
	}()
	until(t, "the prompt", shown(0, 1))
	gate <- struct{}{} // the prompt, behind which the other 15 begin
	until(t, "16 answers", shown(2, 14))
	open()
	<-answered
	until(t, "nothing again", shown(0, 0))
}
