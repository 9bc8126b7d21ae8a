package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	firstHeap    = 32 << 20 // bytes in use before the first collection
	leastGarbage = 8 << 20
	garbageShare = 5 // percent of the memory in use
)

// saveMemory lets garbage grow to a twentieth of the memory in use instead of the default of 100 %. Most of that memory is weights
// and caches: hundreds of megabytes without pointers, which cost the collector nothing. While little is in use, as during the
// reading of vocabularies, which are all pointers, garbage may grow to leastGarbage: with a tenth of it, the collector would take a third of
// the processor time from the start to the first token of a small model. GOGC overrides it.
func saveMemory() {
	if os.Getenv("GOGC") != "" {
		return
	}
	const unit = 4 << 20 / 100 // the least heap that is collected, for each percent
	debug.SetGCPercent(firstHeap / unit)
	runtime.SetFinalizer(&collection{}, (*collection).ended)
}

// collection is garbage from its beginning: its finalizer runs after each collection.
type collection struct{ percent *int }

// ended sets the size of the next collection.
func (c *collection) ended() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if p := garbagePercent(live[0].Value.Uint64()); c.percent == nil || *c.percent != p {
		debug.SetGCPercent(p)
		c.percent = &p
	}
	runtime.SetFinalizer(c, (*collection).ended)
}

// garbagePercent returns how much garbage there may be, in percent of the bytes in use.
func garbagePercent(live uint64) int {
	return int(max(garbageShare, min(100*leastGarbage/max(live, 1), 1000)))
}
