package bidi

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The levels and the order of runes are those of Unicode's own test; see testdata/README.md.
func TestLevels(t *testing.T) {
	data, err := os.ReadFile("testdata/levels.txt")
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(data)) {
		parts := strings.Split(strings.TrimSpace(text), ";")
		var runes []rune
		for _, hex := range strings.Fields(parts[0]) {
			r, err := strconv.ParseUint(hex, 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			runes = append(runes, rune(r))
		}
		direction, _ := strconv.Atoi(parts[1])
		if direction == 2 {
			direction = Direction(runes, LTR)
		}
		if got := strconv.Itoa(direction); got != parts[2] {
			t.Errorf("%s: the direction is %s", text, got)
		}
		levels := Levels(runes, direction)
		Trim(runes, levels, direction)
		want := strings.Fields(parts[3])
		var order []string
		for _, i := range Reorder(levels) {
			if want[i] != "x" {
				order = append(order, strconv.Itoa(i))
			}
		}
		for i, l := range levels {
			if want[i] != "x" && want[i] != strconv.Itoa(int(l)) {
				t.Errorf("%s: got %v", text, levels)
				break
			}
		}
		if got := strings.Join(order, " "); got != parts[4] {
			t.Errorf("%s: the order is %s", text, got)
		}
	}
}

// Where no rune needs it, all levels are left to right, so that they need not be asked for.
func TestNotNeededIsLeftToRight(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.String().Draw(rt, "text")
		if Needed(text) {
			return
		}
		runes := []rune(text)
		for i, l := range Levels(runes, LTR) {
			if l != 0 {
				rt.Fatalf("rune %d of %q has level %d", i, text, l)
			}
		}
		if Direction(runes, LTR) != LTR {
			rt.Fatalf("%q is right to left", text)
		}
	})
	for _, text := range []string{"שלום", "a سلام", "\u202e", "\u200f", "٣", "𞤀", "𐤀", "ﷺ", "\u2067"} {
		if !Needed(text) {
			t.Errorf("%q needs it", text)
		}
	}
	for _, text := range []string{"", "plain — “text”", "漢字 é ☑ 😀", "\u200d"} {
		if Needed(text) {
			t.Errorf("%q does not need it", text)
		}
	}
}

func TestReorder(t *testing.T) {
	for levels, want := range map[string]string{
		"": "[]", "\x00\x00": "[0 1]", "\x01\x01\x01": "[2 1 0]", "\x01\x02\x02\x01": "[3 1 2 0]", "\x00\x01\x02\x01\x00": "[0 3 2 1 4]", "\x01\x00\x01": "[0 1 2]",
		"\x01\x02\x03\x04\x03": "[1 4 3 2 0]",
	} {
		if got := fmt.Sprint(Reorder([]byte(levels))); got != want {
			t.Errorf("%v: got %s, want %s", []byte(levels), got, want)
		}
	}
}

func TestLevelsTakeLinearTime(t *testing.T) {
	for _, part := range []string{"(", "()", "א(", "(א)", "ס1,", "\u2067", "\u202e", "\u2067א\u2069", "\u202ba\u202c", "\u0301", "a א ", "\u00ad"} {
		runes := []rune(strings.Repeat(part, 50_000))
		started := time.Now()
		levels := Levels(runes, RTL)
		Trim(runes, levels, RTL)
		if d := time.Since(started); d > 2*time.Second {
			t.Errorf("%q: %v", part, d)
		}
	}
}
