package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"soberano/app/dictation"
	"soberano/asr"
	"soberano/asr/mic"
)

// Hints reach the model in the same way from every command.
func TestHints(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names.txt")
	if err := os.WriteFile(file, []byte("Jon Dashwoode\r\n\n Ada, Countess of Lovelace\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var h hintFlags
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	h.add(fs)
	if err := fs.Parse([]string{"--prompt", "Dear Ada,", "--vocabulary", "Soberano, Fyne,", "--vocabulary", "@" + file}); err != nil {
		t.Fatal(err)
	}
	p := asr.Params{Language: "en"}
	if err := h.into(&p); err != nil || !h.given() || p.Language != "en" || p.Prompt != "Dear Ada," ||
		!slices.Equal(p.Vocabulary, []string{"Soberano", "Fyne", "Jon Dashwoode", "Ada, Countess of Lovelace"}) {
		t.Errorf("%+v, %v", p, err)
	}
	if h = (hintFlags{}); h.given() {
		t.Error("none are given")
	}
	if h.vocabulary = []string{"@" + file + ".missing"}; h.into(&p) == nil {
		t.Error("a file that is not there is read")
	}
}

// An open window dictates with its own settings: a call with hints ends its dictation, and is refused if it would begin one
// without them.
func TestToggleWithHints(t *testing.T) {
	home(t)
	defer func(f func() error) { noMicrophone = f }(noMicrophone)
	noMicrophone = func() error { return nil }
	var said []string
	answer := dictation.Finishing
	l, err := dictation.Serve(os.Getenv("SOBERANO_HOME"), func(line string) string {
		said = append(said, line)
		return answer
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		args, answer, line string
		code               int
	}{
		{"", "recording", dictation.Toggle, 0},
		{"", dictation.Finishing, dictation.Toggle, 0},
		{"--vocabulary Soberano", dictation.Finishing, dictation.Finish, 0},
		{"--prompt Dear", "nothing is being dictated", dictation.Finish, 2},
		{"--vocabulary Soberano", "this Soberano does not understand finish", dictation.Finish, 2},
	} {
		said, answer = nil, c.answer
		_, code := verb(t, "", append([]string{"dictate", "--toggle"}, strings.Fields(c.args)...)...)
		if code != c.code || !slices.Equal(said, []string{c.line}) {
			t.Errorf("%q, answered %q: exit code %d, said %q", c.args, c.answer, code, said)
		}
	}
}

// Without a microphone, an answer that a dictation was begun is an error; an answer that one is ending is not.
func TestToggleWithoutMicrophone(t *testing.T) {
	home(t)
	defer func(f func() error) { noMicrophone = f }(noMicrophone)
	noMicrophone = func() error { return mic.ErrNone }
	answer := ""
	l, err := dictation.Serve(os.Getenv("SOBERANO_HOME"), func(string) string { return answer })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for reply, want := range map[string]int{"recording, for Soberano's own window": 1, dictation.Finishing: 0} {
		answer = reply
		if _, code := verb(t, "", "dictate", "--toggle"); code != want {
			t.Errorf("%s: exit code %d, expected %d", reply, code, want)
		}
	}
}

// The player delivers every sample and then silence, and no sample before its time.
func TestPlayer(t *testing.T) {
	samples := make([]float32, asr.SampleRate/10+7)
	for i := range samples {
		samples[i] = 1
	}
	p := &player{samples: samples, end: len(samples) + 100, began: time.Now()}
	n, sum := 0, 0
	for buf := make([]float32, 512); ; {
		k, err := p.Read(context.Background(), buf)
		for _, v := range buf[:k] {
			sum += int(v)
		}
		n += k
		if early := duration(n) - time.Since(p.began); early > 0 {
			t.Fatalf("%d samples came %v early", n, early)
		}
		if err == io.EOF {
			break
		}
	}
	if n != p.end || sum != len(samples) {
		t.Errorf("%d samples, %d of them of the clip", n, sum)
	}
}

func TestPercentile(t *testing.T) {
	v := []float64{5, 1, 4, 2, 3}
	for _, c := range []struct {
		p    int
		want float64
	}{{95, 5}, {80, 4}, {50, 3}, {1, 1}} {
		if got := percentile(v, c.p); got != c.want {
			t.Errorf("%d%%: %v, want %v", c.p, got, c.want)
		}
	}
	if percentile(nil, 95) != 0 {
		t.Error("nothing has a percentile")
	}
}
