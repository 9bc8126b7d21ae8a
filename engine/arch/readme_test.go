package arch

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var writeReadme = flag.Bool("readme", false, "write the list of families into README.md")

// TestReadme checks that README.md lists the families of the tables, or writes the lists: a line for each family, so that
// changes of different families can be merged.
func TestReadme(t *testing.T) {
	readmeList(t, "-run TestReadme -readme -->\n", families)
	readmeList(t, "-run TestReadme -readme, encoders -->\n", encoders)
}

func readmeList(t *testing.T, begin string, table map[string]family) {
	t.Helper()
	const path, end = "../../README.md", "<!-- end -->"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	got, after, ends := strings.Cut(rest, end)
	if !ok || !ends {
		t.Fatal("README.md has no place for the list of families")
	}
	want := ""
	for _, name := range slices.Sorted(maps.Keys(table)) {
		want += fmt.Sprintf("%s (`%s`),\n", table[name].title, name)
	}
	want = strings.TrimSuffix(want, ",\n") + "\n"
	switch {
	case got == want:
	case *writeReadme:
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("README.md lists other families than the table; go test ./engine/arch -run TestReadme -readme")
	}
}
