package locale

import "testing"

func TestNamed(t *testing.T) {
	for _, c := range []struct{ locale, list, want string }{
		{"de_AT.UTF-8", "", "de"}, {"fr", "", "fr"}, {"sr@latin", "", "sr"}, {"nb_NO.UTF-8", "", "no"}, {"pt-BR", "", "pt"},
		{"C.UTF-8", "", ""}, {"POSIX", "de", ""}, {"", "", ""}, {"de_DE.UTF-8", "es:en", "es"}, {"de_DE.UTF-8", "C", "de"},
	} {
		if got := named(c.locale, c.list); got != c.want {
			t.Errorf("named(%q, %q) = %q, want %q", c.locale, c.list, got, c.want)
		}
	}
}
