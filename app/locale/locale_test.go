package locale_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"fyne.io/fyne/v2/lang"

	_ "soberano/app/locale"
)

// TestMain is also the main function of a program that uses Fyne and prints the system's language.
func TestMain(m *testing.M) {
	if os.Getenv("SOBERANO_LOCALE_CHILD") != "" {
		fmt.Println(lang.SystemLocale().LanguageString())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Whatever the locale, the start of a program prints no error, and a language that is named stays the language.
func TestNoErrorAtStart(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"LANG=C.UTF-8"}, "en"}, {[]string{"LANG=C"}, "en"}, {[]string{"LC_ALL=POSIX.utf8"}, "en"}, {nil, "en"},
		{[]string{"LANG=de_AT.UTF-8"}, "de-AT"}, {[]string{"LC_ALL=C.UTF-8", "LANG=de_DE.UTF-8"}, "en"}, {[]string{"LC_MESSAGES=fr_FR", "LANG=C.UTF-8"}, "fr-FR"},
		{[]string{"LANG=C.UTF-8", "LANGUAGE=es:en"}, "es"},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append([]string{"SOBERANO_LOCALE_CHILD=1", "HOME=" + t.TempDir()}, c.env...)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if got := strings.TrimSpace(string(out)); err != nil || said.String() != "" || got != c.want {
			t.Errorf("%v: %v, the language is %q, want %q; on standard error:\n%s", c.env, err, got, c.want, said.String())
		}
	}
}
