package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"soberano/engine/grammar"
)

// formFlags are the flags that say which form an answer must have.
type formFlags struct {
	schema, grammar, regex string
	choices                []string
	spec                   grammar.Spec // what they say; set by read
}

func (f *formFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.schema, "json-schema", "", "the answer is JSON that is valid by this schema, a `file` or the schema itself ({…})")
	fs.StringVar(&f.grammar, "grammar", "", "the answer follows the grammar in this `file`, in GBNF, the notation of llama.cpp")
	fs.StringVar(&f.regex, "regex", "", "the whole answer matches this regular `expression`")
	fs.StringArrayVar(&f.choices, "choice", nil, "the answer is this `text`, or another --choice")
}

// mostForm is the largest number of bytes of a schema or grammar that is read.
const mostForm = 4 << 20

// read reads the files and checks that the form can be followed.
func (f *formFlags) read(fs *pflag.FlagSet) error {
	given := 0
	for _, name := range []string{"json-schema", "grammar", "regex", "choice"} {
		if fs.Changed(name) {
			given++
		}
	}
	switch {
	case given == 0:
		return nil
	case given > 1:
		return usagef("an answer has one form: give one of --json-schema, --grammar, --regex and --choice")
	}
	s := grammar.Spec{Regex: f.regex, Choices: f.choices}
	if fs.Changed("json-schema") {
		text, err := f.schema, error(nil)
		if !strings.HasPrefix(strings.TrimSpace(text), "{") {
			text, err = readForm(text)
		}
		if err != nil {
			return err
		}
		s.Schema = json.RawMessage(text)
	}
	if fs.Changed("grammar") {
		text, err := readForm(f.grammar)
		if err != nil {
			return err
		}
		s.GBNF = text
	}
	if s.IsZero() {
		return usagef("the form of the answer is empty")
	}
	if _, err := grammar.Parse(s); err != nil {
		return usagef("%s", strings.TrimPrefix(err.Error(), "grammar: "))
	}
	f.spec = s
	return nil
}

// readForm reads a file with a schema or a grammar.
func readForm(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostForm+1))
	if err == nil && len(text) > mostForm {
		err = fmt.Errorf("%s is larger than a schema or grammar can be", path)
	}
	return string(text), err
}
