package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is an error in the use of the command line: exit code 2. Its text names the mistake, and the most similar correct
// word if there is one.
type usageError struct{ error }

func (usageError) inWords() {}

// usagef returns a usageError.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// hint says how to get help for a command.
func hint(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "`soberano --help` lists the commands"
	}
	return "`" + cmd.CommandPath() + " --help` shows how it is used"
}

// arguments turns the error of a check of positional arguments into a usage error.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		_, wants, _ := strings.Cut(cmd.Use, " ")
		switch {
		case err == nil:
			return nil
		case cmd.HasSubCommands():
			cmd.SuggestionsMinimumDistance = 2
			return usagef("there is no command %q%s", args[0], didYouMean("", cmd.SuggestionsFor(args[0])))
		case len(args) == 0:
			return usagef("%s is missing", wants)
		}
		takes := min(len(strings.Fields(wants)), len(args)-1)
		return usagef("unexpected argument %q; usage: %s", args[takes], cmd.UseLine())
	}
}

func didYouMean(dashes string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + dashes + names[0] + "?"
}

// flagError explains an error of an option.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return usageError{noSuchFlag(cmd, e)}
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usagef("--%s needs a value", e.GetFlag().Name)
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usagef("--%s: %s", e.GetFlag().Name, badValue(e))
	}
	return usageError{err}
}

func noSuchFlag(cmd *cobra.Command, e *pflag.NotExistError) error {
	option, file := "--"+e.GetSpecifiedName(), "--"+e.GetSpecifiedName()
	advice := ""
	if letters := e.GetSpecifiedShortnames(); letters != "" {
		option, file = option[1:], "-"+letters
	} else {
		advice = didYouMean("--", nearest(e.GetSpecifiedName(), cmd.Flags()))
	}
	if _, err := os.Lstat(file); err == nil {
		advice = fmt.Sprintf("; for the file of that name write ./%s", file)
	}
	return fmt.Errorf("there is no option %s%s", option, advice)
}

// values describes the types of options in words.
var values = map[string]string{"int": "a whole number", "uint64": "a whole number, not negative", "float32": "a number", "float64": "a number",
	"float32Slice": "numbers with commas between", "int32Slice": "whole numbers with commas between", "intSlice": "whole numbers with commas between", "duration": "a time as in 1.5s", "bool": "true or false"}

func badValue(e *pflag.InvalidValueError) string {
	switch want := values[e.GetFlag().Value.Type()]; {
	case errors.Is(e, strconv.ErrRange):
		return fmt.Sprintf("%s is out of range", e.GetValue())
	case want != "":
		return fmt.Sprintf("%q is not %s", e.GetValue(), want)
	}
	return e.Unwrap().Error()
}

// nearest returns the option whose name is most similar to an unknown one, if it is similar enough.
func nearest(name string, fs *pflag.FlagSet) (found []string) {
	best := 3
	fs.VisitAll(func(f *pflag.Flag) {
		if d := distance(name, f.Name); d < best && d < len(name) {
			best, found = d, []string{f.Name}
		}
	})
	return found
}

// distance returns the Levenshtein distance: the number of letters to change, insert or remove.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := last
			if a[i] != b[j] {
				d++
			}
			last = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
