package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// heading is the beginning of assets/notices.txt.
const heading = `Notices of third parties

Soberano is licensed under the Apache License 2.0. It contains third-party code and data, or fetches them when it is
set up, under the licences listed here; the texts of the licences follow. "make notices" generates this file from
everything that is linked into the program with its window (Linux) and into the command line program (Linux, Windows,
macOS).

`

// rule separates the licences.
var rule = strings.Repeat("=", 100) + "\n"

// notices returns the content of assets/notices.txt: a list of the components, then each licence text once, below
// the names of the components to which it applies.
func notices(all []component, system []string) []byte {
	var b strings.Builder
	b.WriteString(heading)
	under := map[string][]string{} // licence text: components
	var order []string
	for _, c := range all {
		fmt.Fprintf(&b, "- %s: %s (%s)\n", c.title(), c.licence, strings.Join(c.programs, ", "))
		for _, text := range c.texts {
			if under[text] == nil {
				order = append(order, text)
			}
			if !slices.Contains(under[text], c.title()) {
				under[text] = append(under[text], c.title())
			}
		}
	}
	fmt.Fprintf(&b, "\nThe window also uses libraries of the system, which it does not contain: %s.\n", strings.Join(system, ", "))
	for _, text := range order {
		fmt.Fprintf(&b, "\n%s%s\n%s\n%s\n", rule, strings.Join(under[text], "\n"), rule, text)
	}
	return []byte(b.String())
}

// title returns the component's name and version.
func (c component) title() string { return strings.TrimSpace(c.name + " " + c.version) }

func sortComponents(list []component) {
	slices.SortFunc(list, func(a, b component) int { return cmp.Compare(a.name, b.name) })
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
