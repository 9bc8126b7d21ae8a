package cli

import (
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
)

// TestVersionsAgree compares the files that repeat the version with the constant.
func TestVersionsAgree(t *testing.T) {
	for file, pattern := range map[string]string{
		"../../FyneApp.toml": `(?m)^Version = "(.*)"$`,
		"../../CHANGELOG.md": `(?m)^## \[(\d.*)\] - \d{4}-\d\d-\d\d$`, // the newest release is the first
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil || string(found[1]) != Version {
			t.Errorf("%s: found version %q; app/cli/version.go says %s", file, found, Version)
		}
	}
}

func TestFullVersion(t *testing.T) {
	for _, c := range []struct {
		settings []debug.BuildSetting
		want     string
	}{
		{nil, Version},
		{[]debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "false"}}, Version + " (commit 0123456789ab)"},
		{[]debug.BuildSetting{{Key: "vcs.revision", Value: "0123"}, {Key: "vcs.modified", Value: "true"}}, Version + " (commit 0123, with changes)"},
	} {
		if got := fullVersion(commit(c.settings)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.settings, got, c.want)
		}
	}
	if out, code := verb(t, "", "--version"); code != 0 || !strings.HasPrefix(out, "soberano version "+Version) {
		t.Errorf("--version: exit code %d, %q", code, out)
	}
}

func TestLicenses(t *testing.T) {
	out, code := verb(t, "", "licenses")
	if code != 0 || !strings.Contains(out, "github.com/spf13/cobra") || !strings.Contains(out, "Apache License") {
		t.Errorf("licenses: exit code %d, %d bytes", code, len(out))
	}
}
