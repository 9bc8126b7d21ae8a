package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"soberano/engine"
)

// TestOverflow checks with each dialect which of its parameters lets a conversation be shortened, that nothing is left out without one, and that the answer says how much was.
func TestOverflow(t *testing.T) {
	s := newStage(t).withChat("tiny", tinyModel(t, "llama", "{% for m in messages %}{{ m.content }};{% endfor %}a:"))
	var list []string
	for i := range 40 {
		list = append(list, fmt.Sprintf(`{"role":"user","content":"question %d"},{"role":"assistant","content":"yes"}`, i))
	}
	messages := `[` + strings.Join(list, ",") + `,{"role":"user","content":"and?"}]`
	for _, c := range []struct {
		path, body, set string
	}{
		{"/v1/chat/completions", `"max_tokens":4,"messages":` + messages, `"context_overflow":"middle"`},
		{"/v1/chat/completions", `"max_tokens":300,"messages":` + messages, `"context_overflow":"rolling"`},
		{"/v1/completions", `"max_tokens":4,"prompt":"` + strings.Repeat("abcdefgh", 60) + `"`, `"context_overflow":"middle"`},
		{"/v1/responses", `"max_output_tokens":4,"input":` + messages, `"truncation":"auto"`},
		{"/api/chat", `"options":{"num_predict":4},"stream":false,"messages":` + messages, `"truncate":true`},
		{"/api/chat", `"options":{"num_predict":300},"stream":false,"messages":` + messages, `"shift":true`},
	} {
		if status, answer := s.post(c.path, "{"+c.body+"}"); status != 400 || !strings.Contains(answer, "context") {
			t.Errorf("%s without %s: %d %s", c.path, c.set, status, answer)
		}
		status, header, answer := s.do(s.request(t.Context(), http.MethodPost, c.path, "{"+c.body+","+c.set+"}"))
		if status != 200 || header.Get("X-Dropped-Tokens") == "" {
			t.Errorf("%s %s: %d %q %s", c.path, c.set, status, header, answer)
		}
		var got struct {
			Dropped int `json:"dropped_tokens"`
			Usage   struct {
				Dropped int `json:"dropped_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(err)
		}
		if n := max(got.Dropped, got.Usage.Dropped); n < 200 {
			t.Errorf("%s %s: %d tokens were left out: %s", c.path, c.set, n, answer)
		}
	}
	for _, body := range []string{`"context_overflow":"some"`, `"context_overflow":1`} {
		if status, answer := s.post("/v1/chat/completions", `{"messages":[{"role":"user","content":"a"}],`+body+`}`); status != 400 || !strings.Contains(answer, "context_overflow") {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	if status, answer := s.post("/api/chat", `{"messages":[{"role":"user","content":"a"}],"shift":true,"truncate":false}`); status != 400 || !strings.Contains(answer, "shift") {
		t.Errorf("shift without truncate: %d %s", status, answer)
	}
}

// TestShortenedStream checks that a stream says before its first event that the prompt was shortened.
func TestShortenedStream(t *testing.T) {
	m := answering(t)
	m.pieces = append([]engine.Piece{{Notice: engine.Shortened, Usage: engine.Usage{Dropped: 77}}}, m.pieces...)
	s := newStage(t).withChat("tiny", m)
	_, header, _ := s.do(s.request(t.Context(), http.MethodPost, "/v1/chat/completions", `{"stream":true,"messages":[{"role":"user","content":"a"}],"context_overflow":"middle"}`))
	if header.Get("X-Dropped-Tokens") != "77" || m.asked(t).Overflow != engine.DropMiddle {
		t.Errorf("%v, %+v", header, m.asked(t))
	}
}
