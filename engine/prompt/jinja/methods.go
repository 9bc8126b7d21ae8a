package jinja

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// access tells whether a value has a method that a template may call. Methods of Python's str,
// dict, list and tuple are allowed; those that would change a list or dict are hidden, as by the
// immutable sandbox.
type access uint8

const (
	absent  access = iota
	allowed        // may be called
	hidden         // exists in Python but is unsafe: undefined
)

type textMethod func(r *run, t str, a args) value

// textMethods are the methods of str. init fills it, because methods use functions that use it.
var textMethods map[string]textMethod

var hiddenMethods = map[string][]string{
	"list": {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"},
	"dict": {"clear", "pop", "popitem", "setdefault", "update"},
}

var otherMethods = map[string][]string{
	"list":        {"count", "index", "copy"},
	"tuple":       {"count", "index"},
	"dict":        {"get", "items", "keys", "values", "copy"},
	"float":       {"is_integer"},
	"LoopContext": {"cycle", "changed"},
	"Cycler":      {"next", "reset"},
}

func findMethod(obj value, name string) access {
	if strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") && len(name) > 4 {
		return hidden
	}
	if _, ok := text(obj); ok {
		if _, ok := textMethods[name]; ok {
			return allowed
		}
		return absent
	}
	of := typeName(obj)
	switch {
	case slices.Contains(otherMethods[of], name):
		return allowed
	case slices.Contains(hiddenMethods[of], name):
		return hidden
	}
	return absent
}

func (r *run) callMethod(m *method, a args) value {
	switch o := m.recv.(type) {
	case str:
		if o.safe {
			return r.callSafe(o, m.name, a)
		}
		return textMethods[m.name](r, o, a)
	case *dict:
		return r.callDict(o, m.name, a)
	case *list:
		return r.callSeq(m, o.items, a)
	case *tuple:
		return r.callSeq(m, o.items, a)
	case *loop:
		return o.call(r, m.name, a)
	case *cycler:
		return o.call(r, m.name, a)
	case float64:
		r.bind(m.name, a)
		return o == float64(int64(o))
	}
	r.fail("%s has no method %q", typeName(m.recv), m.name)
	return nil
}

// callSafe calls a method of text marked safe: its text arguments are escaped, and the texts that it
// returns are safe, too.
func (r *run) callSafe(t str, name string, a args) value {
	if name == "format" || name == "join" {
		r.fail("the method %q of text marked safe is not supported", name)
	}
	b := args{names: a.names}
	esc := func(v value) value {
		if t, ok := v.(str); ok && (name == "replace" || name == "split") {
			return r.made(t.escaped())
		}
		return v
	}
	for _, v := range a.pos {
		b.pos = append(b.pos, esc(v))
	}
	for _, v := range a.named {
		b.named = append(b.named, esc(v))
	}
	v := textMethods[name](r, t, b)
	switch v := v.(type) {
	case str:
		return r.like(t, v)
	case *list:
		for i, item := range v.items {
			if item, ok := item.(str); ok {
				v.items[i] = r.like(t, item)
			}
		}
	}
	return v
}

func (r *run) callDict(d *dict, name string, a args) value {
	if name == "get" {
		if len(a.names) > 0 {
			r.fail("dict.get() takes no keyword arguments")
		}
		p := r.bind(name, a, "key", "default?")
		h, ok := r.hash(p.v[0])
		if !ok {
			r.fail("unhashable type: '%s'", typeName(p.v[0]))
		}
		if v, ok := d.get(h); ok {
			return v
		}
		return p.or(1, nil)
	}
	r.bind(name, a)
	if name == "copy" {
		return d
	}
	return &view{name, d}
}

func (r *run) callSeq(m *method, items []value, a args) value {
	if m.name == "copy" {
		r.bind(m.name, a)
		return &list{items}
	}
	if m.name == "count" {
		p := r.bind(m.name, a, "value")
		n := int64(0)
		for _, item := range items {
			if r.equal(item, p.v[0]) {
				n++
			}
		}
		return n
	}
	p := r.bind(m.name, a, "value", "start?", "stop?")
	first, n, _ := r.indices(len(items), p.int(1, 0), p.int(2, int64(len(items))), nil)
	for i := first; i < first+n; i++ {
		if r.equal(items[i], p.v[0]) {
			return i
		}
	}
	r.fail("%s is not in the %s", r.repr(p.v[0]).s, typeName(m.recv))
	return nil
}

func (c *cycler) call(r *run, name string, a args) value {
	r.bind(name, a)
	if name == "reset" {
		c.pos = 0
		return nil
	}
	v := c.items[c.pos]
	c.pos = (c.pos + 1) % len(c.items)
	return v
}

func init() {
	textMethods = map[string]textMethod{
		"capitalize": func(r *run, t str, a args) value { r.bind("capitalize", a); return r.capitalize(t) },
		"casefold":   func(r *run, t str, a args) value { r.bind("casefold", a); return r.made(t.perRun(cases.Fold().String)) },
		"center":     func(r *run, t str, a args) value { return r.pad("center", t, a) },
		"count":      countText,
		"endswith":   func(r *run, t str, a args) value { return r.affix("endswith", t, a, strings.HasSuffix) },
		"expandtabs": expandTabs,
		"find":       func(r *run, t str, a args) value { return r.find("find", t, a, strings.Index) },
		"format":     formatText,
		"format_map": formatMap,
		"index":      func(r *run, t str, a args) value { return r.found("index", t, a, strings.Index) },
		"join":       joinText,
		"ljust":      func(r *run, t str, a args) value { return r.pad("ljust", t, a) },
		"lower":      func(r *run, t str, a args) value { r.bind("lower", a); return r.lower(t) },
		"lstrip":     func(r *run, t str, a args) value { return r.strip("lstrip", t, a) },
		"partition":  func(r *run, t str, a args) value { return r.partition("partition", t, a) },
		"removeprefix": func(r *run, t str, a args) value {
			return t.last(len(strings.TrimPrefix(t.s, r.bind("removeprefix", a, "prefix").text(0, ""))))
		},
		"removesuffix": func(r *run, t str, a args) value {
			return t.slice(0, len(strings.TrimSuffix(t.s, r.bind("removesuffix", a, "suffix").text(0, ""))))
		},
		"replace": func(r *run, t str, a args) value {
			p := r.bind("replace", a, "old", "new", "count?")
			return r.replace(t, p.text(0, ""), p.str(1, ""), p.int(2, -1))
		},
		"rfind":      func(r *run, t str, a args) value { return r.find("rfind", t, a, strings.LastIndex) },
		"rindex":     func(r *run, t str, a args) value { return r.found("rindex", t, a, strings.LastIndex) },
		"rjust":      func(r *run, t str, a args) value { return r.pad("rjust", t, a) },
		"rpartition": func(r *run, t str, a args) value { return r.partition("rpartition", t, a) },
		"rsplit":     func(r *run, t str, a args) value { return r.split("rsplit", t, a) },
		"rstrip":     func(r *run, t str, a args) value { return r.strip("rstrip", t, a) },
		"split":      func(r *run, t str, a args) value { return r.split("split", t, a) },
		"splitlines": func(r *run, t str, a args) value {
			return r.splitLines(t, r.bind("splitlines", a, "keepends?").truth(0, false))
		},
		"startswith": func(r *run, t str, a args) value { return r.affix("startswith", t, a, strings.HasPrefix) },
		"strip":      func(r *run, t str, a args) value { return r.strip("strip", t, a) },
		"swapcase":   swapCase,
		"title":      func(r *run, t str, a args) value { r.bind("title", a); return r.title(t) },
		"upper":      func(r *run, t str, a args) value { r.bind("upper", a); return r.upper(t) },
		"zfill":      zfill,
	}
	for name, ok := range classes {
		textMethods[name] = func(r *run, t str, a args) value {
			r.bind(name, a)
			r.scan(t.s)
			return ok(t.s)
		}
	}
}

// all returns a test that holds for a text if it has characters and ok holds for each.
func all(ok func(c rune) bool) func(string) bool {
	return func(t string) bool {
		return t != "" && strings.IndexFunc(t, func(c rune) bool { return !ok(c) }) < 0
	}
}

func isDecimal(c rune) bool { return unicode.Is(unicode.Nd, c) }

// isDigit adds to decimals the superscripts, subscripts and circled digits.
func isDigit(c rune) bool {
	return isDecimal(c) || strings.ContainsRune("²³¹", c) || c == 0x2070 || c >= 0x2074 && c <= 0x2079 ||
		c >= 0x2080 && c <= 0x2089 || c >= 0x2460 && c <= 0x2468
}

func isCased(c rune) bool { return unicode.IsUpper(c) || unicode.IsLower(c) || unicode.IsTitle(c) }

// classes are the methods isalpha and so on.
var classes = map[string]func(string) bool{
	"isalnum":   all(func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }),
	"isalpha":   all(unicode.IsLetter),
	"isascii":   func(t string) bool { return strings.IndexFunc(t, func(c rune) bool { return c > 127 }) < 0 },
	"isdecimal": all(isDecimal),
	"isdigit":   all(isDigit),
	"isidentifier": func(t string) bool {
		c, _ := utf8.DecodeRuneInString(t)
		return !unicode.IsNumber(c) && all(func(c rune) bool {
			return c == '_' || unicode.IsLetter(c) || isDecimal(c) || unicode.Is(unicode.Mn, c)
		})(t)
	},
	"islower":     isLower,
	"isnumeric":   all(unicode.IsNumber),
	"isprintable": func(t string) bool { return t == "" || all(unicode.IsPrint)(t) },
	"isspace":     all(isSpace),
	"istitle":     isTitle,
	"isupper":     isUpper,
}

func isLower(t string) bool {
	return strings.IndexFunc(t, unicode.IsLower) >= 0 &&
		strings.IndexFunc(t, func(c rune) bool { return unicode.IsUpper(c) || unicode.IsTitle(c) }) < 0
}

func isUpper(t string) bool {
	return strings.IndexFunc(t, unicode.IsUpper) >= 0 &&
		strings.IndexFunc(t, func(c rune) bool { return unicode.IsLower(c) || unicode.IsTitle(c) }) < 0
}

func isTitle(t string) bool {
	seen, within := false, false
	for _, c := range t {
		switch {
		case unicode.IsUpper(c) || unicode.IsTitle(c):
			if within {
				return false
			}
			seen, within = true, true
		case unicode.IsLower(c):
			if !within {
				return false
			}
		default:
			within = false
		}
	}
	return seen
}

func (r *run) upper(t str) str {
	return r.cased(t, strings.ToUpper, func(s string) string { return cases.Upper(language.Und).String(s) })
}

func (r *run) lower(t str) str {
	return r.cased(t, strings.ToLower, func(s string) string { return cases.Lower(language.Und).String(s) })
}

// cased converts t by full. ascii does the same for text of ASCII characters alone.
func (r *run) cased(t str, ascii, full func(string) string) str {
	r.made(t)
	if classes["isascii"](t.s) {
		return t.aligned(ascii(t.s), ascii)
	}
	r.step(int64(len(t.s) / 2))
	return r.made(t.aligned(full(t.s), full))
}

func (r *run) capitalize(t str) str {
	_, n := utf8.DecodeRuneInString(t.s)
	return join(t.slice(0, n).perRun(titleRune), r.lower(t.from(n)))
}

// titleRune converts the first letter of t to title case: "ß" to "Ss".
func titleRune(t string) string {
	if t == "" {
		return t
	}
	c, _ := utf8.DecodeRuneInString(t)
	if title := unicode.ToTitle(c); title != c || !unicode.IsLower(c) {
		return string(title)
	}
	u := cases.Upper(language.Und).String(t)
	_, n := utf8.DecodeRuneInString(u)
	return u[:n] + cases.Lower(language.Und).String(u[n:])
}

func (r *run) title(t str) str {
	r.made(t)
	r.step(int64(len(t.s)))
	var b builder
	within := false
	for i, c := range t.s {
		if within {
			b.write(t.in(i, string(unicode.ToLower(c))))
		} else {
			b.write(t.in(i, titleRune(string(c))))
		}
		within = isCased(c)
	}
	return b.str()
}

func swapCase(r *run, t str, a args) value {
	r.bind("swapcase", a)
	r.made(t)
	r.scan(t.s)
	return t.perRun(func(s string) string {
		return strings.Map(func(c rune) rune {
			switch {
			case unicode.IsUpper(c):
				return unicode.ToLower(c)
			case unicode.IsLower(c):
				return unicode.ToUpper(c)
			}
			return c
		}, s)
	})
}
