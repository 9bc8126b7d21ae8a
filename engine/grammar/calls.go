package grammar

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Function is a function that a model may call. Parameters is the JSON schema of its arguments; empty: any object.
type Function struct {
	Name       string
	Parameters json.RawMessage
}

// CallSchema returns the JSON schema of a call of one of functions: an object with the members name and arguments. References within the parameters lead to
// the same places as before.
func CallSchema(functions []Function) (json.RawMessage, error) {
	var all []string
	for i, f := range functions {
		var parameters any = &jsonObject{names: []string{"type"}, values: map[string]any{"type": "object"}}
		if len(f.Parameters) > 0 {
			v, err := decodeJSON(f.Parameters)
			if err != nil {
				return nil, &Error{Kind: kindSchema, At: "parameters of " + f.Name, Reason: err.Error()}
			}
			parameters = v
			moveRefs(v, fmt.Sprintf("#/anyOf/%d/properties/arguments", i))
		}
		all = append(all, fmt.Sprintf(`{"type":"object","properties":{"name":{"const":%s},"arguments":%s},"required":["name","arguments"],"additionalProperties":false}`, quote(f.Name), encodeJSON(parameters)))
	}
	return json.RawMessage(`{"anyOf":[` + strings.Join(all, ",") + `]}`), nil
}

// moveRefs changes the references in a schema that stands at another place of a larger one.
func moveRefs(v any, to string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			moveRefs(x, to)
		}
	case *jsonObject:
		if ref, ok := v.values["$ref"].(string); ok && strings.HasPrefix(ref, "#") {
			v.values["$ref"] = to + ref[1:]
		}
		for _, x := range v.values {
			moveRefs(x, to)
		}
	}
}
