package grammar

import (
	"math/big"
	"slices"
)

// allowed returns the types of the values. Without the keyword type they are those of which there are other keywords, or all.
func (f *flat) allowed() types {
	if f.enum != nil {
		t := types(0)
		for _, v := range f.enum {
			t |= typeOf(v)
		}
		return t
	}
	if !f.given && f.hint != 0 {
		return f.hint & f.types
	}
	return f.types
}

// merge returns the conjunction of two schemas; nil: nothing is valid by both.
func merge(a, b *flat) (*flat, error) {
	m := *a
	m.given, m.hint = a.given || b.given, a.hint|b.hint
	m.types = common(a.types, b.types)
	if m.types == 0 {
		return nil, nil
	}
	switch {
	case a.enum == nil:
		m.enum = b.enum
	case b.enum != nil:
		m.enum = intersect(a.enum, b.enum)
	}
	if m.enum != nil && len(m.enum) == 0 {
		return nil, nil
	}
	m.low, m.high = tighter(a.low, b.low, 1), tighter(a.high, b.high, -1)
	if b.multiple != nil {
		if m.multiple = b.multiple; a.multiple != nil {
			m.multiple = commonMultiple(a.multiple, b.multiple)
		}
	}
	m.minLen, m.maxLen = max(a.minLen, b.minLen), least(a.maxLen, b.maxLen)
	m.patterns = append(slices.Clone(a.patterns), b.patterns...)
	m.formats = append(slices.Clone(a.formats), b.formats...)
	m.minItems, m.maxItems = max(a.minItems, b.minItems), least(a.maxItems, b.maxItems)
	mergeItems(&m, a, b)
	mergeMembers(&m, a, b)
	return &m, nil
}

// common returns the types that are in both sets; whole numbers are numbers.
func common(a, b types) types {
	const numbers = numberType | integerType
	t := a & b
	if t&numberType == 0 && a&numbers != 0 && b&numbers != 0 {
		t |= integerType
	}
	return t
}

func least(a, b int) int {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// commonMultiple returns the least common multiple of two positive numbers.
func commonMultiple(a, b *big.Rat) *big.Rat {
	x, y := new(big.Int).Mul(a.Num(), b.Denom()), new(big.Int).Mul(b.Num(), a.Denom())
	common := new(big.Int).GCD(nil, nil, x, y)
	lcm := new(big.Int).Mul(x, new(big.Int).Div(y, common))
	return new(big.Rat).SetFrac(lcm, new(big.Int).Mul(a.Denom(), b.Denom()))
}

func mergeItems(m, a, b *flat) {
	m.prefix = nil
	for i := range max(len(a.prefix), len(b.prefix)) {
		m.prefix = append(m.prefix, append(slices.Clone(a.item(i)), b.item(i)...))
	}
	m.items = append(slices.Clone(a.items), b.items...)
}

// item returns the schemas of item i.
func (f *flat) item(i int) []located {
	if i < len(f.prefix) {
		return f.prefix[i]
	}
	return f.items
}

func mergeMembers(m, a, b *flat) {
	m.names, m.properties = nil, map[string][]located{}
	for _, name := range append(slices.Clone(a.names), b.names...) {
		if _, done := m.properties[name]; !done {
			m.names = append(m.names, name)
			m.properties[name] = append(slices.Clone(a.member(name)), b.member(name)...)
		}
	}
	m.required = append(slices.Clone(a.required), b.required...)
	m.additional = append(slices.Clone(a.additional), b.additional...)
	m.openMembers = a.openMembers || b.openMembers
}

// member returns the schemas of a member.
func (f *flat) member(name string) []located {
	if list, ok := f.properties[name]; ok {
		return list
	}
	return f.additional
}
