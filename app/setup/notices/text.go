package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// heading opens assets/notices.txt.
const heading = `Notices of third parties

Soberano is under the Apache License 2.0. It contains, or fetches when it is set up, what others made and licensed
as listed here; the texts of their licences follow. "make notices" makes this file from what is linked into the
program with its window (Linux) and into the command line (Linux, Windows, macOS).

`

// rule separates the licences.
var rule = strings.Repeat("=", 100) + "\n"

// notices is the text of assets/notices.txt: a list of components, then each licence text once, under the names of
// the components that it belongs to.
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

// title is the component's name with its version.
func (c component) title() string { return strings.TrimSpace(c.name + " " + c.version) }

func sortComponents(list []component) {
	slices.SortFunc(list, func(a, b component) int { return cmp.Compare(a.name, b.name) })
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
