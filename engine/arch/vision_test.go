package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/nn"
	"soberano/engine/vision"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/gguf"
)

// visionText returns a language model beside a tiny projector.
func visionText(kind string) *tiny.Source {
	s := tiny.New(kind)
	switch kind {
	case "gemma3":
		s.Tokens("<start_of_image>", "<end_of_image>")
	case "gemma4", "gemma4-e", "gemma4-moe":
		s.Tokens("<|image>", "<image|>")
	case "mistral3", "qwen2":
		s.Tokens("[IMG_END]")
	case "qwen3":
		s.Tokens("<img>", "</img>")
	case "lfm2":
		s.Tokens("<|image_start|>", "<|image_end|>", "<|img_thumbnail|>", "<|img_row_1_col_1|>", "<|img_row_1_col_2|>", "<|img_row_1_col_3|>")
	case "llama":
		s.Tokens("<fake_token_around_image>", "<global-img>", "\n", "\n\n", "<row_1_col_1>", "<row_1_col_2>", "<row_2_col_1>", "<row_2_col_2>")
	default:
		s.Tokens("<|vision_start|>", "<|vision_end|>")
	}
	return s
}

// visionEncoder returns the projector beside a language model. The number of its parts for the first layers is that of the layers.
func visionEncoder(c visionCase) *tiny.Source {
	s := tiny.Vision(c.projector)
	without := func(prefix string, layers ...bool) {
		s.Meta["clip.vision.is_deepstack_layers"] = layers
		s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool { return strings.HasPrefix(t.Name, prefix) })
	}
	switch c.text {
	case "qwen2": // as in the first Pixtral, which joins no patches
		s.Meta["clip.vision.spatial_merge_size"] = uint64(1)
		s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool {
			return strings.Contains(t.Name, "input_norm") || strings.Contains(t.Name, "patch_merger")
		})
	case "qwen35":
		without("v.deepstack.", false, false, false)
	case "qwen3vlmoe":
		without("v.deepstack.0.", false, false, true)
	}
	return s
}

// picture returns an image of large and small shapes, in black and white: llama.cpp rounds pixels to float16, which changes nothing of these.
func picture(width, height int) *vision.Image {
	m := vision.New(width, height)
	for i := range m.Pix {
		x, y, c := i/3%width, i/3/width, i%3
		v := 128 + 100*math.Sin(float64(x*(c+1))/7)*math.Cos(float64(y)/(5+float64(c)))
		if (x/9+y/6)%4 == 0 {
			v = float64((x*37 + y*91 + c*53) % 256)
		}
		if v >= 128 {
			m.Pix[i] = 255
		}
	}
	return m
}

// visionCase is a file testdata/vision_*.json: a projector, the kind of its language model, and the sizes of the pictures of a prompt.
type visionCase struct {
	projector, text string
	pictures        [][2]int
}

var visionCases = []visionCase{
	{"gemma3", "gemma3", [][2]int{{61, 40}}},
	{"gemma3", "gemma3", [][2]int{{24, 24}}},
	{"gemma4v", "gemma4", [][2]int{{120, 96}}},
	{"gemma4v", "gemma4", [][2]int{{10, 13}}}, // smaller than the least size
	{"gemma4v", "gemma4-e", [][2]int{{156, 96}}},
	{"gemma4v", "gemma4-moe", [][2]int{{72, 144}}},
	{"idefics3", "llama", [][2]int{{61, 40}}},
	{"idefics3", "llama", [][2]int{{30, 70}}},
	{"internvl", "qwen3", [][2]int{{24, 24}}},
	{"internvl", "qwen3", [][2]int{{61, 40}}},
	{"internvl", "qwen3", [][2]int{{20, 70}}},
	{"lfm2", "lfm2", [][2]int{{512, 576}}},
	{"lfm2", "lfm2", [][2]int{{2571, 840}}}, // three tiles
	{"pixtral", "mistral3", [][2]int{{64, 40}}},
	{"pixtral", "mistral3", [][2]int{{10, 6}, {20, 90}}},
	{"pixtral", "qwen2", [][2]int{{20, 32}}},
	{"qwen2vl_merger", "qwen2vl", [][2]int{{64, 40}}},
	{"qwen2vl_merger", "qwen2vl", [][2]int{{20, 90}}},
	{"qwen2.5vl_merger", "qwen2vl", [][2]int{{140, 140}}}, // square: a window and parts of three
	{"qwen2.5vl_merger", "qwen2vl", [][2]int{{56, 308}}},  // tall
	{"qwen2.5vl_merger", "qwen2vl", [][2]int{{290, 95}}},  // wide
	{"qwen2.5vl_merger", "qwen2vl", [][2]int{{20, 15}}},
	{"qwen2.5vl_merger", "qwen2vl", [][2]int{{150, 90}, {84, 168}}},
	{"qwen3vl_merger", "qwen3vl", [][2]int{{40, 40}}}, // as large as the learned positions
	{"qwen3vl_merger", "qwen3vl", [][2]int{{61, 40}}},
	{"qwen3vl_merger", "qwen3vl", [][2]int{{24, 88}}},
	{"qwen3vl_merger", "qwen3vl", [][2]int{{10, 6}}},
	{"qwen3vl_merger", "qwen3vl", [][2]int{{48, 32}, {24, 48}}},
	{"qwen3vl_merger", "qwen3vlmoe", [][2]int{{48, 24}}},
	{"qwen3vl_merger", "qwen35", [][2]int{{32, 40}, {48, 24}}},
}

// name returns the name of the file, without folder and extension.
func (c visionCase) name() string {
	name := c.projector
	if c.text == "qwen35" || c.text == "qwen3vlmoe" || c.text == "qwen2" || strings.HasPrefix(c.text, "gemma4-") {
		name += "-" + c.text
	}
	for _, p := range c.pictures {
		name += fmt.Sprintf("_%dx%d", p[0], p[1])
	}
	return name
}

// TestWriteVision writes what testdata/vision.cpp needs: go test ./engine/arch -run TestWriteVision -small FOLDER
func TestWriteVision(t *testing.T) {
	if *writeSmall == "" {
		t.Skip("only with -small")
	}
	write := func(name string, data []byte, err error) {
		t.Helper()
		if err == nil {
			err = os.WriteFile(filepath.Join(*writeSmall, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range visionCases {
		for name, s := range map[string]*tiny.Source{"mmproj-" + c.projector + "-" + c.text: visionEncoder(c), "text-" + c.text: visionText(c.text)} {
			s.Float32()
			data, err := s.Bytes()
			write(name+".gguf", data, err)
		}
		for _, p := range c.pictures {
			m := picture(p[0], p[1])
			write(fmt.Sprintf("%dx%d.ppm", m.Width, m.Height), append(fmt.Appendf(nil, "P6 %d %d 255\n", m.Width, m.Height), m.Pix...), nil)
		}
	}
}

// visionGolden is what llama.cpp makes of a picture.
type visionGolden struct {
	Chunks []struct {
		Tokens []int32
		Rows   int
		Embd   [][]float64 // of each row the first 8 values and the sum
	}
	Top    [][2]float64
	Greedy []int32
}

func readVision(t *testing.T, c visionCase) (g visionGolden) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "vision_"+c.name()+".json"))
	if err == nil {
		err = json.Unmarshal(data, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// tiles are the tiles of the pictures of a case, and their rows.
type tiles struct {
	tile []*vision.Image
	rows [][]float32
}

// exact reports whether no picture was scaled, so that llama.cpp rounds nothing.
func (a *tiles) exact() bool {
	return !slices.ContainsFunc(a.tile, func(m *vision.Image) bool {
		return slices.ContainsFunc(m.Pix, func(p byte) bool { return p != 0 && p != 255 })
	})
}

func encodeTiles(t *testing.T, v *Vision, c visionCase) (all tiles) {
	t.Helper()
	look := v.Look()
	for _, p := range c.pictures {
		for _, part := range look.Parts(picture(p[0], p[1]), 0) {
			if part.Tile == nil {
				continue
			}
			rows, err := v.Encode(part.Tile)
			if err != nil {
				t.Fatal(err)
			}
			all.tile, all.rows = append(all.tile, part.Tile), append(all.rows, rows)
		}
	}
	return all
}

// TestVision compares the tiles of pictures and the rows that encoder and projector make of them with llama.cpp's.
func TestVision(t *testing.T) {
	for _, c := range visionCases {
		t.Run(c.name(), func(t *testing.T) {
			checkVision(t, openTinyVision(t, visionEncoder(c)), c)
		})
	}
}

// checkVision compares the tiles and rows of the pictures of a case with llama.cpp's.
func checkVision(t *testing.T, v *Vision, c visionCase) {
	t.Helper()
	look, all, i := v.Look(), encodeTiles(t, v, c), 0
	for _, chunk := range readVision(t, c).Chunks {
		if chunk.Rows == 0 {
			continue
		}
		if i >= len(all.rows) {
			t.Fatalf("%d tiles, expected more", i)
		}
		if n, _ := look.Rows(all.tile[i]); chunk.Rows != n {
			t.Fatalf("tile %d has %d rows, expected %d", i, n, chunk.Rows)
		}
		compareRows(t, i, all.rows[i], chunk.Embd, look.Dim, all.exact())
		i++
	}
	if i != len(all.rows) {
		t.Errorf("%d tiles, expected %d", len(all.rows), i)
	}
}

// openTinyVision opens a vision encoder with float32 arithmetic.
func openTinyVision(t *testing.T, s *tiny.Source) *Vision {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: 2, Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	return openTinyVisionOn(t, s, dev)
}

// openTinyVisionOn opens a vision encoder on a device, which is closed after the test.
func openTinyVisionOn(t *testing.T, s *tiny.Source, dev kernels.Device) *Vision {
	t.Helper()
	f, err := gguf.Open(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(dev.Close(), f.Close()); err != nil {
			t.Error(err)
		}
	})
	v, err := OpenVision(f, dev)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compareRows(t *testing.T, tile int, got []float32, want [][]float64, dim int, exact bool) {
	t.Helper()
	allowed := 4e-3
	if exact {
		allowed = 1e-5
	}
	for r, row := range want {
		sum := 0.0
		for _, x := range got[r*dim:][:dim] {
			sum += float64(x)
		}
		for i, w := range row {
			x, times := sum, math.Sqrt(float64(dim))
			if i < 8 {
				x, times = float64(got[r*dim+i]), 1
			}
			if math.Abs(x-w) > allowed*times*max(1, math.Abs(w)) {
				t.Fatalf("tile %d, row %d: value %d is %g, expected %g", tile, r, i, x, w)
			}
		}
	}
}

// TestVisionLogits gives a language model the rows of pictures between the tokens of a prompt, and compares the logits and the greedy
// continuation with llama.cpp's.
func TestVisionLogits(t *testing.T) {
	for _, c := range visionCases {
		t.Run(c.name(), func(t *testing.T) {
			v := openTinyVision(t, visionEncoder(c))
			look, all := v.Look(), encodeTiles(t, v, c)
			m, dev, err := openTiny(t, visionText(c.text), true)
			if err != nil {
				t.Fatal(err)
			}
			sight, ok := Sees(m)
			if !ok || sight.Width != look.Dim || sight.Axes != slices.Contains([]string{"qwen2vl", "qwen3vl", "qwen3vlmoe", "qwen35"}, c.text) {
				t.Fatalf("the language model takes %+v, %v", sight, ok)
			}
			state, err := dev.NewState(m.Shape().State(1024))
			if err != nil {
				t.Fatal(err)
			}
			g, i := readVision(t, c), 0
			at, next := 0, int32(0) // number of rows, and the next position
			var last []float32
			for _, chunk := range g.Chunks {
				var s nn.Step
				if n := chunk.Rows; n > 0 {
					s.Append(state, make([]int32, n), at)
					s.Given = append(s.Given, nn.Given{Values: all.rows[i]})
					s.Spans[0].Whole = look.Whole
					next = putImage(&s, next, n, all.tile[i], sight.Axes, &look)
					i++
				} else {
					s.Append(state, chunk.Tokens, at)
					next = putText(&s, next)
				}
				at += len(s.Tokens)
				last = lastRow(t, m, &s)
			}
			allowed := 4e-3
			if all.exact() {
				allowed = 5e-5
			}
			for i, want := range g.Top {
				if got := float64(last[int(want[0])]); math.Abs(got-want[1]) > allowed*math.Abs(g.Top[0][1]) {
					t.Fatalf("logit %d of token %g is %g, expected %g", i, want[0], got, want[1])
				}
			}
			for i, want := range g.Greedy {
				if got := int32(slices.Index(last, slices.Max(last))); got != want {
					t.Fatalf("token %d of the continuation is %d, expected %d", i, got, want)
				}
				var s nn.Step
				s.Append(state, []int32{want}, at)
				next = putText(&s, next)
				at++
				last = lastRow(t, m, &s)
			}
		})
	}
}

// putText gives the rows of a step the positions from next on, and returns the position after them.
func putText(s *nn.Step, next int32) int32 {
	for row := range s.Tokens {
		s.Put(row, nn.Place{next, next, next})
		next++
	}
	return next
}

// putImage is putText for the n rows of an image.
func putImage(s *nn.Step, next int32, n int, tile *vision.Image, axes bool, look *Look) int32 {
	if !axes {
		return putText(s, next)
	}
	_, across := look.Rows(tile)
	for row := range n {
		s.Put(row, nn.Place{next, next + int32(row/across), next + int32(row%across)})
	}
	return next + int32(max(across, n/across))
}

// lastRow runs a step and returns the logits of its last row.
func lastRow(t *testing.T, m Model, s *nn.Step) []float32 {
	t.Helper()
	s.Out = []int{len(s.Tokens) - 1}
	rows, err := m.Forward(s)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(rows.Row(0))
}
