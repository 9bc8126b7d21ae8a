// Package setup contains scripts and their tests, but no Go code.
package setup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVulnerabilities runs the script with programs that behave like govulncheck. The script must fail for a finding and
// for any error except an unreachable database, for which it must print a message.
func TestVulnerabilities(t *testing.T) {
	for _, c := range []struct {
		behaviour string // of the program, in sh
		code      int
		says      string
	}{
		{"echo 'No vulnerabilities found.'", 0, "No vulnerabilities found."},
		{"echo 'Vulnerability #1: GO-2026-0001'; exit 3", 3, "GO-2026-0001"},
		{"echo 'Vulnerability #1: GO-2026-0001'; echo 'govulncheck: fetching vulnerabilities: again' >&2; exit 3", 3, "GO-2026-0001"},
		{"echo 'govulncheck: fetching vulnerabilities: Get: no such host' >&2; exit 1", 0, "SKIPPED"},
		{"echo 'govulncheck: loading packages: no such folder' >&2; exit 1", 1, "no such folder"},
		{`test "$1 $2 $3" = "-db file:///db ./here" || exit 9`, 0, ""},
	} {
		program := filepath.Join(t.TempDir(), "govulncheck")
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+c.behaviour+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "vulnerabilities.sh", program, "./here")
		cmd.Env = append(cmd.Environ(), "GOVULNDB=file:///db")
		out, err := cmd.CombinedOutput()
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: exit code %d, %q; want %d and %q", c.behaviour, code, out, c.code, c.says)
		}
	}
}
