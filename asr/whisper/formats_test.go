package whisper

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/asr/mel"
	"soberano/asr/whisper/convert"
	"soberano/engine/token"
	"soberano/kernels/cpu"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/ctranslate2"
	"soberano/models/defaults"
	"soberano/models/ggml"
	"soberano/models/safetensors"
)

// form is a file format and type of the real weights, with the largest difference of the encoder's
// values from the reference in float32: mean of |difference| / mean of |value|.
type form struct {
	format string
	typ    quant.Type
	model  string
	mean   float64
}

// Each bit less doubles the step between two weights, and with it the difference.
var forms = []form{
	{"ggml", quant.F32, "whisper-tiny.en", 1e-4},
	{"ggml", quant.F16, "whisper-base", 1e-4},
	{"ggml", quant.Q8_0, "whisper-tiny.en", 0.04},
	{"ggml", quant.Q6_K, "whisper-base", 0.08}, // 384 columns are no whole blocks of K types
	{"ggml", quant.Q5_0, "whisper-tiny.en", 0.15},
	{"ggml", quant.Q5_1, "whisper-tiny.en", 0.15},
	{"ggml", quant.Q5_K, "whisper-base", 0.3}, // with the values of Q4_K
	{"ggml", quant.Q4_0, "whisper-base", 0.3},
	{"ggml", quant.Q4_1, "whisper-tiny.en", 0.3},
	{"ggml", quant.Q4_K, "whisper-base", 0.3},
	{"safetensors", quant.F32, "whisper-tiny.en", 1e-4},
	{"safetensors", quant.F16, "whisper-base", 1e-4},
	{"safetensors", quant.BF16, "whisper-tiny.en", 0.04}, // multiplied in 8 bits, as the device does
	{"apr", quant.F16, "whisper-tiny.en", 1e-4},
	{"apr", convert.APRQ8, "whisper-tiny.en", 0.15},
	{"apr", convert.APRQ4, "whisper-base", 0.4},
}

// write converts the real weights and opens the result.
func (c form) write(t *testing.T) *models.File {
	t.Helper()
	source, err := ctranslate2.Open(defaults.Need(t, c.model))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	path := filepath.Join(t.TempDir(), "model")
	var f *models.File
	switch c.format {
	case "ggml":
		convert.GGML(t, path, source, c.typ)
		f, err = ggml.Open(path)
	case "apr":
		convert.APR(t, path, source, c.typ)
		f, err = apr.Open(path)
	default:
		dir := t.TempDir()
		convert.Safetensors(t, dir, source, c.typ, c.typ == quant.F32)
		f, err = safetensors.Open(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// openForm opens a file of any format as a model.
func openForm(t *testing.T, f *models.File, o cpu.Options) (*Slot, *token.Tokenizer) {
	t.Helper()
	text, err := Text(f)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onCPU(f, o, text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.end() })
	return newSlot(t, m), text
}

// TestForms: the real weights in every form give the reference's encoder values, as closely as their
// types allow, and the same transcript.
func TestForms(t *testing.T) {
	if testing.Short() {
		t.Skip("converts 16 models")
	}
	frames := mel.New(80).Frames(clip(t, "jfk.wav"), 3000)
	for _, c := range forms {
		t.Run(fmt.Sprintf("%s/%d/%s", c.format, c.typ, c.model), func(t *testing.T) {
			f := c.write(t)
			m, text := openForm(t, f, cpu.Options{Floats: cpu.Bits8})
			measured := m
			if c.typ == quant.F32 || c.typ == quant.F16 { // nothing but the names differs
				measured, _ = openForm(t, f, cpu.Options{Exact: true})
			}
			want := readFloats(t, filepath.Join("testdata", c.model[len("whisper-"):]+"_encoder_jfk.f32"))
			mean := difference(t, measured, frames, want)
			t.Logf("mean difference %.2g of the mean value", mean)
			if !(mean < c.mean) {
				t.Errorf("mean difference %g of the mean value, want under %g", mean, c.mean)
			}
			original := newSlot(t, openModel(t, c.model, false))
			if m.Dims != original.Dims || m.Specials != original.Specials {
				t.Errorf("%+v %+v, want %+v %+v", m.Dims, m.Specials, original.Dims, original.Specials)
			}
			if got, want := ids(m.suppress), ids(original.suppress); !slices.Equal(got, want) {
				t.Errorf("suppressed are %v, want %v", got, want)
			}
			if got, want := ids(m.suppressFirst), ids(original.suppressFirst); !slices.Equal(got, want) {
				t.Errorf("suppressed at first are %v, want %v", got, want)
			}
			r, err := m.Window(context.Background(), frames, Options{Language: "en"})
			if err != nil {
				t.Fatal(err)
			}
			if spoken(r.Text) != jfk {
				t.Errorf("heard %q", r.Text)
			}
			if got := string(text.Decode(text.Encode(" naïve 日本語", token.Options{}))); got != " naïve 日本語" {
				t.Errorf("the tokenizer makes %q", got)
			}
		})
	}
}

const jfk = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"

// spoken returns a text without punctuation, which differs with fewer bits.
func spoken(text string) string {
	return strings.ToLower(strings.NewReplacer(",", "", ".", "").Replace(text))
}

// ids returns sorted ids without duplicates.
func ids(list []int32) []int32 {
	list = slices.Sorted(slices.Values(list))
	return slices.Compact(list)
}

// difference returns the difference of every tenth row of the encoder's output from want: the mean of
// |difference| / mean of |value|.
func difference(t *testing.T, m *Slot, frames, want []float32) float64 {
	t.Helper()
	var diff, size float64
	x := m.encoded(t, frames)
	for r := 0; r < x.Len; r += 10 {
		for i, v := range x.Row(r) {
			w := float64(want[r/10*m.State+i])
			diff, size = diff+math.Abs(float64(v)-w), size+math.Abs(w)
		}
	}
	return diff / size
}
