package serve

import (
	"crypto/rand"
	"encoding/json"
	"strconv"
)

// probeTool is a list of tools with one tool.
var probeTool = json.RawMessage(`[{"type":"function","function":{"name":"probe","description":"Probe.","parameters":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}}}]`)

// newID returns an identifier that no other has.
func newID(prefix string) string { return prefix + rand.Text() }

// number returns a number as it is written in JSON.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
