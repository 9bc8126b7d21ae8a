package cli

import (
	"context"
	"io"
	"testing"
	"time"

	"soberano/asr"
)

// The player gives every sample, silence behind them, and nothing before it is spoken.
func TestPlayer(t *testing.T) {
	samples := make([]float32, asr.SampleRate/10+7)
	for i := range samples {
		samples[i] = 1
	}
	p := &player{samples: samples, end: len(samples) + 100, began: time.Now()}
	n, sum := 0, 0
	for buf := make([]float32, 512); ; {
		k, err := p.Read(context.Background(), buf)
		for _, v := range buf[:k] {
			sum += int(v)
		}
		n += k
		if early := duration(n) - time.Since(p.began); early > 0 {
			t.Fatalf("%d samples came %v early", n, early)
		}
		if err == io.EOF {
			break
		}
	}
	if n != p.end || sum != len(samples) {
		t.Errorf("%d samples, %d of them of the clip", n, sum)
	}
}

func TestPercentile(t *testing.T) {
	v := []float64{5, 1, 4, 2, 3}
	for _, c := range []struct {
		p    int
		want float64
	}{{95, 5}, {80, 4}, {50, 3}, {1, 1}} {
		if got := percentile(v, c.p); got != c.want {
			t.Errorf("%d%%: %v, want %v", c.p, got, c.want)
		}
	}
	if percentile(nil, 95) != 0 {
		t.Error("nothing has a percentile")
	}
}
