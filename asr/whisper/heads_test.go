package whisper

import (
	"reflect"
	"testing"

	"soberano/models"
	"soberano/models/ctranslate2"
	"soberano/models/defaults"
)

// TestWordHeads: the heads by size are those that the real files list.
func TestWordHeads(t *testing.T) {
	for _, name := range []string{"whisper-base", "whisper-tiny.en"} {
		f, err := ctranslate2.Peek(defaults.Need(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c := &ct2{part{f: f}}
		d, err := c.dims()
		if err != nil {
			t.Fatal(err)
		}
		want, err := wordHeads(f, d)
		if err != nil || len(want) != 8 {
			t.Fatal(want, err)
		}
		got, err := wordHeads(&models.File{}, d)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: by size %v, in the file %v, %v", name, got, want, err)
		}
	}
	for m, list := range publishedHeads {
		for _, h := range list {
			if h[0] >= m.decoder || h[1] >= m.state/64 {
				t.Errorf("%+v: there is no head %v", m, h)
			}
		}
	}
	d := Dims{Heads: 2, DecLayers: 1}
	for config, want := range map[string]int{`{"alignment_heads":[[0,1]]}`: 1, `{}`: 0, `{"alignment_heads":null}`: 0} {
		if got, err := wordHeads(&models.File{Aux: map[string][]byte{"generation_config.json": []byte(config)}}, d); err != nil || len(got) != want {
			t.Errorf("%s: %v, %v", config, got, err)
		}
	}
	for _, config := range []string{`{"alignment_heads":[[0,2]]}`, `{"alignment_heads":[[1,0]]}`, `{"alignment_heads":[[-1,0]]}`, `{"alignment_heads":[[0,0],[0,0],[0,0]]}`, `{"alignment_heads":1}`, `{`} {
		if got, err := wordHeads(&models.File{Aux: map[string][]byte{"config.json": []byte(config)}}, d); !refused(err) {
			t.Errorf("%s: %v, %v", config, got, err)
		}
	}
}
