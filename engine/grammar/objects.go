package grammar

// addObject builds a JSON object, whose members come in their order:
//
//	none: {  ──────────┬─ member 0 ─┬──────────── member 1 ─┬─ … ─ }
//	                   ├────────────┼─ none left out ───────┤
//	some:              └─ , ────────┴─ , ────────────────────┘
//
// The nodes of one chain have no member before them, those of the other have, so that a comma follows.
func (b *builder) addObject(from int32, o object) int32 {
	none := b.add(from, seq{literal("{"), ws})
	some := int32(-1) // there may be none yet
	comma := seq{literal(","), ws}
	for _, m := range o.members {
		begin := b.node()
		if none >= 0 {
			b.empty(none, begin)
		}
		if some >= 0 {
			b.empty(b.add(some, comma), begin)
		}
		end := b.add(begin, m.expr)
		if m.required {
			none, some = -1, end
			continue
		}
		next := b.node()
		b.empty(end, next)
		if some >= 0 {
			b.empty(some, next)
		}
		some = next
	}
	if o.additional != nil {
		loop := b.node()
		if none >= 0 {
			b.empty(none, loop)
		}
		if some >= 0 {
			b.empty(b.add(some, comma), loop)
		}
		end := b.add(loop, o.additional)
		b.empty(b.add(end, comma), loop)
		next := b.node()
		b.empty(end, next)
		if some >= 0 {
			b.empty(some, next)
		}
		some = next
	}
	return b.close(none, some, "}")
}

// addArray builds a JSON array.
func (b *builder) addArray(from int32, a array) int32 {
	none := b.add(from, seq{literal("["), ws})
	end := b.node() // after the last item
	comma := seq{literal(","), ws}
	at := none // before the next item, without the comma
	item := func(e expr) {
		last := b.add(at, e)
		b.empty(last, end)
		at = b.add(last, comma)
	}
	n := 0
	// Before the smallest number of items is reached, the array does not end.
	skip := func(e expr) { at = b.add(b.add(at, e), comma) }
	step := func(e expr) {
		if n+1 < a.min {
			skip(e)
		} else {
			item(e)
		}
		n++
	}
	for _, e := range a.prefix {
		if a.max >= 0 && n >= a.max {
			break
		}
		step(e)
	}
	switch {
	case a.item == nil:
	case a.max >= 0:
		for n < a.max && !b.full {
			step(a.item)
		}
	default:
		for n+1 < a.min && !b.full {
			step(a.item)
		}
		loop := b.node()
		b.empty(at, loop)
		last := b.add(loop, a.item)
		b.empty(last, end)
		b.empty(b.add(last, comma), loop)
		n = max(n, a.min)
	}
	if n < a.min { // too few items are allowed
		return b.node()
	}
	if a.min > 0 {
		none = -1
	}
	return b.close(none, end, "]")
}

// close builds the end of an object or array, after nothing or after something.
func (b *builder) close(none, some int32, mark string) int32 {
	end := b.node()
	if none >= 0 {
		b.empty(b.add(none, literal(mark)), end)
	}
	if some >= 0 {
		b.empty(b.add(some, seq{ws, literal(mark)}), end)
	}
	return end
}

// ws is the white space between the tokens of JSON: none, a space, or a new line with an indentation.
var ws = optional(alt{literal(" "), seq{literal("\n"), repeat{runes{' ', ' '}, 0, 40}}})
