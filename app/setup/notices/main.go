// Command notices writes the third-party notices and the bill of materials of everything that is linked into the
// programs: assets/notices.txt with the text of every licence, which `soberano licenses` prints, and
// assets/bom.cdx.json in the CycloneDX format. It must be run in the root of the project.
//
//	notices           writes both files
//	notices -check    fails if one of them differs from what would be written
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "compare the files with what would be written, and write nothing")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	files, err := generate()
	if err != nil {
		return err
	}
	if check {
		return compare(files)
	}
	for _, f := range files {
		if err := os.WriteFile(f.path, f.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare returns an error that names the files whose contents differ from the given ones.
func compare(files []file) error {
	var old []string
	for _, f := range files {
		have, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		if !bytes.Equal(have, f.data) {
			old = append(old, f.path)
		}
	}
	if len(old) > 0 {
		return fmt.Errorf("%s: not current; `make notices` writes what belongs there", strings.Join(old, ", "))
	}
	return nil
}

// file is one of the generated files.
type file struct {
	path string
	data []byte
}

// generate returns both files with their contents.
func generate() ([]file, error) {
	modules, system, err := linked()
	if err != nil {
		return nil, err
	}
	var all []component
	for _, m := range modules {
		c, err := m.component()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	extra, err := others()
	if err != nil {
		return nil, err
	}
	all = append(all, extra...)
	bom, err := billOfMaterials(all, system)
	if err != nil {
		return nil, err
	}
	return []file{{"assets/notices.txt", notices(all, system)}, {"assets/bom.cdx.json", bom}}, nil
}
