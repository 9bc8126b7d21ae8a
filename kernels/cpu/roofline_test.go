package cpu

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"
)

// TestRoofline checks that every kernel gets a finite share. The values are not checked, since the machine may be
// busy.
func TestRoofline(t *testing.T) {
	lv, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() || lv == generic {
		t.Skip("takes seconds, in plain Go minutes")
	}
	table, err := roofline(context.Background(), lv, 2, 1<<20, 100*time.Microsecond, func(string, string) {})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[Share]bool{}
	for _, s := range table.Kernels {
		name := Share{Kernel: s.Kernel, Shape: s.Shape, Threads: s.Threads}
		if seen[name] || !(s.Share() > 0) || math.IsInf(s.Share(), 0) || s.Unit == "" || s.Bound == "" {
			t.Errorf("%+v", s)
		}
		seen[name] = true
	}
	if len(table.Kernels) < 100 || len(table.Peaks) < 8 {
		t.Errorf("%d kernels, %d limits", len(table.Kernels), len(table.Peaks))
	}
}

func TestLimits(t *testing.T) {
	got, err := Limits(1)
	if err != nil || len(got) < 5 {
		t.Fatalf("%v, %v", got, err)
	}
	for _, p := range got {
		if p.Threads != 1 || !(p.Rate > 0) || p.Resource == "" || p.Unit == "" {
			t.Errorf("%+v", p)
		}
	}
	if _, err := Limits(-1); err == nil {
		t.Error("-1 threads passed")
	}
}

func TestRooflineEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := roofline(ctx, generic, 1, 1<<20, time.Microsecond, func(string, string) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted measurement ended with %v", err)
	}
}

// TestRead checks that read stays within its buffer.
func TestRead(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for _, n := range []int{0, 100, 512, 1024, 8192} {
			for _, atStart := range []bool{false, true} {
				read(lv, guarded(t, n, atStart), 4096)
			}
		}
	})
}

// TestSpin checks that the loops end and return how much they computed, and that only levels with bfloat16 have its loop.
func TestSpin(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for r := useFloat; r < resources; r++ {
			n := spin(lv, r, 10)
			if wanted := r != useHalf || lv.bf16(); (n > 0) != wanted {
				t.Errorf("%s: %v operations", resourceNames[r], n)
			}
		}
	})
}
