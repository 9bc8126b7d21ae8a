// Package wording edits dictated text: it removes filler words and replaces the commands "new
// line" and "new paragraph" by line ends.
//
//	"Um, dear Ada, new line. I, uh, have to ask" ─▶ "Dear Ada,\nI have to ask"
//
// Both prefer precision. A filler is removed only if it is a word of its own that means nothing
// else in the language ("um" and "er" are words in German, "um" in Portuguese). A command is
// replaced only if it is a clause of its own, between two punctuation marks or at the end of the
// text, which is how the model writes it after a short pause: "A new line of products" and "we
// need a new line" stay. Text in other languages than those of the tables is not changed.
package wording

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Options selects the edits; the zero value selects none.
type Options struct {
	Fillers  bool // filler words are removed
	Commands bool // "new line" and "new paragraph" become line ends
}

// fillers lists filler words by language.
var fillers = map[string][]string{
	"en": {"um", "umm", "ummm", "uh", "uhh", "uhhh", "uhm", "uhmm", "erm"},
	"de": {"äh", "ähh", "ähm", "ähmm", "öh", "öhm"},
	"fr": {"euh", "euhh", "heu"},
	"es": {"ehm", "emm", "uhm"},
	"it": {"ehm", "uhm", "ehmm"},
	"nl": {"uh", "uhm", "ehm"},
	"da": {"øh", "øhm"},
	"no": {"øh", "øhm"},
	"sv": {"öh", "öhm"},
}

// commands maps commands to what replaces them, by language.
var commands = map[string]map[string]string{
	"en": {"new line": "\n", "newline": "\n", "new paragraph": "\n\n"},
	"de": {"neue zeile": "\n", "neuer absatz": "\n\n"},
	"fr": {"à la ligne": "\n", "nouvelle ligne": "\n", "nouveau paragraphe": "\n\n"},
	"es": {"nueva línea": "\n", "nuevo párrafo": "\n\n"},
	"it": {"nuova riga": "\n", "a capo": "\n", "nuovo paragrafo": "\n\n"},
	"pt": {"nova linha": "\n", "novo parágrafo": "\n\n"},
	"nl": {"nieuwe regel": "\n", "nieuwe alinea": "\n\n"},
}

// Apply returns the edited text of a segment; language is its code. The result may be empty, or
// begin and end with line ends.
func Apply(text, language string, o Options) string {
	if sounds := fillers[language]; o.Fillers && sounds != nil {
		text = withoutFillers(text, sounds)
	}
	if words := commands[language]; o.Commands && words != nil {
		text = withCommands(text, words)
	}
	return text
}

const (
	ends   = ".!?…" // marks that end a sentence
	pauses = ",;:–—"
)

// withoutFillers removes filler words and the commas around them.
func withoutFillers(text string, sounds []string) string {
	words := strings.Fields(text)
	var out []string
	raise := false // the next word begins the sentence that a removed one began
	found := false
	for _, w := range words {
		core := strings.TrimRight(w, ends+pauses)
		if !contains(sounds, strings.ToLower(core)) {
			if raise {
				w = capital(w)
			}
			out, raise = append(out, w), false
			continue
		}
		found = true
		raise = raise || isCapital(core) && (len(out) == 0 || endsIn(out[len(out)-1], ends))
		if n := len(out); n > 0 {
			out[n-1] = closed(out[n-1], w[len(core):])
		}
	}
	if !found {
		return text
	}
	return strings.Join(out, " ")
}

// closed returns the word before a removed one with the punctuation mark that followed that.
func closed(word, mark string) string {
	switch {
	case mark == "" || endsIn(word, ends):
		return word
	case endsIn(mark, pauses) || strings.Contains(mark, "…") || strings.Contains(mark, ".."):
		return strings.TrimRight(word, ",")
	}
	return strings.TrimRight(word, pauses) + mark
}

// withCommands replaces clauses that are commands by line ends.
func withCommands(text string, words map[string]string) string {
	var out strings.Builder
	from, obeys := 0, false
	for from < len(text) {
		to := from + strings.IndexAny(text[from:], ends+pauses)
		if to < from {
			to = len(text)
		}
		next := to
		for next < len(text) && strings.ContainsRune(ends+pauses, first(text[next:])) {
			next += utf8.RuneLen(first(text[next:]))
		}
		clause := strings.ToLower(strings.Join(strings.Fields(text[from:to]), " "))
		if line, ok := words[clause]; ok {
			before := strings.TrimRight(out.String(), " ")
			out.Reset()
			out.WriteString(before + line)
			obeys = true
		} else if obeys {
			out.WriteString(strings.TrimLeft(text[from:next], " "))
			obeys = false
		} else {
			out.WriteString(text[from:next])
		}
		from = next
	}
	return out.String()
}

// Join appends text to the text before it, with a space between words.
func Join(before, text string) string {
	last, _ := utf8.DecodeLastRuneInString(before)
	if before == "" || text == "" || unicode.IsSpace(last) || unicode.IsSpace(first(text)) {
		return before + text
	}
	return before + " " + text
}

func first(s string) rune { r, _ := utf8.DecodeRuneInString(s); return r }

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

func endsIn(word, marks string) bool {
	r, _ := utf8.DecodeLastRuneInString(word)
	return word != "" && strings.ContainsRune(marks, r)
}

func isCapital(word string) bool { return unicode.IsUpper(first(word)) }

func capital(word string) string {
	r, n := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(r)) + word[n:]
}
