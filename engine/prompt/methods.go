package prompt

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// The methods of Python's str, dict, list and tuple that a template may call. Those that
// would change a list or dict are hidden, as by the immutable sandbox.

type access uint8

const (
	absent  access = iota
	allowed        // may be called
	hidden         // exists in Python but is unsafe: undefined
)

type textMethod func(r *run, t string, a args) value

var textMethods map[string]textMethod // filled below: they use functions that use it

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
	case string:
		return textMethods[m.name](r, o, a)
	case markup:
		return r.callMarkup(o, m.name, a)
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

// callMarkup calls a method of text marked safe: its text arguments are escaped and what
// text it gives is safe, too.
func (r *run) callMarkup(m markup, name string, a args) value {
	if name == "format" || name == "join" {
		r.fail("the method %q of text marked safe is not supported", name)
	}
	b := args{names: a.names}
	esc := func(v value) value {
		if t, ok := text(v); ok && (name == "replace" || name == "split") {
			return r.made(escape(v, t))
		}
		return v
	}
	for _, v := range a.pos {
		b.pos = append(b.pos, esc(v))
	}
	for _, v := range a.named {
		b.named = append(b.named, esc(v))
	}
	v := textMethods[name](r, string(m), b)
	switch v := v.(type) {
	case string:
		return markup(v)
	case *list:
		for i, item := range v.items {
			if t, ok := item.(string); ok {
				v.items[i] = markup(t)
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
	r.fail("%s is not in the %s", r.repr(p.v[0]), typeName(m.recv))
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
		"capitalize": func(r *run, t string, a args) value { r.bind("capitalize", a); return r.capitalize(t) },
		"casefold":   func(r *run, t string, a args) value { r.bind("casefold", a); return r.made(cases.Fold().String(t)) },
		"center":     func(r *run, t string, a args) value { return r.pad("center", t, a) },
		"count":      countText,
		"endswith":   func(r *run, t string, a args) value { return r.affix("endswith", t, a, strings.HasSuffix) },
		"expandtabs": expandTabs,
		"find":       func(r *run, t string, a args) value { return r.find("find", t, a, strings.Index) },
		"format":     formatText,
		"format_map": formatMap,
		"index":      func(r *run, t string, a args) value { return r.found("index", t, a, strings.Index) },
		"join":       joinText,
		"ljust":      func(r *run, t string, a args) value { return r.pad("ljust", t, a) },
		"lower":      func(r *run, t string, a args) value { r.bind("lower", a); return r.lower(t) },
		"lstrip":     func(r *run, t string, a args) value { return r.strip("lstrip", t, a) },
		"partition":  func(r *run, t string, a args) value { return r.partition("partition", t, a) },
		"removeprefix": func(r *run, t string, a args) value {
			return strings.TrimPrefix(t, r.bind("removeprefix", a, "prefix").text(0, ""))
		},
		"removesuffix": func(r *run, t string, a args) value {
			return strings.TrimSuffix(t, r.bind("removesuffix", a, "suffix").text(0, ""))
		},
		"replace": func(r *run, t string, a args) value {
			p := r.bind("replace", a, "old", "new", "count?")
			return r.replace(t, p.text(0, ""), p.text(1, ""), p.int(2, -1))
		},
		"rfind":      func(r *run, t string, a args) value { return r.find("rfind", t, a, strings.LastIndex) },
		"rindex":     func(r *run, t string, a args) value { return r.found("rindex", t, a, strings.LastIndex) },
		"rjust":      func(r *run, t string, a args) value { return r.pad("rjust", t, a) },
		"rpartition": func(r *run, t string, a args) value { return r.partition("rpartition", t, a) },
		"rsplit":     func(r *run, t string, a args) value { return r.split("rsplit", t, a) },
		"rstrip":     func(r *run, t string, a args) value { return r.strip("rstrip", t, a) },
		"split":      func(r *run, t string, a args) value { return r.split("split", t, a) },
		"splitlines": func(r *run, t string, a args) value {
			return r.splitLines(t, r.bind("splitlines", a, "keepends?").truth(0, false))
		},
		"startswith": func(r *run, t string, a args) value { return r.affix("startswith", t, a, strings.HasPrefix) },
		"strip":      func(r *run, t string, a args) value { return r.strip("strip", t, a) },
		"swapcase":   swapCase,
		"title":      func(r *run, t string, a args) value { r.bind("title", a); return r.title(t) },
		"upper":      func(r *run, t string, a args) value { r.bind("upper", a); return r.upper(t) },
		"zfill":      zfill,
	}
	for name, ok := range classes {
		textMethods[name] = func(r *run, t string, a args) value {
			r.bind(name, a)
			r.scan(t)
			return ok(t)
		}
	}
}

// all makes a test of text from one of a character; empty text fails it.
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

func (r *run) upper(t string) string { return r.cased(t, strings.ToUpper, cases.Upper) }
func (r *run) lower(t string) string { return r.cased(t, strings.ToLower, cases.Lower) }

func (r *run) cased(t string, ascii func(string) string, full func(language.Tag, ...cases.Option) cases.Caser) string {
	r.made(t)
	if classes["isascii"](t) {
		return ascii(t)
	}
	r.step(int64(len(t) / 2))
	return r.made(full(language.Und).String(t))
}

func (r *run) capitalize(t string) string {
	_, n := utf8.DecodeRuneInString(t)
	return titleRune(t[:n]) + r.lower(t[n:])
}

// titleRune is the first letter's title case, as "Ss" for "ß".
func titleRune(t string) string {
	for _, c := range t {
		if title := unicode.ToTitle(c); title != c || !unicode.IsLower(c) {
			return string(title)
		}
		u := cases.Upper(language.Und).String(t)
		_, n := utf8.DecodeRuneInString(u)
		return u[:n] + cases.Lower(language.Und).String(u[n:])
	}
	return t
}

func (r *run) title(t string) string {
	r.made(t)
	r.step(int64(len(t)))
	var b strings.Builder
	within := false
	for _, c := range t {
		switch {
		case within:
			b.WriteRune(unicode.ToLower(c))
		default:
			b.WriteString(titleRune(string(c)))
		}
		within = isCased(c)
	}
	return b.String()
}

func swapCase(r *run, t string, a args) value {
	r.bind("swapcase", a)
	r.made(t)
	r.scan(t)
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsUpper(c):
			return unicode.ToLower(c)
		case unicode.IsLower(c):
			return unicode.ToUpper(c)
		}
		return c
	}, t)
}
