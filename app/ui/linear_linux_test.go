package ui

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"
)

// cpu returns the processor time that f takes; other programs do not count.
func cpu(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const thread = 1 // RUSAGE_THREAD
	var a, b syscall.Rusage
	if syscall.Getrusage(thread, &a) != nil {
		return 0
	}
	f()
	if syscall.Getrusage(thread, &b) != nil {
		return 0
	}
	return time.Duration(b.Utime.Nano() + b.Stime.Nano() - a.Utime.Nano() - a.Stime.Nano())
}

// kinds are texts of n bytes that once took the square of their length, or 20 ms for each letter.
var kinds = map[string]func(n int) string{
	"words":      func(n int) string { return strings.Repeat("Some words of a text, and then more. ", n/37) },
	"letters":    func(n int) string { return strings.Repeat("abcdefghijklmnopqrstuvwxyz", n/26) },
	"base64":     base64Text,
	"lines":      func(n int) string { return strings.Repeat("x\n", n/2) },
	"spaces":     func(n int) string { return strings.Repeat(" ", n) },
	"Chinese":    func(n int) string { return everyRune(n, 0x4e00, 0x9fa0) },
	"Thai":       func(n int) string { return everyRune(n, 0xe01, 0xe3a) },
	"emoji":      func(n int) string { return everyRune(n, 0x1f300, 0x1f640) },
	"marks":      func(n int) string { return "a" + strings.Repeat("\u0301", n/2) },
	"joiners":    func(n int) string { return strings.Repeat("\u200d", n/3) },
	"Arabic":     func(n int) string { return strings.Repeat("مرحبا بالعالم ", n/26) },
	"Hebrew":     func(n int) string { return strings.Repeat("שלום", n/8) },
	"unassigned": func(n int) string { return everyRune(n, 0xe0f00, 0xe1fff) },
	"private":    func(n int) string { return everyRune(n, 0xe000, 0xf8ff) },
	"controls":   func(n int) string { return strings.Repeat("\x01\x1b[0m", n/5) },
}

func base64Text(n int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = digits[x>>26]
	}
	return string(b)
}

func everyRune(n int, from, to rune) string {
	var b strings.Builder
	for r := from; b.Len() < n; r++ {
		if r > to {
			r = from
		}
		b.WriteRune(r)
	}
	return b.String()
}

// The time of layout grows with the length of a text, not with its square, and a letter without a font costs no more than
// another.
func TestLayoutIsLinear(t *testing.T) {
	test.NewTempApp(t)
	const n = 50_000
	layout := func(text string) time.Duration {
		best := time.Hour
		for range 3 {
			best = min(best, cpu(func() {
				f := NewFlow(Span{Text: text})
				f.Preserve = true
				f.NaturalWidth()
				f.HeightFor(700)
			}))
		}
		return best
	}
	words := layout(kinds["words"](n))
	for name, make := range kinds {
		first := cpu(func() { NewFlow(Span{Text: make(2 * n)}).HeightFor(700) })
		once, twice := layout(make(n)), layout(make(2*n))
		t.Logf("%-10s %v, at first %v for twice as much, then %v", name, once, first, twice)
		if twice > 16*once/5+20*time.Millisecond { // four times as much would be the square
			t.Errorf("%s: %v for %d bytes, %v for %d", name, once, n, twice, 2*n)
		}
		if first > 100*words+time.Second {
			t.Errorf("%s: %v at first; words took %v", name, first, words)
		}
	}
}
