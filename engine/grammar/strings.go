package grammar

import "unicode/utf8"

// digits and hexadecimal digits.
var (
	digit    = runes{'0', '9'}
	hexDigit = runes{'0', '9', 'a', 'f', 'A', 'F'}
)

// inString is the spelling of characters in a JSON string: one for each, see quote.
func inString(r runes) expr {
	var raw runes
	var escaped alt
	for _, x := range r.sorted() {
		for c := x.lo; c <= min(x.hi, '\\'); c++ {
			if s := spelled(c); len(s) > 1 {
				escaped = append(escaped, literal(s))
			}
		}
		for _, part := range []runeRange{{' ', '!'}, {'#', '['}, {']', utf8.MaxRune}} { // without quotation mark and backslash
			if lo, hi := max(x.lo, part.lo), min(x.hi, part.hi); lo <= hi {
				raw = append(raw, lo, hi)
			}
		}
	}
	if escaped == nil {
		return raw
	}
	if raw != nil {
		escaped = append(escaped, raw)
	}
	return escaped
}

// stringChar is a character of a JSON string in any spelling. A surrogate stands only beside its other half.
var stringChar = alt{
	runes{' ', '!', '#', '[', ']', utf8.MaxRune},
	seq{literal(`\`), alt{
		runes{'"', '"', '\\', '\\', '/', '/', 'b', 'b', 'f', 'f', 'n', 'n', 'r', 'r', 't', 't'},
		seq{literal("u"), alt{
			seq{runes{'0', '9', 'a', 'c', 'A', 'C', 'e', 'f', 'E', 'F'}, hexDigit, hexDigit, hexDigit},
			seq{runes{'d', 'd', 'D', 'D'}, runes{'0', '7'}, hexDigit, hexDigit},
			seq{runes{'d', 'd', 'D', 'D'}, runes{'8', '9', 'a', 'b', 'A', 'B'}, hexDigit, hexDigit,
				literal(`\u`), runes{'d', 'd', 'D', 'D'}, runes{'c', 'f', 'C', 'F'}, hexDigit, hexDigit},
		}},
	}},
}

func quoted(e expr) expr { return seq{literal(`"`), e, literal(`"`)} }

// otherKey is a key of an object that is none of names, in a spelling without escapes.
func otherKey(names []string) expr {
	tree := &keyTree{}
	for _, name := range names {
		tree.add([]rune(name))
	}
	return quoted(tree.others())
}

// keyTree is a prefix tree of keys.
type keyTree struct {
	order []rune
	below map[rune]*keyTree
	whole bool // a key ends here
}

func (t *keyTree) add(key []rune) {
	if len(key) == 0 {
		t.whole = true
		return
	}
	next := t.below[key[0]]
	if next == nil {
		next = &keyTree{}
		if t.below == nil {
			t.below = map[rune]*keyTree{}
		}
		t.below[key[0]] = next
		t.order = append(t.order, key[0])
	}
	next.add(key[1:])
}

// plainKey are the characters of other keys.
var plainKey = runes{' ', '!', '#', '[', ']', utf8.MaxRune}

// others returns what is none of the keys below a node.
func (t *keyTree) others() expr {
	var all alt
	if !t.whole {
		all = append(all, seq{})
	}
	known := runes{0, ' ' - 1, '"', '"', '\\', '\\'}
	for _, r := range t.order {
		if len(spelled(r)) == 1 || r >= utf8.RuneSelf {
			all = append(all, seq{runes{r, r}, t.below[r].others()})
			known = append(known, r, r)
		}
	}
	return append(all, seq{known.except(), repeat{plainKey, 0, -1}})
}

// formats are regular expressions for the values of the keyword format. Each matches a part of the format's values, or all.
var formats = map[string]string{
	"date":      dateFormat,
	"time":      timeFormat,
	"date-time": dateFormat + `T` + timeFormat,
	"duration":  `P([0-9]{1,4}W|[0-9]{1,4}D(T[0-9]{1,4}H)?|T[0-9]{1,4}(H([0-9]{1,4}M)?|M([0-9]{1,4}S)?|S))`,
	"email":     `[A-Za-z0-9_+-]{1,30}(\.[A-Za-z0-9_+-]{1,15}){0,2}@` + hostFormat,
	"hostname":  hostFormat,
	"ipv4":      byteFormat + `(\.` + byteFormat + `){3}`,
	"ipv6":      `[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}`,
	"uri":       `https?://` + hostFormat + `(/[A-Za-z0-9._~-]{1,60}){0,8}/?(\?[A-Za-z0-9._~=&-]{1,100})?(#[A-Za-z0-9._~-]{1,60})?`,
	"uuid":      `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
}

const (
	dateFormat = `[0-9]{4}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)`
	timeFormat = `([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])`
	byteFormat = `(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	labelText  = `[a-z0-9]([a-z0-9-]?[a-z0-9]){0,20}`
	hostFormat = `(` + labelText + `\.){1,3}[a-z]{2,10}`
)
