package grammar

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode"
)

// parseRegex compiles a regular expression that the whole text matches.
func parseRegex(text string) (*Grammar, error) {
	e, err := regexExpr(text, plain, nil)
	if err != nil {
		return nil, &Error{Kind: "regular expression", Reason: err.Error()}
	}
	b := newBuilder()
	b.rule("root", e)
	return b.finish("regular expression")
}

// spelling is how the characters of a regular expression stand in the text.
type spelling func(runes) expr

// plain: as they are.
func plain(r runes) expr { return r }

// regexExpr returns the expression of a regular expression. around is what may stand before and behind what is not anchored; nil: nothing.
func regexExpr(text string, spell spelling, around expr) (expr, error) {
	if len(text) > maxRegex {
		return nil, fmt.Errorf("it has %d bytes, at most %d are compiled", len(text), maxRegex)
	}
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return withAround(re, spell, around, 0)
}

// withAround converts each alternative with what may stand around it.
func withAround(re *syntax.Regexp, spell spelling, around expr, depth int) (expr, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	if re.Op == syntax.OpAlternate || re.Op == syntax.OpCapture {
		all := alt{}
		for _, sub := range re.Sub {
			e, err := withAround(sub, spell, around, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
		return all, nil
	}
	re, begin, end := anchors(re)
	e, err := convert(re, spell, depth)
	if err != nil || around == nil {
		return e, err
	}
	if !begin {
		e = seq{around, e}
	}
	if !end {
		e = seq{e, around}
	}
	return e, nil
}

// anchors takes the anchors at the ends of an expression away.
func anchors(re *syntax.Regexp) (rest *syntax.Regexp, begin, end bool) {
	switch re.Op {
	case syntax.OpBeginText:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}, true, false
	case syntax.OpEndText:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}, false, true
	case syntax.OpConcat:
		sub := slices.Clone(re.Sub)
		for len(sub) > 0 && sub[0].Op == syntax.OpBeginText {
			sub, begin = sub[1:], true
		}
		for len(sub) > 0 && sub[len(sub)-1].Op == syntax.OpEndText {
			sub, end = sub[:len(sub)-1], true
		}
		return &syntax.Regexp{Op: syntax.OpConcat, Sub: sub}, begin, end
	}
	return re, false, false
}

func convert(re *syntax.Regexp, spell spelling, depth int) (expr, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	switch re.Op {
	case syntax.OpNoMatch:
		return alt{}, nil
	case syntax.OpEmptyMatch:
		return seq{}, nil
	case syntax.OpLiteral:
		var s seq
		for _, r := range re.Rune {
			s = append(s, spell(folded(r, re.Flags&syntax.FoldCase != 0)))
		}
		return s, nil
	case syntax.OpCharClass:
		return spell(runes(re.Rune)), nil
	case syntax.OpAnyChar:
		return spell(anyRune), nil
	case syntax.OpAnyCharNotNL:
		return spell(runes{'\n', '\n'}.except()), nil
	case syntax.OpCapture, syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return convertRepeat(re, spell, depth)
	case syntax.OpConcat, syntax.OpAlternate:
		var all []expr
		for _, sub := range re.Sub {
			e, err := convert(sub, spell, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
		if re.Op == syntax.OpConcat {
			return seq(all), nil
		}
		return alt(all), nil
	}
	return nil, fmt.Errorf("%s is not supported but for ^ and $ at the ends of the whole expression", re)
}

func convertRepeat(re *syntax.Regexp, spell spelling, depth int) (expr, error) {
	e, err := convert(re.Sub[0], spell, depth+1)
	if err != nil {
		return nil, err
	}
	switch re.Op {
	case syntax.OpStar:
		return repeat{e, 0, -1}, nil
	case syntax.OpPlus:
		return repeat{e, 1, -1}, nil
	case syntax.OpQuest:
		return optional(e), nil
	case syntax.OpRepeat:
		return repeat{e, re.Min, re.Max}, nil
	}
	return e, nil
}

// folded returns a character, with those that differ from it in case only.
func folded(r rune, fold bool) runes {
	out := runes{r, r}
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			out = append(out, f, f)
		}
	}
	return out
}
