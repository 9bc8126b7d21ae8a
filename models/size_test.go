package models

import "testing"

// Sizes have one form in the whole program: decimal units, one digit after the point from 1 GB on.
func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1 kB", 12_345: "12 kB", 999_499: "999 kB", 999_600: "1 MB", 98_000_000: "98 MB",
		145_262_625: "145 MB", 999_499_999: "999 MB", 999_700_000: "1.0 GB", 1_000_000_000: "1.0 GB", 2_497_280_256: "2.5 GB", 42_500_000_000: "42.5 GB", 2_000_000_000_000: "2.0 TB"} {
		if got := Size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	for _, c := range []struct {
		part, whole int64
		want        string
	}{{1_600_000_000, 2_500_000_000, "1.6 of 2.5 GB"}, {0, 145_000_000, "0 of 145 MB"}, {145_000_000, 145_000_000, "145 of 145 MB"}, {5, 12_000, "0 of 12 kB"}, {5, 12, "5 of 12 bytes"}} {
		if got := SizeOf(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d is %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}
