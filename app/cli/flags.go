package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"soberano/asr"
)

func modelFlag(fs *pflag.FlagSet, model *string) {
	fs.StringVarP(model, "model", "m", "", "a model of the library, or the path of one (default: the included one)")
}

func threadsFlag(fs *pflag.FlagSet, threads *int) {
	fs.VarP((*threadCount)(threads), "threads", "t", "threads (default: the physical cores, from 4 up one less)")
}

func languageFlag(fs *pflag.FlagSet, language *string, usage string) {
	fs.VarP((*spokenLanguage)(language), "language", "l", usage)
}

// threadCount is a number of threads; 0: the default.
type threadCount int

const mostThreads = 1024

func (c *threadCount) String() string { return strconv.Itoa(int(*c)) }
func (c *threadCount) Type() string   { return "number" }

// Set implements pflag.Value.
func (c *threadCount) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > mostThreads {
		return fmt.Errorf("%q is not a number from 0 to %d", text, mostThreads)
	}
	*c = threadCount(n)
	return nil
}

// spokenLanguage is a language of speech, as a code; "": to be detected.
type spokenLanguage string

func (t *spokenLanguage) String() string { return string(*t) }
func (t *spokenLanguage) Type() string   { return "name" }

// Set implements pflag.Value; it accepts a code or an English name.
func (t *spokenLanguage) Set(text string) error {
	if text == "" || text == "auto" {
		*t = ""
		return nil
	}
	code, ok := asr.LanguageCode(text)
	if !ok {
		return fmt.Errorf("%q is not known; use a code like en, de, fr, es or zh, or a name like German", text)
	}
	*t = spokenLanguage(code)
	return nil
}
