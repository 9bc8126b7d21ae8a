package jinja

import "strings"

// origin says where a byte of a text comes from. The zero origin is data, so that text whose
// origin was not stated is never taken for the template's.
type origin uint8

const (
	fromData origin = iota
	fromTemplate
)

// str is a text value with the origin of each of its bytes. Most texts have one origin; for a
// mixed text, mask holds the origin of each byte, so that a slice of the text is the same slice
// of both strings.
//
//	s    "<|user|>Hello"      mask ""              origin fromData: all of it
//	s    "<|user|>Hello"      mask 1111111100000
//
// Two texts are equal for the template if their s are. Operations give texts that are not marked
// safe; run.like marks them where Python does.
type str struct {
	s      string
	mask   string // an origin for each byte of s; "": all have origin
	origin origin
	safe   bool // Python's Markup: text that needs no HTML escapes
}

// literal is text that the template or the interpreter wrote.
func literal(s string) str { return str{s: s, origin: fromTemplate} }

// at is the origin of byte i.
func (t str) at(i int) origin {
	if t.mask == "" {
		return t.origin
	}
	return origin(t.mask[i])
}

// slice is the bytes from i (inclusive) to j (exclusive).
func (t str) slice(i, j int) str {
	out := str{s: t.s[i:j], origin: t.origin}
	if t.mask != "" {
		out.mask = t.mask[i:j]
	}
	return out
}

// from is the bytes from i on.
func (t str) from(i int) str { return t.slice(i, len(t.s)) }

// last is the last n bytes: t without what a scanner has read of it.
func (t str) last(n int) str { return t.from(len(t.s) - n) }

// in returns s with the origin of byte i.
func (t str) in(i int, s string) str { return str{s: s, origin: t.at(i)} }

// run is the end of the bytes from i on that have the same origin.
func (t str) run(i int) int {
	if t.mask == "" || i >= len(t.s) {
		return len(t.s)
	}
	if n := strings.IndexByte(t.mask[i:], byte(fromTemplate+fromData)-t.mask[i]); n >= 0 {
		return i + n
	}
	return len(t.s)
}

// all is the origin of the whole text: fromTemplate only if each byte's is.
func (t str) all() origin {
	if t.mask == "" {
		return t.origin
	}
	if t.run(0) == len(t.s) {
		return t.at(0)
	}
	return fromData
}

// perRun applies f to each run. f must give for a text what it gives for its parts, joined.
func (t str) perRun(f func(string) string) str {
	if t.mask == "" {
		return str{s: f(t.s), origin: t.origin}
	}
	var b builder
	for i := 0; i < len(t.s); {
		j := t.run(i)
		b.write(t.in(i, f(t.s[i:j])))
		i = j
	}
	return b.str()
}

// aligned returns out, which f made of the whole text, with origins: each run of t accounts for
// as many bytes as f makes of the run alone. Where that does not add up, all of it is data.
func (t str) aligned(out string, f func(string) string) str {
	if t.mask == "" {
		return str{s: out, origin: t.origin}
	}
	parts := t.perRun(f)
	if len(parts.s) != len(out) {
		return str{s: out}
	}
	parts.s = out
	return parts
}

// runs gives the text in the form for callers of the package.
func (t str) runs() Text {
	var out Text
	for i := 0; i < len(t.s); {
		j := t.run(i)
		out = append(out, Run{t.s[i:j], t.at(i) == fromTemplate})
		i = j
	}
	return out
}

// builder joins texts. The zero builder is empty.
type builder struct {
	b      strings.Builder
	mask   strings.Builder // empty while all that was written has the same origin
	origin origin
}

func (b *builder) len() int { return b.b.Len() }

func (b *builder) write(t str) {
	if t.s == "" {
		return
	}
	mixed := b.mask.Len() > 0
	switch {
	case !mixed && t.mask == "" && (b.len() == 0 || t.origin == b.origin):
		b.origin = t.origin
	case t.mask != "":
		b.mix()
		b.mask.WriteString(t.mask)
	default:
		b.mix()
		fillMask(&b.mask, t.origin, len(t.s))
	}
	b.b.WriteString(t.s)
}

// mix starts the mask, if it has not begun, with the origin of what was written before.
func (b *builder) mix() {
	if b.mask.Len() == 0 {
		b.mask.Grow(b.b.Cap())
		fillMask(&b.mask, b.origin, b.len())
	}
}

// sameOrigin are long masks of one origin, to copy from.
var sameOrigin = [...]string{fromData: strings.Repeat("\x00", 1<<12), fromTemplate: strings.Repeat("\x01", 1<<12)}

// fillMask appends n times the origin.
func fillMask(mask *strings.Builder, o origin, n int) {
	for n > 0 {
		k := min(n, len(sameOrigin[o]))
		mask.WriteString(sameOrigin[o][:k])
		n -= k
	}
}

// writeLiteral writes text of the interpreter's own.
func (b *builder) writeLiteral(s string) { b.write(literal(s)) }

func (b *builder) str() str {
	return str{s: b.b.String(), mask: b.mask.String(), origin: b.origin}
}

// join is the texts one after the other.
func join(parts ...str) str {
	var b builder
	n := 0
	for _, p := range parts {
		n += len(p.s)
	}
	b.b.Grow(n)
	for _, p := range parts {
		b.write(p)
	}
	return b.str()
}
