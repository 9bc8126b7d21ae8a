package jinja

// testFunc is a test of Jinja: what follows is in {{ x is defined }}.
type testFunc func(r *run, in value, a args) bool

// tests are the tests by name. init fills the map, because filters such as selectattr use it.
var tests map[string]testFunc

func init() {
	tests = map[string]testFunc{
		"defined":   plain(func(v value) bool { _, ok := v.(*undef); return !ok }),
		"undefined": plain(func(v value) bool { _, ok := v.(*undef); return ok }),
		"none":      plain(func(v value) bool { return v == nil }),
		"boolean":   plain(func(v value) bool { _, ok := v.(bool); return ok }),
		"true":      plain(func(v value) bool { return v == true }),
		"false":     plain(func(v value) bool { return v == false }),
		"integer":   plain(func(v value) bool { _, ok := v.(int64); return ok }),
		"float":     plain(func(v value) bool { _, ok := v.(float64); return ok }),
		"number":    plain(func(v value) bool { return numeric(v) > 0 }),
		"string":    plain(func(v value) bool { _, ok := text(v); return ok }),
		"mapping":   plain(func(v value) bool { _, ok := v.(*dict); return ok }),
		"escaped":   plain(isSafe),
		"callable":  plain(isCallable),
		"sequence":  plain(isSequence),
		"iterable":  func(r *run, in value, a args) bool { r.bind("iterable", a); return r.tryIter(in) != nil },
		"lower":     func(r *run, in value, a args) bool { r.bind("lower", a); return r.classTest(in, isLower) },
		"upper":     func(r *run, in value, a args) bool { r.bind("upper", a); return r.classTest(in, isUpper) },
		"odd":       func(r *run, in value, a args) bool { r.bind("odd", a); return r.remainder(in, int64(2), 1) },
		"even":      func(r *run, in value, a args) bool { r.bind("even", a); return r.remainder(in, int64(2), 0) },
		"divisibleby": func(r *run, in value, a args) bool {
			return r.remainder(in, r.bind("divisibleby", a, "num").v[0], 0)
		},
		"sameas": func(r *run, in value, a args) bool { return identical(in, r.bind("sameas", a, "other").v[0]) },
		"in":     func(r *run, in value, a args) bool { return r.contains(r.bind("in", a, "seq").v[0], in) },
		"filter": func(r *run, in value, a args) bool { r.bind("filter", a); return knownText(filters, in) },
		"test":   func(r *run, in value, a args) bool { r.bind("test", a); return knownText(tests, in) },
	}
	for op, names := range map[string][]string{"==": {"==", "eq", "equalto"}, "!=": {"!=", "ne"},
		">": {">", "gt", "greaterthan"}, ">=": {">=", "ge"}, "<": {"<", "lt", "lessthan"}, "<=": {"<=", "le"}} {
		for _, name := range names {
			tests[name] = func(r *run, in value, a args) bool {
				return r.compare(op, in, r.bind(name, a, "other").v[0])
			}
		}
	}
}

func plain(ok func(v value) bool) testFunc {
	return func(r *run, in value, a args) bool {
		r.bind("the test", a)
		return ok(in)
	}
}

func knownText[T any](table map[string]T, v value) bool {
	name, ok := text(v)
	return ok && known(table, name)
}

func isCallable(v value) bool {
	switch v.(type) {
	case *macro, *loop, *builtin, *method, *joiner, *undef: // Undefined has __call__, which fails
		return true
	}
	return false
}

// isSequence tells whether v has a length and can be indexed.
func isSequence(v value) bool {
	switch v.(type) {
	case str, *list, *tuple, *dict, *span, *undef:
		return true
	}
	return false
}

func (r *run) classTest(v value, ok func(string) bool) bool {
	t := r.str(v).s
	r.scan(t)
	return ok(t)
}

// remainder tells whether v % n == want.
func (r *run) remainder(v, n value, want int64) bool {
	return r.equal(r.binary("%", v, n), want)
}
