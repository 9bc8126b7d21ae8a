package serve

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// The parts of an OpenAPI description (spec.openapis.org/oas/v3.1.0) that are used here.
type (
	openAPI struct {
		OpenAPI    string                                 `json:"openapi"`
		Info       openAPIInfo                            `json:"info"`
		Paths      map[string]map[string]openAPIOperation `json:"paths"`
		Components openAPIComponents                      `json:"components"`
		Security   []map[string][]string                  `json:"security"`
	}
	openAPIInfo struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	}
	openAPIOperation struct {
		Summary    string                    `json:"summary"`
		Tags       []string                  `json:"tags"`
		Parameters []openAPIParameter        `json:"parameters,omitempty"`
		Body       *openAPIContent           `json:"requestBody,omitempty"`
		Responses  map[string]openAPIContent `json:"responses"`
		Security   *[]map[string][]string    `json:"security,omitempty"` // empty: no key is needed
	}
	openAPIParameter struct {
		Name     string         `json:"name"`
		In       string         `json:"in"`
		Required bool           `json:"required"`
		Schema   map[string]any `json:"schema"`
	}
	openAPIContent struct {
		Description string                  `json:"description"`
		Required    bool                    `json:"required,omitempty"`
		Content     map[string]openAPIMedia `json:"content,omitempty"`
	}
	openAPIMedia struct {
		Schema map[string]any `json:"schema"`
	}
	openAPIComponents struct {
		Schemas         map[string]any `json:"schemas"`
		SecuritySchemes map[string]any `json:"securitySchemes"`
	}
)

// showOpenAPI answers GET /openapi.json.
func showOpenAPI(c *call) error { return c.reply(http.StatusOK, describeRoutes(c.version)) }

// pathParameter matches a parameter in a path.
var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// describeRoutes returns the description of all routes. It is made of the table of routes and of their wire types.
func describeRoutes(version string) openAPI {
	d := openAPI{OpenAPI: "3.1.0", Info: openAPIInfo{"Soberano", version}, Paths: map[string]map[string]openAPIOperation{}, Security: []map[string][]string{{"key": {}}},
		Components: openAPIComponents{map[string]any{}, map[string]any{"key": map[string]any{"type": "http", "scheme": "bearer"}}}}
	s := schemas{d.Components.Schemas}
	for _, r := range routes() {
		path := strings.ReplaceAll(r.path, "{$}", "")
		if d.Paths[path] == nil {
			d.Paths[path] = map[string]openAPIOperation{}
		}
		d.Paths[path][strings.ToLower(r.method)] = r.describe(s)
	}
	return d
}

// describe returns the description of a route.
func (r *route) describe(s schemas) openAPIOperation {
	op := openAPIOperation{Summary: r.summary, Tags: []string{r.dialect.name}, Responses: map[string]openAPIContent{}}
	for _, m := range pathParameter.FindAllStringSubmatch(r.path, -1) {
		op.Parameters = append(op.Parameters, openAPIParameter{m[1], "path", true, map[string]any{"type": "string"}})
	}
	switch {
	case r.form:
		op.Body = &openAPIContent{Description: "A form with a file", Required: true, Content: map[string]openAPIMedia{"multipart/form-data": {audioForm}}}
	case r.request != nil:
		op.Body = &openAPIContent{Description: "The request", Required: true, Content: map[string]openAPIMedia{"application/json": {s.of(reflect.TypeOf(r.request))}}}
	}
	ok := openAPIContent{Description: "The answer"}
	if r.response != nil {
		ok.Content = map[string]openAPIMedia{"application/json": {s.of(reflect.TypeOf(r.response))}}
	}
	op.Responses["200"] = ok
	_, body := r.dialect.fail(&failure{})
	op.Responses["default"] = openAPIContent{Description: "What is wrong", Content: map[string]openAPIMedia{"application/json": {s.of(reflect.TypeOf(body))}}}
	if r.open {
		op.Security = &[]map[string][]string{}
	}
	return op
}

// audioForm describes the form of a request with a recording.
var audioForm = map[string]any{"type": "object", "required": []string{"file"}, "additionalProperties": false, "properties": map[string]any{
	"file": map[string]any{"type": "string", "format": "binary"}, "model": map[string]any{"type": "string"}, "language": map[string]any{"type": "string"}, "prompt": map[string]any{"type": "string"},
	"response_format": map[string]any{"enum": []string{"json", "text", "srt", "verbose_json", "vtt"}}, "temperature": map[string]any{"type": "number", "minimum": 0, "maximum": 1}, "stream": map[string]any{"type": "boolean"},
	"timestamp_granularities": map[string]any{"type": "array", "items": map[string]any{"enum": []string{"word", "segment"}}},
}}

// schemas are the JSON schemas of wire types, by name.
type schemas struct{ named map[string]any }

// several are the schemas of types that read several forms.
var several = map[reflect.Type]map[string]any{
	reflect.TypeFor[texts]():           {"anyOf": []any{kindOf("string"), listOf(kindOf("string")), kindOf("null")}},
	reflect.TypeFor[prompts]():         {"anyOf": []any{kindOf("string"), listOf(kindOf("string")), listOf(kindOf("integer")), listOf(listOf(kindOf("integer")))}},
	reflect.TypeFor[toolChoice]():      {"anyOf": []any{kindOf("string"), kindOf("object")}},
	reflect.TypeFor[ollamaFormat]():    {"anyOf": []any{map[string]any{"const": "json"}, kindOf("object")}},
	reflect.TypeFor[ollamaThink]():     {"anyOf": []any{kindOf("boolean"), kindOf("string")}},
	reflect.TypeFor[document]():        {"anyOf": []any{kindOf("string"), kindOf("object")}},
	reflect.TypeFor[adapterID]():       {"anyOf": []any{kindOf("string"), kindOf("integer")}},
	reflect.TypeFor[json.RawMessage](): {},
	reflect.TypeFor[time.Time]():       {"type": "string", "format": "date-time"},
}

// textOrList are the types that read a text or a list.
var textOrList = []reflect.Type{reflect.TypeFor[chatContent](), reflect.TypeFor[anthropicContent](), reflect.TypeFor[responsesInput](), reflect.TypeFor[responsesContent]()}

func kindOf(name string) map[string]any { return map[string]any{"type": name} }

func listOf(items map[string]any) map[string]any {
	return map[string]any{"type": "array", "items": items}
}

// of returns the schema of a type.
func (s schemas) of(t reflect.Type) map[string]any {
	if schema, ok := several[t]; ok {
		return schema
	}
	for _, both := range textOrList {
		if t == both {
			return map[string]any{"anyOf": []any{kindOf("string"), listOf(s.of(t.Elem()))}}
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Slice:
		return listOf(s.of(t.Elem()))
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.object(t)
	case reflect.String:
		return kindOf("string")
	case reflect.Bool:
		return kindOf("boolean")
	case reflect.Float32, reflect.Float64:
		return kindOf("number")
	case reflect.Interface:
		return map[string]any{}
	}
	return kindOf("integer")
}

// object returns a reference to the schema of a struct.
func (s schemas) object(t reflect.Type) map[string]any {
	ref := map[string]any{"$ref": "#/components/schemas/" + t.Name()}
	if _, known := s.named[t.Name()]; known {
		return ref
	}
	properties := map[string]any{}
	s.named[t.Name()] = map[string]any{"type": "object", "properties": properties}
	s.fields(t, properties)
	return ref
}

// fields adds the fields of a struct and of those that it embeds, without those that can't be followed.
func (s schemas) fields(t reflect.Type, properties map[string]any) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			s.fields(inner, properties)
		case name != "" && f.Type != reflect.TypeFor[absent]():
			properties[name] = s.of(f.Type)
		}
	}
}
