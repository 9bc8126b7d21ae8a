package grammar

import (
	"math/big"
	"strings"
)

// mostDigits is the number of digits before the point that numbers without a bound have, and of those behind the point.
const mostDigits = 15

// Numbers without bounds.
var (
	anyInteger = seq{optional(literal("-")), natural}
	natural    = alt{literal("0"), seq{runes{'1', '9'}, repeat{digit, 0, mostDigits}}}
	fraction   = seq{literal("."), repeat{digit, 1, mostDigits}}
	anyNumber  = seq{anyInteger, optional(fraction), optional(seq{runes{'e', 'e', 'E', 'E'}, optional(runes{'+', '+', '-', '-'}), repeat{digit, 1, 2}})}
)

// bound is a limit of numbers.
type bound struct {
	value *big.Rat // nil: there is none
	open  bool     // the value itself is not allowed
}

// tighter returns the bound of two that allows less; sign is 1 for lower and -1 for upper bounds.
func tighter(a, b bound, sign int) bound {
	switch {
	case a.value == nil:
		return b
	case b.value == nil:
		return a
	}
	switch c := a.value.Cmp(b.value) * sign; {
	case c < 0:
		return b
	case c > 0:
		return a
	}
	a.open = a.open || b.open
	return a
}

// integers returns the whole numbers between bounds.
func integers(lo, hi bound) expr {
	low, high := wholeLow(lo), wholeHigh(hi)
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(mostDigits), nil)
	for _, x := range []*big.Int{low, high} { // there is space beyond a large bound
		if x != nil && new(big.Int).Abs(x).Cmp(limit) >= 0 {
			limit.Mul(new(big.Int).Abs(x), big.NewInt(10))
		}
	}
	limit.Sub(limit, big.NewInt(1))
	if low == nil {
		low = new(big.Int).Neg(limit)
	}
	if high == nil {
		high = limit
	}
	var all alt
	if high.Sign() >= 0 {
		all = append(all, between(maxInt(low, big.NewInt(0)), high))
	}
	if low.Sign() < 0 {
		all = append(all, seq{literal("-"), between(maxInt(new(big.Int).Neg(high), big.NewInt(1)), new(big.Int).Neg(low))})
	}
	return all
}

// wholeLow returns the smallest whole number that a lower bound allows.
func wholeLow(b bound) *big.Int {
	if b.value == nil {
		return nil
	}
	q, r := new(big.Int).DivMod(b.value.Num(), b.value.Denom(), new(big.Int)) // rounds down
	if r.Sign() > 0 || b.open {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// wholeHigh returns the largest whole number that an upper bound allows.
func wholeHigh(b bound) *big.Int {
	if b.value == nil {
		return nil
	}
	low := wholeLow(bound{new(big.Rat).Neg(b.value), b.open})
	return low.Neg(low)
}

func maxInt(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

// between returns the digits of the numbers from lo to hi, neither of which is negative.
func between(lo, hi *big.Int) expr {
	var all alt
	a, b := lo.String(), hi.String()
	if lo.Cmp(hi) > 0 {
		return all
	}
	for n := len(a); n <= len(b); n++ {
		first, last := "1"+strings.Repeat("0", n-1), strings.Repeat("9", n)
		if n == len(a) {
			first = a
		}
		if n == len(b) {
			last = b
		}
		all = append(all, sameLength(first, last))
	}
	return all
}

// sameLength returns the sequences of digits from a to b, which are as long as these.
func sameLength(a, b string) expr {
	if a == "" {
		return seq{}
	}
	if a == strings.Repeat("0", len(a)) && b == strings.Repeat("9", len(b)) {
		return repeat{digit, len(a), len(a)}
	}
	if a[0] == b[0] {
		return seq{literal(a[:1]), sameLength(a[1:], b[1:])}
	}
	rest := len(a) - 1
	all := alt{seq{literal(a[:1]), sameLength(a[1:], strings.Repeat("9", rest))}, seq{literal(b[:1]), sameLength(strings.Repeat("0", rest), b[1:])}}
	if a[0]+1 < b[0] {
		all = append(all, seq{runes{rune(a[0] + 1), rune(b[0] - 1)}, repeat{digit, rest, rest}})
	}
	return all
}

// decimals returns the numbers between bounds in decimal notation. The bounds must have finitely many decimals.
func decimals(lo, hi bound) expr {
	if lo.value == nil && hi.value == nil {
		return anyNumber
	}
	zero := new(big.Rat)
	var all alt
	if hi.value == nil || hi.value.Cmp(zero) > 0 || hi.value.Sign() == 0 && !hi.open {
		from := lo
		if lo.value == nil || lo.value.Sign() < 0 {
			from = bound{value: zero}
		}
		all = append(all, magnitude(from, hi))
	}
	if lo.value == nil || lo.value.Sign() < 0 {
		from, to := bound{zero, true}, bound{}
		if hi.value != nil && hi.value.Sign() < 0 {
			from = bound{new(big.Rat).Neg(hi.value), hi.open}
		}
		if lo.value != nil {
			to = bound{new(big.Rat).Neg(lo.value), lo.open}
		}
		all = append(all, seq{literal("-"), magnitude(from, to)})
	}
	return all
}

// magnitude returns the numbers between bounds that are not negative, of which the lower one is set.
func magnitude(lo, hi bound) expr {
	low, lowDigits := parts(lo.value)
	one := big.NewInt(1)
	next := new(big.Int).Add(low, one)
	if hi.value == nil {
		return alt{
			seq{literal(low.String()), atLeast(lowDigits, lo.open)},
			seq{integers(bound{value: new(big.Rat).SetInt(next)}, bound{}), optional(fraction)},
		}
	}
	high, highDigits := parts(hi.value)
	switch low.Cmp(high) {
	case 1:
		return alt{}
	case 0:
		return seq{literal(low.String()), both{atLeast(lowDigits, lo.open), atMost(highDigits, hi.open)}}
	}
	return alt{
		seq{literal(low.String()), atLeast(lowDigits, lo.open)},
		seq{between(next, new(big.Int).Sub(high, one)), optional(fraction)},
		seq{literal(high.String()), atMost(highDigits, hi.open)},
	}
}

// parts returns the whole part of a number that is not negative, and its decimals without zeros at their end.
func parts(r *big.Rat) (*big.Int, string) {
	n, _ := r.FloatPrec()
	whole, rest, _ := strings.Cut(r.FloatString(n), ".")
	i, _ := new(big.Int).SetString(whole, 10) // digits
	return i, strings.TrimRight(rest, "0")
}

var moreDigits = repeat{digit, 0, mostDigits}

// atLeast returns the decimals, with their point, of at least digits, or if open of more.
func atLeast(digits string, open bool) expr {
	zeros := repeat{literal("0"), 0, mostDigits}
	above := seq{zeros, runes{'1', '9'}, moreDigits}
	if digits == "" {
		if open {
			return seq{literal("."), above}
		}
		return optional(fraction)
	}
	var rest expr = moreDigits
	if open {
		rest = above
	}
	for i := len(digits) - 1; i >= 0; i-- {
		options := alt{seq{literal(digits[i : i+1]), rest}}
		if digits[i] < '9' {
			options = append(options, seq{runes{rune(digits[i] + 1), '9'}, moreDigits})
		}
		rest = options
	}
	return seq{literal("."), rest}
}

// atMost returns the decimals, with their point, of at most digits, or if open of less. They may be none.
func atMost(digits string, open bool) expr {
	if digits == "" {
		if open {
			return alt{}
		}
		return optional(seq{literal("."), repeat{literal("0"), 1, mostDigits}})
	}
	var rest expr = repeat{literal("0"), 0, mostDigits}
	if open {
		rest = alt{}
	}
	for i := len(digits) - 1; i >= 0; i-- {
		options := alt{seq{literal(digits[i : i+1]), rest}}
		if digits[i] > '0' {
			options = append(options, seq{runes{'0', rune(digits[i] - 1)}, moreDigits})
		}
		if i > 0 {
			options = append(options, seq{}) // fewer decimals are less
		}
		rest = options
	}
	return optional(seq{literal("."), rest})
}
