package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"soberano/app/cli"
)

// The parts of a CycloneDX 1.6 document that are used (cyclonedx.org/docs/1.6/json). There is no time and no serial
// number, so the same source always gives the same file.
type (
	bomFile struct {
		Schema       string          `json:"$schema"`
		Format       string          `json:"bomFormat"`
		Spec         string          `json:"specVersion"`
		Version      int             `json:"version"`
		Metadata     bomMetadata     `json:"metadata"`
		Components   []bomComponent  `json:"components"`
		Dependencies []bomDependency `json:"dependencies"`
	}
	bomMetadata struct {
		Component bomComponent `json:"component"`
	}
	bomComponent struct {
		Type       string        `json:"type"`
		Ref        string        `json:"bom-ref"`
		Name       string        `json:"name"`
		Version    string        `json:"version,omitempty"`
		Scope      string        `json:"scope,omitempty"`
		Hashes     []bomHash     `json:"hashes,omitempty"`
		Licences   []bomLicence  `json:"licenses,omitempty"`
		PURL       string        `json:"purl,omitempty"`
		Properties []bomProperty `json:"properties,omitempty"`
	}
	bomHash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	// bomLicence is either a licence or an expression.
	bomLicence struct {
		Licence    *bomLicenceName `json:"license,omitempty"`
		Expression string          `json:"expression,omitempty"`
	}
	// bomLicenceName is an SPDX identifier or, where SPDX has none, a name.
	bomLicenceName struct {
		ID   string `json:"id,omitempty"`
		Name string `json:"name,omitempty"`
	}
	bomProperty struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	bomDependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}
)

// billOfMaterials returns the content of assets/bom.cdx.json.
func billOfMaterials(list []component, system []string) ([]byte, error) {
	main := bomComponent{Type: "application", Ref: "soberano", Name: "soberano", Version: cli.Version, Licences: licences("Apache-2.0")}
	f := bomFile{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: bomMetadata{main}}
	refs, needed := map[string]string{}, map[string]bool{}
	for _, c := range list {
		refs[c.name] = c.ref()
		for _, n := range c.needs {
			needed[n] = true
		}
	}
	root := bomDependency{Ref: main.Ref}
	var rest []bomDependency
	for _, c := range list {
		f.Components = append(f.Components, c.bom())
		if !needed[c.name] {
			root.DependsOn = append(root.DependsOn, c.ref())
		}
		if c.kind == "library" {
			d := bomDependency{Ref: c.ref(), DependsOn: []string{}}
			for _, n := range c.needs {
				d.DependsOn = append(d.DependsOn, refs[n])
			}
			rest = append(rest, d)
		}
	}
	for _, name := range system {
		c := bomComponent{Type: "library", Ref: "system:" + name, Name: name, Scope: "excluded",
			Properties: []bomProperty{{"soberano:part-of", "the system; the window is linked to it when it starts"}}}
		f.Components = append(f.Components, c)
	}
	f.Dependencies = append([]bomDependency{root}, rest...)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(f)
	return b.Bytes(), err
}

func (c component) ref() string {
	if c.purl != "" {
		return c.purl
	}
	return c.name
}

func (c component) bom() bomComponent {
	b := bomComponent{Type: c.kind, Ref: c.ref(), Name: c.name, Version: c.version, PURL: c.purl, Licences: licences(c.licence)}
	if c.sha256 != "" {
		b.Hashes = []bomHash{{"SHA-256", c.sha256}}
	}
	for _, p := range c.programs {
		b.Properties = append(b.Properties, bomProperty{"soberano:part-of", p})
	}
	if slices.Contains(c.programs, fetched) {
		b.Scope = "optional"
	}
	if c.sum != "" {
		b.Properties = append(b.Properties, bomProperty{"soberano:go.sum", c.sum})
	}
	return b
}

// licences converts an SPDX expression to the form of CycloneDX.
func licences(expression string) []bomLicence {
	switch name, own := strings.CutPrefix(expression, "LicenseRef-"); {
	case own:
		return []bomLicence{{Licence: &bomLicenceName{Name: name}}}
	case strings.Contains(expression, " "):
		return []bomLicence{{Expression: expression}}
	}
	return []bomLicence{{Licence: &bomLicenceName{ID: expression}}}
}
