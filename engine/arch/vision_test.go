package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/nn"
	"soberano/engine/vision"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
)

// visionText returns the language model beside a tiny projector.
func visionText(projector string) *tiny.Source {
	if projector == "gemma3" {
		s := tiny.New("gemma3")
		s.Tokens("<start_of_image>", "<end_of_image>")
		return s
	}
	s := tiny.New("llama")
	s.Tokens("<fake_token_around_image>", "<global-img>", "\n", "\n\n", "<row_1_col_1>", "<row_1_col_2>", "<row_2_col_1>", "<row_2_col_2>")
	return s
}

// picture returns an image of smooth and of rough parts.
func picture(width, height int) *vision.Image {
	m := vision.New(width, height)
	for i := range m.Pix {
		x, y, c := i/3%width, i/3/width, i%3
		v := 128 + 100*math.Sin(float64(x*(c+1))/7)*math.Cos(float64(y)/(5+float64(c)))
		if (x/9+y/6)%4 == 0 {
			v = float64((x*37 + y*91 + c*53) % 256)
		}
		m.Pix[i] = byte(v)
	}
	return m
}

// visionCases are the pictures of testdata/vision_*.json.
var visionCases = []struct {
	projector     string
	width, height int
}{{"gemma3", 61, 40}, {"gemma3", 24, 24}, {"idefics3", 61, 40}, {"idefics3", 30, 70}}

// TestWriteVision writes what testdata/vision.cpp needs: go test ./engine/arch -run TestWriteVision -small FOLDER
func TestWriteVision(t *testing.T) {
	if *writeSmall == "" {
		t.Skip("only with -small")
	}
	for _, c := range visionCases {
		for name, s := range map[string]*tiny.Source{"mmproj-" + c.projector: tiny.Vision(c.projector), "text-" + c.projector: visionText(c.projector)} {
			s.Float32()
			data, err := s.Bytes()
			if err == nil {
				err = os.WriteFile(filepath.Join(*writeSmall, name+".gguf"), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		m := picture(c.width, c.height)
		ppm := append([]byte(fmt.Sprintf("P6 %d %d 255\n", m.Width, m.Height)), m.Pix...)
		if err := os.WriteFile(filepath.Join(*writeSmall, fmt.Sprintf("%dx%d.ppm", m.Width, m.Height)), ppm, 0o600); err != nil {
			t.Fatal(err)
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

func readVision(t *testing.T, projector string, width, height int) (g visionGolden) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("vision_%s_%dx%d.json", projector, width, height)))
	if err == nil {
		err = json.Unmarshal(data, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestVision compares the tiles of pictures and the rows that encoder and projector make of them with llama.cpp's.
func TestVision(t *testing.T) {
	for _, c := range visionCases {
		t.Run(fmt.Sprintf("%s/%dx%d", c.projector, c.width, c.height), func(t *testing.T) {
			v := openTinyVision(t, c.projector)
			look := v.Look()
			var tiles [][]float32
			for _, p := range look.Parts(picture(c.width, c.height)) {
				if p.Tile == nil {
					continue
				}
				rows, err := v.Encode(p.Tile)
				if err != nil {
					t.Fatal(err)
				}
				tiles = append(tiles, rows)
			}
			i := 0
			for _, chunk := range readVision(t, c.projector, c.width, c.height).Chunks {
				if chunk.Rows == 0 {
					continue
				}
				if i >= len(tiles) || chunk.Rows != look.Rows {
					t.Fatalf("tile %d of %d rows; %d tiles of %d", i, chunk.Rows, len(tiles), look.Rows)
				}
				compareRows(t, i, tiles[i], chunk.Embd, look.Dim)
				i++
			}
			if i != len(tiles) {
				t.Errorf("%d tiles, expected %d", len(tiles), i)
			}
		})
	}
}

// openTinyVision opens a tiny vision encoder with float32 arithmetic.
func openTinyVision(t *testing.T, projector string) *Vision {
	t.Helper()
	f, err := gguf.Open(tiny.Vision(projector).Write(t))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Threads: 2, Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	v, err := OpenVision(f, dev)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(v.Close(), dev.Close(), f.Close()); err != nil {
			t.Error(err)
		}
	})
	return v
}

func compareRows(t *testing.T, tile int, got []float32, want [][]float64, dim int) {
	t.Helper()
	for r, row := range want {
		sum := 0.0
		for _, x := range got[r*dim:][:dim] {
			sum += float64(x)
		}
		for i, w := range row {
			x := sum
			if i < 8 {
				x = float64(got[r*dim+i])
			}
			if math.Abs(x-w) > 5e-3*max(1, math.Abs(w)) { // llama.cpp uses a float16 table for GELU
				t.Fatalf("tile %d, row %d: value %d is %g, expected %g", tile, r, i, x, w)
			}
		}
	}
}

// TestVisionLogits gives a language model the rows of pictures between the tokens of a prompt, and compares the logits and the greedy
// continuation with llama.cpp's.
func TestVisionLogits(t *testing.T) {
	for _, c := range visionCases {
		t.Run(fmt.Sprintf("%s/%dx%d", c.projector, c.width, c.height), func(t *testing.T) {
			v := openTinyVision(t, c.projector)
			look := v.Look()
			var tiles [][]float32
			for _, p := range look.Parts(picture(c.width, c.height)) {
				if p.Tile != nil {
					rows, err := v.Encode(p.Tile)
					if err != nil {
						t.Fatal(err)
					}
					tiles = append(tiles, rows)
				}
			}
			m, dev, err := openTiny(t, visionText(c.projector), true)
			if err != nil {
				t.Fatal(err)
			}
			state, err := dev.NewState(m.Shape().State(512))
			if err != nil {
				t.Fatal(err)
			}
			g, pos := readVision(t, c.projector, c.width, c.height), 0
			var last []float32
			for _, chunk := range g.Chunks {
				var s nn.Step
				if n := chunk.Rows; n > 0 {
					s.Append(state, make([]int32, n), pos)
					s.Given, tiles = append(s.Given, nn.Given{Row: 0, Values: tiles[0]}), tiles[1:]
					s.Spans[0].Whole = look.Whole
				} else {
					s.Append(state, chunk.Tokens, pos)
				}
				pos += len(s.Tokens)
				last = lastRow(t, m, &s)
			}
			for i, want := range g.Top {
				if got := float64(last[int(want[0])]); math.Abs(got-want[1]) > 5e-3*math.Abs(g.Top[0][1]) {
					t.Fatalf("logit %d of token %g is %g, expected %g", i, want[0], got, want[1])
				}
			}
			for i, want := range g.Greedy {
				if got := int32(slices.Index(last, slices.Max(last))); got != want {
					t.Fatalf("token %d of the continuation is %d, expected %d", i, got, want)
				}
				var s nn.Step
				s.Append(state, []int32{want}, pos)
				pos++
				last = lastRow(t, m, &s)
			}
		})
	}
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
