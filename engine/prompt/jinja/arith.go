package jinja

import (
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// defined fails for an undefined operand.
func (r *run) defined(vs ...value) {
	for _, v := range vs {
		if u, ok := v.(*undef); ok {
			r.fail("%s", u.reason)
		}
	}
}

func (r *run) unsupported(op string, a, b value) value {
	r.fail("unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(a), typeName(b))
	return nil
}

func (r *run) sign(v value, neg bool) value {
	r.defined(v)
	switch {
	case numeric(v) == 0:
		r.fail("bad operand type for unary sign: '%s'", typeName(v))
	case !neg && numeric(v) == 1:
		return toInt(v)
	case !neg:
		return v
	case numeric(v) == 2:
		return -v.(float64)
	}
	return r.sub(0, toInt(v))
}

// binary is a op b for the operators + - * / // % **.
func (r *run) binary(op string, a, b value) value {
	r.defined(a)
	if t, ok := a.(str); ok && op == "%" {
		return r.like(a, r.percent(t, b))
	}
	r.defined(b)
	switch na, nb := numeric(a), numeric(b); {
	case na == 1 && nb == 1 && op != "/":
		return r.ints(op, toInt(a), toInt(b))
	case na > 0 && nb > 0:
		return r.floats(op, toFloat(a), toFloat(b))
	}
	switch op {
	case "+":
		return r.join(a, b)
	case "*":
		if n := numeric(a); n == 1 {
			return r.repeat(a, b, toInt(a))
		}
		if n := numeric(b); n == 1 {
			return r.repeat(b, a, toInt(b))
		}
	}
	return r.unsupported(op, a, b)
}

func (r *run) ints(op string, a, b int64) value {
	switch op {
	case "+":
		return r.add(a, b)
	case "-":
		return r.sub(a, b)
	case "*":
		return r.mul(a, b)
	case "**":
		return r.pow(a, b)
	}
	if b == 0 {
		r.fail("integer division or modulo by zero")
	}
	if a == math.MinInt64 && b == -1 {
		r.overflow()
	}
	q, m := a/b, a%b
	if m != 0 && (m < 0) != (b < 0) { // Python rounds down
		q, m = q-1, m+b
	}
	if op == "//" {
		return q
	}
	return m
}

func (r *run) overflow() { r.fail("the number does not fit in 64 bits") }

func (r *run) add(a, b int64) int64 {
	c := a + b
	if (c > a) != (b > 0) && b != 0 {
		r.overflow()
	}
	return c
}

func (r *run) sub(a, b int64) int64 {
	c := a - b
	if (c < a) != (b > 0) && b != 0 {
		r.overflow()
	}
	return c
}

func (r *run) mul(a, b int64) int64 {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	neg := (a < 0) != (b < 0)
	if hi != 0 || lo > 1<<63 || lo == 1<<63 && !neg {
		r.overflow()
	}
	return a * b
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

func (r *run) pow(a, b int64) value {
	if b < 0 {
		return r.floats("**", float64(a), float64(b))
	}
	if a == 0 || a == 1 || a == -1 {
		if b > 0 && a == -1 && b%2 == 0 || b == 0 {
			return int64(1)
		}
		return a
	}
	c := int64(1)
	for range b { // at most 63 times, then the number overflows
		c = r.mul(c, a)
	}
	return c
}

func (r *run) floats(op string, a, b float64) value {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "**":
		return r.powFloat(a, b)
	}
	if b == 0 {
		r.fail("float division by zero")
	}
	if op == "/" {
		return a / b
	}
	m := math.Mod(a, b)
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	if op == "%" {
		if m == 0 {
			return math.Copysign(0, b)
		}
		return m
	}
	return math.Floor(math.Round((a - m) / b))
}

func (r *run) powFloat(a, b float64) value {
	c := math.Pow(a, b)
	switch {
	case a == 0 && b < 0:
		r.fail("0.0 cannot be raised to a negative power")
	case a < 0 && b != math.Trunc(b) && !math.IsInf(a, 0):
		r.fail("complex numbers are not supported")
	case math.IsInf(c, 0) && !math.IsInf(a, 0) && !math.IsInf(b, 0):
		r.fail("numerical result out of range")
	}
	return c
}

// join is a + b of texts, lists and tuples.
func (r *run) join(a, b value) value {
	if ta, ok := a.(str); ok {
		if tb, ok := b.(str); ok {
			return r.joinTexts(ta, tb)
		}
	}
	if la, ok := a.(*list); ok {
		if lb, ok := b.(*list); ok {
			return &list{r.joinItems(la.items, lb.items)}
		}
	}
	if ta, ok := a.(*tuple); ok {
		if tb, ok := b.(*tuple); ok {
			return &tuple{items: r.joinItems(ta.items, tb.items)}
		}
	}
	return r.unsupported("+", a, b)
}

// joinTexts is a + b. If one is marked safe, the other is escaped and the result is safe.
func (r *run) joinTexts(a, b str) str {
	safe := a.safe || b.safe
	if safe {
		a, b = a.escaped(), b.escaped()
	}
	r.alloc(len(a.s) + len(b.s))
	r.step(int64((len(a.s) + len(b.s)) / 64))
	out := join(a, b)
	out.safe = safe
	return out
}

func (r *run) joinItems(a, b []value) []value {
	r.alloc(16 * (len(a) + len(b)))
	out := make([]value, 0, len(a)+len(b))
	return append(append(out, a...), b...)
}

// repeat is n * v.
func (r *run) repeat(count, v value, n int64) value {
	n = max(n, 0)
	switch v := v.(type) {
	case str:
		return r.like(v, r.times(v, n))
	case *list:
		return &list{r.repeatItems(v.items, n)}
	case *tuple:
		return &tuple{items: r.repeatItems(v.items, n)}
	}
	return r.unsupported("*", count, v)
}

// times is t repeated n times.
func (r *run) times(t str, n int64) str {
	if t.s == "" || n <= 0 {
		return literal("")
	}
	if n > r.limits.Memory/int64(len(t.s)) {
		r.fail("the template makes too much text (more than %d bytes in all)", r.limits.Memory)
	}
	r.alloc(len(t.s) * int(n))
	r.step(int64(len(t.s)) * n / 64)
	return str{s: strings.Repeat(t.s, int(n)), mask: strings.Repeat(t.mask, int(n)), origin: t.origin}
}

func (r *run) repeatItems(items []value, n int64) []value {
	if len(items) == 0 || n == 0 {
		return nil
	}
	if n > r.limits.Memory/int64(16*len(items)) {
		r.fail("the template makes too long a list")
	}
	r.alloc(16 * len(items) * int(n))
	out := make([]value, 0, len(items)*int(n))
	for range n {
		out = append(out, items...)
	}
	return out
}

// isSafe tells whether v is a text marked safe.
func isSafe(v value) bool {
	t, ok := v.(str)
	return ok && t.safe
}

// like returns t, marked safe if v is.
func (r *run) like(v value, t str) str {
	t.safe = isSafe(v)
	return t
}

var htmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// escaped is t escaped for HTML unless it is marked safe.
func (t str) escaped() str {
	if t.safe {
		return t
	}
	return t.perRun(htmlEscaper.Replace)
}

// slice is obj[start:stop:step], undefined for what can't be sliced.
func (r *run) slice(obj value, start, stop, step value) value {
	r.defined(obj)
	for _, v := range []value{start, stop, step} {
		if v != nil && numeric(v) != 1 {
			return &undef{describe(obj) + " can't be sliced so"}
		}
	}
	switch o := obj.(type) {
	case str:
		return r.like(o, r.sliceText(o, start, stop, step))
	case *list:
		return &list{r.sliceItems(o.items, start, stop, step)}
	case *tuple:
		return &tuple{items: r.sliceItems(o.items, start, stop, step)}
	case *span:
		i, n, by := r.indices(o.len(), start, stop, step)
		begin := o.start + i*o.step
		return &span{begin, begin + n*by*o.step, by * o.step}
	}
	if _, ok := obj.(*dict); ok {
		r.fail("unhashable type: 'slice'")
	}
	return &undef{describe(obj) + " has no element slice"}
}

// indices returns the first index, the number of items and the step of a slice of n items.
func (r *run) indices(n int, start, stop, step value) (first, count, by int64) {
	by = 1
	if step != nil {
		by = toInt(step)
	}
	if by == 0 {
		r.fail("slice step cannot be zero")
	}
	low, high := int64(0), int64(n)
	if by < 0 {
		low, high = -1, int64(n)-1
	}
	clamp := func(v value, def int64) int64 {
		if v == nil {
			return def
		}
		i := toInt(v)
		if i < 0 {
			i = max(i+int64(n), low)
		}
		return min(i, high)
	}
	if by > 0 {
		first = clamp(start, low)
		return first, int64((&span{first, clamp(stop, high), by}).len()), by
	}
	first = clamp(start, high)
	return first, int64((&span{first, clamp(stop, low), by}).len()), by
}

func (r *run) sliceItems(items []value, start, stop, step value) []value {
	first, n, by := r.indices(len(items), start, stop, step)
	if by == 1 {
		return items[first : first+n : first+n]
	}
	r.alloc(16 * int(n))
	out := make([]value, n)
	for i := range out {
		out[i] = items[first+int64(i)*by]
	}
	return out
}

func (r *run) sliceText(t str, start, stop, step value) str {
	n, _ := r.size(t)
	r.scan(t.s)
	first, count, by := r.indices(n, start, stop, step)
	if by == 1 {
		return t.cut(int(first), int(first+count))
	}
	r.alloc(9*n + int(count))
	begins := make([]int, 0, n+1) // byte offset of each character
	for at := range t.s {
		begins = append(begins, at)
	}
	begins = append(begins, len(t.s))
	var b builder
	for i := range count {
		at := first + i*by
		c, _ := utf8.DecodeRuneInString(t.s[begins[at]:])
		b.write(t.in(begins[at], string(c)))
	}
	return b.str()
}

// cut returns the characters from (inclusive) to (exclusive).
func (t str) cut(from, to int) str {
	i, begin := 0, len(t.s)
	for at := range t.s {
		if i == from {
			begin = at
		}
		if i == to {
			return t.slice(min(begin, at), at)
		}
		i++
	}
	return t.from(begin)
}
