package serve

import (
	"bytes"
	"time"
)

// stream is an answer that is sent in parts.
type stream struct {
	c    *call
	line bool // lines of JSON instead of server-sent events
}

// events begins an answer of server-sent events. tell sends a failure within them.
func (c *call) events(tell func(s *stream, f *failure)) *stream {
	return c.begin("text/event-stream; charset=utf-8", false, tell)
}

// lines begins an answer of lines of JSON.
func (c *call) lines(tell func(s *stream, f *failure)) *stream {
	return c.begin("application/x-ndjson", true, tell)
}

func (c *call) begin(kind string, line bool, tell func(s *stream, f *failure)) *stream {
	s := &stream{c: c, line: line}
	c.sent = true
	c.fail = func(f *failure) { tell(s, f) }
	c.w.Header().Set("Content-Type", kind)
	return s
}

// send sends a part at once: an event with that name, which may be "", or a line. v is encoded as JSON, and a string as it is. The error
// means that the client does not take it.
func (s *stream) send(event string, v any) error {
	var b bytes.Buffer
	if event != "" {
		b.WriteString("event: " + event + "\n")
	}
	if !s.line {
		b.WriteString("data: ")
	}
	if text, ok := v.(string); ok {
		b.WriteString(text + "\n")
	} else if err := encode(&b, v); err != nil {
		return err
	}
	if !s.line {
		b.WriteByte('\n')
	}
	_ = s.c.rc.SetWriteDeadline(time.Now().Add(s.c.limits.WriteTime))
	if _, err := s.c.w.Write(b.Bytes()); err != nil {
		return err
	}
	return s.c.rc.Flush()
}
