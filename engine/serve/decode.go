package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// absent is the type of a parameter that is known but can't be followed: a request may have it only if it says nothing.
type absent struct{ set bool }

// UnmarshalJSON implements json.Unmarshaler.
func (a *absent) UnmarshalJSON(raw []byte) error {
	switch string(bytes.TrimSpace(raw)) {
	case "null", "[]", "{}", "false", `""`:
	default:
		a.set = true
	}
	return nil
}

// decode reads the JSON of a body into v, a pointer to a wire type. Fields that the type does not have are refused, and so is
// anything that follows the value.
func decode(body []byte, v any) error {
	if err := strict(body, v); err != nil {
		return err
	}
	return refuseSet(reflect.ValueOf(v).Elem(), "")
}

// strict is decode without the check of what is absent, for a part of a body.
func strict(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return jsonFailure(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return refuse("", "The body has more than one JSON value.")
	}
	return nil
}

// jsonFailure puts an error of package json into the words of a failure, with the name of the parameter.
func jsonFailure(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		name := fieldName(wrong.Field)
		return refuse(name, "The parameter %q has a value of the wrong type: a JSON %s.", name, wrong.Value)
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		return &failure{class: invalid, code: "unknown_parameter", param: name, message: fmt.Sprintf("The parameter %q is not known here.", name)}
	}
	if errors.Is(err, io.EOF) {
		return refuse("", "The body is empty; a JSON object is expected.")
	}
	return refuse("", "The body is not valid JSON: %s.", strings.TrimPrefix(err.Error(), "json: "))
}

// fieldName returns the path of a field without the names of embedded types of Go, which have capitals.
func fieldName(path string) string {
	names := slices.DeleteFunc(strings.Split(path, "."), func(name string) bool { return name != strings.ToLower(name) })
	return strings.Join(names, ".")
}

// refuseSet returns the failure of the first absent field that is set in a wire type or in what it holds.
func refuseSet(v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return refuseSet(v.Elem(), path)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i := range v.Len() {
			if err := refuseSet(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[absent]() {
			if v.Field(0).Bool() {
				return unsupportedParameter(path)
			}
			return nil
		}
		return refuseSetFields(v, path)
	}
	return nil
}

func refuseSetFields(v reflect.Value, path string) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() && !field.Anonymous {
			continue
		}
		at := path
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			at = strings.TrimPrefix(path+"."+name, ".")
		}
		if err := refuseSet(v.Field(i), at); err != nil {
			return err
		}
	}
	return nil
}
