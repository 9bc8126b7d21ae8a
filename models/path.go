package models

import (
	"encoding/json"
	"unicode/utf8"
)

// Path is the path of a file in JSON. The names of files may be any bytes, and JSON holds characters only: a path that is not valid
// UTF-8 is an object with its bytes.
//
//	"/home/ada/talk.wav"        {"base64":"L2hvbWUvYWRhL3T/bGsud2F2"}
type Path string

// pathBytes is the JSON of a path that is not valid UTF-8.
type pathBytes struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (p Path) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(p)) {
		return json.Marshal(string(p))
	}
	return json.Marshal(pathBytes{[]byte(p)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Path) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var bytes pathBytes
		err := json.Unmarshal(b, &bytes)
		*p = Path(bytes.Base64)
		return err
	}
	return json.Unmarshal(b, (*string)(p))
}
