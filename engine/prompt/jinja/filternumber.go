package jinja

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

func fileSize(r *run, in value, a args) value {
	p := r.bind("filesizeformat", a, "binary?")
	n, ok := r.parseFloat(in)
	if !ok {
		r.fail("filesizeformat: could not convert to float")
	}
	unit, suffix := 1000.0, "B"
	if p.truth(0, false) {
		unit, suffix = 1024, "iB"
	}
	switch {
	case n == 1:
		return literal("1 Byte")
	case n < unit:
		return literal(strconv.FormatInt(int64(n), 10) + " Bytes")
	}
	names := "kMGTPEZY"
	if unit == 1024 {
		names = "KMGTPEZY"
	}
	i := 0
	for n /= unit; n >= unit && i+1 < len(names); n /= unit {
		i++
	}
	return literal(strconv.FormatFloat(n, 'f', 1, 64) + " " + names[i:i+1] + suffix)
}

// parseFloat is Python's float(v), false where that is a ValueError or TypeError.
func (r *run) parseFloat(v value) (float64, bool) {
	r.defined(v)
	if numeric(v) > 0 {
		return toFloat(v), true
	}
	t, ok := text(v)
	if !ok {
		return 0, false
	}
	r.made(v.(str))
	r.scan(t)
	t = strings.ToLower(strings.TrimFunc(t, isSpace))
	if t == "" || strings.ContainsAny(t, "xp") || !underscored(&t) {
		return 0, false
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// underscored removes single underscores between digits, which Python allows, and is false where
// there are others.
func underscored(t *string) bool {
	s := *t
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i+1 == len(s) || !alnum(s[i-1]) || !alnum(s[i+1])) {
			return false
		}
	}
	*t = strings.ReplaceAll(s, "_", "")
	return true
}

func alnum(c byte) bool { return decimal(c) || c|32 >= 'a' && c|32 <= 'z' }

func toFloatFilter(r *run, in value, a args) value {
	p := r.bind("float", a, "default?")
	if f, ok := r.parseFloat(in); ok {
		return f
	}
	return p.or(0, 0.0)
}

func toIntFilter(r *run, in value, a args) value {
	p := r.bind("int", a, "default?", "base?")
	r.defined(in)
	if numeric(in) == 1 {
		return toInt(in)
	}
	if t, ok := text(in); ok {
		if n, ok := r.parseInt(t, p.int(1, 10)); ok {
			return n
		}
	}
	f, ok := r.parseFloat(in)
	switch {
	case !ok || math.IsNaN(f):
		return p.or(0, int64(0))
	case math.IsInf(f, 0) && numeric(in) == 0:
		return p.or(0, int64(0))
	case math.Abs(f) >= 1<<63:
		r.overflow()
	}
	return int64(f)
}

// parseInt is Python's int(t, base).
func (r *run) parseInt(t string, base int64) (int64, bool) {
	r.alloc(len(t))
	r.scan(t)
	t = strings.TrimFunc(t, isSpace)
	if base < 0 || base > 36 || base == 1 || !underscored(&t) {
		return 0, false
	}
	s := sign(t)
	body := strings.ToLower(t[len(s):])
	if prefix, ok := map[int64]string{2: "0b", 8: "0o", 16: "0x"}[base]; ok {
		body = strings.TrimPrefix(body, prefix)
	}
	if sign(body) != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s+body, int(base), 64)
	if err != nil && errors.Is(err, strconv.ErrRange) {
		r.overflow()
	}
	return n, err == nil
}

func round(r *run, in value, a args) value {
	p := r.bind("round", a, "precision?", "method?")
	r.defined(in)
	if numeric(in) == 0 {
		r.fail("type %s can't be rounded", typeName(in))
	}
	digits := p.int(0, 0)
	if digits < -400 || digits > 400 {
		digits = max(min(digits, 400), -400)
	}
	switch method := p.text(1, "common"); method {
	case "common":
		if numeric(in) == 1 {
			return r.roundInt(toInt(in), int(digits))
		}
		return roundFloat(in.(float64), int(digits))
	case "ceil":
		return r.roundWith(in, int(digits), math.Ceil)
	case "floor":
		return r.roundWith(in, int(digits), math.Floor)
	}
	r.fail("method must be common, ceil or floor")
	return nil
}

// roundInt rounds to tens, hundreds and so on, a half to the even one.
func (r *run) roundInt(n int64, digits int) value {
	if digits >= 0 {
		return n
	}
	if digits < -18 {
		return int64(0)
	}
	unit := int64(1)
	for range -digits {
		unit *= 10
	}
	rest := ((n % unit) + unit) % unit
	down := n - rest
	if rest*2 > unit || rest*2 == unit && (down/unit)%2 != 0 {
		return r.add(down, unit)
	}
	return down
}

// roundFloat rounds the exact decimal value of f, a half to the even one.
func roundFloat(f float64, digits int) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return f
	}
	if digits >= 0 {
		n, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', digits, 64), 64)
		return n
	}
	if digits < -308 {
		return math.Copysign(0, f)
	}
	unit := math.Pow(10, float64(-digits))
	return math.RoundToEven(f/unit) * unit
}

// roundWith rounds to digits by ceil or floor.
func (r *run) roundWith(in value, digits int, whole func(float64) float64) value {
	unit := math.Pow(10, float64(digits))
	f := toFloat(in) * unit
	if math.IsInf(f, 0) || math.IsNaN(f) {
		r.fail("cannot convert float infinity to integer")
	}
	if n, _ := big.NewFloat(whole(f)).Int64(); float64(n) != whole(f) {
		r.overflow()
	}
	return whole(f) / unit
}
