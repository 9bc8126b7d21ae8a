package serve

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
)

// withEncoder adds a tiny embedding model or a reranker.
func (s *stage) withEncoder(name string, kind Kind, family string) *stage {
	s.t.Helper()
	f, err := gguf.Open(tiny.New(family).Write(s.t))
	if err != nil {
		s.t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := engine.OpenEncoder(f, dev, engine.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { e.Close() })
	s.encoders[name], s.kinds[name], s.order = e, kind, append(s.order, name)
	return s
}

// TestEmbeddings checks vectors of texts and of tokens, as numbers and in base64, and shortened ones.
func TestEmbeddings(t *testing.T) {
	s := newStage(t).withEncoder("bert", Embedding, "bert")
	vector := func(v any) (out []float64) {
		for _, x := range v.([]any) {
			out = append(out, x.(float64))
		}
		return out
	}
	var plain, packed, short, ids embedAnswer
	s.ok("/v1/embeddings", `{"model":"bert","input":["one","two"]}`, &plain)
	s.ok("/v1/embeddings", `{"input":"one","encoding_format":"base64","user":"me"}`, &packed)
	s.ok("/v1/embeddings", `{"input":["one"],"encoding_format":"float","dimensions":8}`, &short)
	s.ok("/v1/embeddings", `{"input":[[1,100,101],[1,102]]}`, &ids)
	one, two := vector(plain.Data[0].Vector), vector(plain.Data[1].Vector)
	if len(one) != tiny.Dim || slices.Equal(one, two) || plain.Usage.Prompt < 6 || plain.Usage.Total != plain.Usage.Prompt || plain.Data[1].Index != 1 || len(ids.Data) != 2 {
		t.Errorf("%+v", plain)
	}
	raw, err := base64.StdEncoding.DecodeString(packed.Data[0].Vector.(string))
	if err != nil || len(raw) != 4*tiny.Dim {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
	for i := range one {
		bits := uint32(raw[4*i]) | uint32(raw[4*i+1])<<8 | uint32(raw[4*i+2])<<16 | uint32(raw[4*i+3])<<24
		if x := float64(math.Float32frombits(bits)); math.Abs(x-one[i]) > 1e-5 {
			t.Fatalf("value %d is %v in base64, %v as a number", i, x, one[i])
		}
	}
	sum := 0.0
	for i, x := range vector(short.Data[0].Vector) {
		sum += x * x
		if x*one[i] < 0 {
			t.Errorf("value %d has another sign", i)
		}
	}
	if len(vector(short.Data[0].Vector)) != 8 || math.Abs(sum-1) > 1e-4 {
		t.Errorf("shortened: %v", short.Data[0].Vector)
	}
}

// TestRerank checks the order and the scores of documents in both forms.
func TestRerank(t *testing.T) {
	s := newStage(t).withEncoder("ranks", Reranker, "bert-rank")
	var all, best rerankAnswer
	s.ok("/v1/rerank", `{"query":"q","documents":["a","bb",{"text":"ccc"}],"return_documents":true}`, &all)
	s.ok("/v1/rerank", `{"model":"ranks","query":"q","documents":["a","bb","ccc"],"top_n":1}`, &best)
	if len(all.Results) != 3 || len(best.Results) != 1 || best.Results[0].Index != all.Results[0].Index || best.Results[0].Document != nil || all.Usage.Total == 0 {
		t.Fatalf("%+v, %+v", all, best)
	}
	documents := []string{"a", "bb", "ccc"}
	for i, r := range all.Results {
		if r.Document.Text != documents[r.Index] || r.Score < 0 || r.Score > 1 || i > 0 && r.Score > all.Results[i-1].Score {
			t.Errorf("%+v", all.Results)
		}
	}
	var tei, raw []teiRank
	s.ok("/rerank", `{"query":"q","texts":["a","bb","ccc"],"return_text":true}`, &tei)
	s.ok("/rerank", `{"query":"q","texts":["a","bb","ccc"],"raw_scores":true}`, &raw)
	for i := range tei {
		if tei[i].Index != all.Results[i].Index || *tei[i].Text != documents[tei[i].Index] || math.Abs(tei[i].Score-all.Results[i].Score) > 1e-6 || math.Abs(logistic(raw[i].Score)-tei[i].Score) > 1e-6 {
			t.Errorf("%+v, %+v", tei[i], raw[i])
		}
	}
}

// TestEncodersRefuse checks what is wrong with requests to encoders.
func TestEncodersRefuse(t *testing.T) {
	s := newStage(t).withEncoder("bert", Embedding, "bert").withEncoder("labels", Reranker, "bert-labels").withChat("tiny", answering(t))
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/v1/embeddings", `{}`, 400, "input"},
		{"/v1/embeddings", `{"input":""}`, 200, ""},
		{"/v1/embeddings", `{"input":[[]]}`, 400, "empty"},
		{"/v1/embeddings", `{"input":[[100000]]}`, 400, "vocabulary"},
		{"/v1/embeddings", `{"input":"a","encoding_format":"int8"}`, 400, "encoding_format"},
		{"/v1/embeddings", `{"input":"a","dimensions":65}`, 400, "dimensions"},
		{"/v1/embeddings", `{"input":"` + strings.Repeat("x", 300) + `"}`, 400, "context_length_exceeded"},
		{"/v1/embeddings", `{"input":"a","model":"tiny"}`, 400, "model_not_suitable"},
		{"/v1/embeddings", `{"input":"a","model":"none"}`, 404, "model_not_found"},
		{"/v1/rerank", `{"documents":["a"]}`, 400, "query"},
		{"/v1/rerank", `{"query":"a"}`, 400, "documents"},
		{"/v1/rerank", `{"query":"a","documents":["a"],"top_n":0}`, 400, "top_n"},
		{"/v1/rerank", `{"query":"a","documents":["a"]}`, 400, "3 scores"},
		{"/v1/rerank", `{"query":"a","documents":[{"title":"a"}]}`, 400, "title"},
		{"/rerank", `{"query":"a","texts":[]}`, 422, "validation"},
		{"/rerank", `{"query":"a","texts":["b"],"truncate":true}`, 422, "truncate"},
	} {
		if status, body := s.post(c.path, c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %.60s: %d %s", c.path, c.body, status, body)
		}
	}
}

// recording returns the request of a form with a recording and fields, given as name, value, …
func (s *stage) recording(path, content string, fields ...string) *http.Request {
	s.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			s.t.Fatal(err)
		}
	}
	if content != "" {
		f, err := w.CreateFormFile("file", "talk.wav")
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := io.WriteString(f, content); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	r := s.request(s.t.Context(), http.MethodPost, path, b.String())
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

// speaking returns a stage with a speech model that has heard something.
func speaking(t *testing.T) *stage {
	s := newStage(t)
	s.kinds["ears"], s.order = Speech, []string{"ears"}
	s.heard = Transcription{Model: "ears", Language: "english", Duration: 2500 * time.Millisecond, Text: "Hello there. Bye.", Segments: []Segment{
		{Text: "Hello there.", End: time.Second, AvgLogprob: -0.25, Words: []Word{{"Hello", 0, 400 * time.Millisecond}, {"there.", 400 * time.Millisecond, time.Second}}},
		{Text: "Bye.", Start: 1500 * time.Millisecond, End: 2 * time.Second, Words: []Word{{"Bye.", 1500 * time.Millisecond, 2 * time.Second}}}},
		Write: func(w io.Writer, format string) error { _, err := fmt.Fprintf(w, "as %s", format); return err }}
	return s
}

// TestTranscriptions checks every form of the answer, and that the recording's temporary file is removed.
func TestTranscriptions(t *testing.T) {
	s := speaking(t)
	t.Setenv("TMPDIR", t.TempDir())
	for _, c := range []struct {
		path   string
		fields []string
		kind   string
		want   []string
		not    string
	}{
		{"transcriptions", nil, "application/json", []string{`"text":"Hello there. Bye."`, `"seconds":2.5`}, "segments"},
		{"transcriptions", []string{"model", "ears", "response_format", "text"}, "text/plain", []string{"Hello there. Bye.\n"}, "{"},
		{"transcriptions", []string{"response_format", "srt"}, "application/x-subrip", []string{"as srt"}, ""},
		{"transcriptions", []string{"response_format", "vtt"}, "text/vtt", []string{"as vtt"}, ""},
		{"transcriptions", []string{"response_format", "verbose_json"}, "application/json", []string{`"task":"transcribe"`, `"language":"english"`, `"duration":2.5`, `"avg_logprob":-0.25`, `"start":1.5`, `"seek":150`}, "words"},
		{"transcriptions", []string{"response_format", "verbose_json", "timestamp_granularities[]", "word"}, "application/json", []string{`"words":[{"word":"Hello","start":0,"end":0.4}`}, "segments"},
		{"transcriptions", []string{"response_format", "verbose_json", "timestamp_granularities[]", "word", "timestamp_granularities[]", "segment"}, "application/json", []string{`"words":[`, `"segments":[`}, ""},
		{"translations", []string{"response_format", "verbose_json"}, "application/json", []string{`"task":"translate"`}, ""},
		{"transcriptions", []string{"stream", "true"}, "text/event-stream", []string{`"type":"transcript.text.delta","delta":"Hello there."`, `"delta":" Bye."`, `"type":"transcript.text.done","text":"Hello there. Bye."`}, ""},
	} {
		status, header, body := s.do(s.recording("/v1/audio/"+c.path, "RIFF", c.fields...))
		if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), c.kind) || c.not != "" && strings.Contains(body, c.not) {
			t.Errorf("%v: %d %s %s", c.fields, status, header.Get("Content-Type"), body)
		}
		for _, want := range c.want {
			if !strings.Contains(body, want) {
				t.Errorf("%v: no %s in %s", c.fields, want, body)
			}
		}
		if _, err := os.Stat(s.given().Path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file of the recording is still there: %v", err)
		}
	}
	s.do(s.recording("/v1/audio/transcriptions", "RIFF", "language", "de", "prompt", "Names", "temperature", "0.5"))
	if r := s.given(); r.Language != "de" || r.Prompt != "Names" || r.Temperature != 0.5 || !r.Tempered || r.Translate || r.Words {
		t.Errorf("%+v", r)
	}
}

func (s *stage) given() Recording {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recorded
}

// TestTranscriptionsRefuse checks what is wrong with requests with recordings, and that nothing of them stays.
func TestTranscriptionsRefuse(t *testing.T) {
	s := speaking(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, c := range []struct {
		content string
		fields  []string
		status  int
		want    string
	}{
		{"", nil, 400, `"param":"file"`},
		{"RIFF", []string{"response_format", "xml"}, 400, "response_format"},
		{"RIFF", []string{"temperature", "2"}, 400, "temperature"},
		{"RIFF", []string{"temperature", "NaN"}, 400, "temperature"},
		{"RIFF", []string{"stream", "perhaps"}, 400, "stream"},
		{"RIFF", []string{"stream", "true", "response_format", "srt"}, 400, "stream"},
		{"RIFF", []string{"timestamp_granularities[]", "word"}, 400, "timestamp_granularities"},
		{"RIFF", []string{"timestamp_granularities[]", "letter"}, 400, "timestamp_granularities"},
		{"RIFF", []string{"include[]", "logprobs"}, 400, "include"},
		{"RIFF", []string{"prompt", strings.Repeat("x", 70<<10)}, 400, "prompt"},
		{"RIFF", []string{"model", "none"}, 404, "model_not_found"},
		{strings.Repeat("x", 300<<10), nil, 413, "larger"},
	} {
		if status, _, body := s.do(s.recording("/v1/audio/transcriptions", c.content, c.fields...)); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%v: %d %s", c.fields, status, body)
		}
	}
	if status, body := s.post("/v1/audio/transcriptions", `{"file":"x"}`); status != 400 || !strings.Contains(body, "form") {
		t.Errorf("%d %s", status, body)
	}
	s.speechErr = &ModelError{Cause: Unreadable, Text: "This is no recording."}
	if status, _, body := s.do(s.recording("/v1/audio/transcriptions", "RIFF")); status != 400 || !strings.Contains(body, "This is no recording.") {
		t.Errorf("%d %s", status, body)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	var got openAIFailure
	if _, _, body := s.do(s.recording("/v1/audio/translations", "RIFF", "language", "de")); json.Unmarshal([]byte(body), &got) != nil || *got.Error.Param != "language" {
		t.Errorf("%s", body)
	}
}
