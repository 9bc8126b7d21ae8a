package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 1000, 1 << 20: 800, 8 << 20: 100, 40 << 20: 20, 80 << 20: 10, 160 << 20: 5, 1 << 40: 5} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d percent of %d bytes, want %d", got, live, want)
		}
	}
}

// TestSaveMemory checks that the share of garbage follows the memory in use, collection after collection.
func TestSaveMemory(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	saveMemory()
	percent := func() int {
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(s)
		return int(s[0].Value.Uint64())
	}
	if got := percent(); got != 800 {
		t.Errorf("%d percent at the beginning", got)
	}
	until := func(what string, done func(int) bool) {
		for range 500 {
			runtime.GC()
			if done(percent()) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%s: %d percent", what, percent())
	}
	weights := make([]byte, 200<<20)
	until("much memory in use", func(p int) bool { return p == garbageShare })
	runtime.KeepAlive(weights)
	until("little memory in use", func(p int) bool { return p > garbageShare })
}
