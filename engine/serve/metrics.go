package serve

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the numbers that GET /metrics shows. Those of generations have the names of text-generation-inference.
type metrics struct {
	registry *prometheus.Registry
	handler  http.Handler
	requests *prometheus.CounterVec // by path and status

	count, success prometheus.Counter // of generations
	failure        *prometheus.CounterVec
	duration, validation, queue, inference, perToken,
	input, generated prometheus.Histogram
}

func newMetrics(s *Server) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
		m.registry.MustRegister(h)
		return h
	}
	seconds, tokens := prometheus.ExponentialBuckets(0.0001, 2, 24), prometheus.ExponentialBuckets(1, 2, 18)
	m.count, m.success = counter("tgi_request_count", "Generations that were asked for"), counter("tgi_request_success", "Generations that came to their end")
	m.duration = histogram("tgi_request_duration", "Seconds from a request to its end", seconds)
	m.validation = histogram("tgi_request_validation_duration", "Seconds until the model was asked", seconds)
	m.queue = histogram("tgi_request_queue_duration", "Seconds in the queue of a model", seconds)
	m.inference = histogram("tgi_request_inference_duration", "Seconds of computing", seconds)
	m.perToken = histogram("tgi_request_mean_time_per_token_duration", "Seconds of computing for each generated token", seconds)
	m.input = histogram("tgi_request_input_length", "Tokens of prompts", tokens)
	m.generated = histogram("tgi_request_generated_tokens", "Tokens of answers", tokens)
	m.failure = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tgi_request_failure", Help: "Generations that failed, by reason"}, []string{"err"})
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "soberano_http_requests_total", Help: "Requests by path and status"}, []string{"path", "status"})
	m.registry.MustRegister(m.failure, m.requests)
	gauge := func(name, help string, value func() int) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	gauge("soberano_requests_in_flight", "Requests that are being answered", func() int { return len(s.slots) })
	gauge("tgi_queue_size", "Answers of the opened chat models that wait to be begun", func() int { waiting, _ := s.models.Requests(); return waiting })
	gauge("tgi_batch_current_size", "Answers of the opened chat models that are computed side by side", func() int { _, running := s.models.Requests(); return running })
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return m
}

// answered counts a request.
func (m *metrics) answered(path string, status int) {
	if path == "" {
		path = "other"
	}
	m.requests.WithLabelValues(path, strconv.Itoa(status)).Inc()
}

// generated counts a generation that has ended; err is how.
func (g *generating) count(err error) {
	m := g.c.metrics
	m.count.Inc()
	if err != nil {
		reason := map[class]string{invalid: "validation", overloaded: "overloaded", incomplete: "incomplete"}[failureOf(err).class]
		if reason == "" {
			reason = "generation"
		}
		m.failure.WithLabelValues(reason).Inc()
		return
	}
	m.success.Inc()
	prompt, _, generated := g.usage()
	total, valid := time.Since(g.c.start), g.asked.Sub(g.c.start)
	u := g.results[0].usage
	computing := u.PromptSeconds + u.GenerateSeconds
	m.duration.Observe(total.Seconds())
	m.validation.Observe(valid.Seconds())
	m.queue.Observe(max(0, (total-valid).Seconds()-computing))
	m.inference.Observe(computing)
	m.perToken.Observe(computing / float64(max(1, generated)))
	m.input.Observe(float64(prompt))
	m.generated.Observe(float64(generated))
}

// showMetrics answers GET /metrics.
func showMetrics(c *call) error {
	c.sent = true
	c.metrics.handler.ServeHTTP(c.w, c.r)
	return nil
}
