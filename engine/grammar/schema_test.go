package grammar

import (
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var suite = flag.String("suite", "", "a checkout of the JSON-Schema-Test-Suite, whose draft 2020-12 TestSuite goes through")

// validator returns the oracle for a schema.
func validator(t fatal, raw string) *jsonschema.Schema {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return s
}

// checkValid writes texts of a schema and checks them with the oracle. It returns how many have ended.
func checkValid(t fatal, raw string, g *Grammar, r *rand.Rand, n int) (ended int) {
	t.Helper()
	s, d := validator(t, raw), NewDecoder(g, vocabulary)
	for range n {
		text, ok := write(t, d, r)
		if !ok {
			continue
		}
		ended++
		if !json.Valid([]byte(text)) {
			t.Fatalf("%s: %q is no JSON", raw, text)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err == nil {
			err = s.Validate(v)
		}
		if err != nil {
			t.Fatalf("%s: %q is not valid: %v", raw, text, err)
		}
	}
	return ended
}

// TestSuite goes through the public test suite: what is not supported is refused, what is written is valid, and no invalid instance matches.
func TestSuite(t *testing.T) {
	if *suite == "" {
		t.Skip("no -suite")
	}
	files, err := filepath.Glob(filepath.Join(*suite, "tests/draft2020-12/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	compiled, refused, matched, valid := 0, 0, 0, 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var groups []struct {
			Description string
			Schema      json.RawMessage
			Tests       []struct {
				Description string
				Data        json.RawMessage
				Valid       bool
			}
		}
		if err := json.Unmarshal(raw, &groups); err != nil {
			t.Fatal(err)
		}
		for _, group := range groups {
			g, err := Parse(Spec{Schema: group.Schema})
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%s, %s: %v", filepath.Base(file), group.Description, err)
			}
			if err != nil {
				refused++
				t.Logf("%s, %s: %v", filepath.Base(file), group.Description, err)
				continue
			}
			compiled++
			t.Run(filepath.Base(file)+"/"+group.Description, func(t *testing.T) {
				for _, test := range group.Tests {
					v, err := decodeJSON(test.Data)
					if err != nil {
						continue // a name twice, or nested too deep
					}
					is := is(g, encodeJSON(v))
					if is && !test.Valid {
						t.Errorf("%s: %s matches %s", group.Schema, test.Data, test.Description)
					}
					if test.Valid {
						valid++
						if is {
							matched++
						} else {
							t.Logf("%s: does not match %s", group.Schema, test.Data)
						}
					}
				}
				checkValid(t, string(group.Schema), g, rand.New(rand.NewPCG(1, 2)), 20)
			})
		}
	}
	t.Logf("%d compiled, %d refused; of the valid instances %d of %d match", compiled, refused, matched, valid)
}
