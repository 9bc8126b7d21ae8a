package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/batch"
	"soberano/engine/vision"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// openSeeing opens a tiny model with a tiny vision encoder; nil: without.
func openSeeing(t *testing.T, text, encoder *tiny.Source) (*Model, error) {
	t.Helper()
	open := func(s *tiny.Source) (*models.File, kernels.Device) {
		f, err := registry.Read(s.Write(t))
		if err != nil {
			t.Fatal(err)
		}
		dev, err := cpu.New(cpu.Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		return f, dev
	}
	var o Options
	if encoder != nil {
		f, dev := open(encoder)
		opened := false
		o.Vision = func() (*Vision, error) {
			opened = true
			return OpenVision(f, dev, nil)
		}
		t.Cleanup(func() {
			if !opened {
				f.Close()
				dev.Close()
			}
		})
	}
	f, dev := open(text)
	m, err := Open(f, dev, o)
	if err == nil {
		t.Cleanup(func() { m.Close() })
	}
	return m, err
}

// gemmaSeeing returns the text model of the projector gemma3.
func gemmaSeeing() *tiny.Source { return seeingText("gemma3", "<start_of_image>", "<end_of_image>") }

// seeingText returns a text model with the marks of images in its vocabulary.
func seeingText(kind string, marks ...string) *tiny.Source {
	s := tiny.New(kind)
	s.Tokens(marks...)
	return s
}

// qwenSeeing returns a text model of Qwen VL, and its encoder.
func qwenSeeing(kind, projector string) (text, encoder *tiny.Source) {
	return seeingText(kind, "<|vision_start|>", "<|vision_end|>"), tiny.Vision(projector)
}

// shaded returns an image that differs with seed.
func shaded(seed int) *vision.Image {
	m := vision.New(40, 30)
	for i := range m.Pix {
		m.Pix[i] = byte(i*seed + i/7)
	}
	return m
}

// TestImages checks that an answer depends on the images of the conversation and on their order, and that a further turn finds
// what has been computed for them.
func TestImages(t *testing.T) {
	m, err := openSeeing(t, gemmaSeeing(), tiny.Vision("gemma3"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(images ...Attachment) (logits []float32, usage Usage) {
		t.Helper()
		r := Request{Messages: []Message{{Role: "user", Content: "What is it?"}, {Role: "assistant", Content: "A"}, {Role: "user", Content: "And this?"}}, Images: images, MaxTokens: 1}
		_, last, err := collect(m, context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.promptOf(context.Background(), r)
		if err == nil {
			err = m.queue.Do(context.Background(), batch.Request{Tokens: p.tokens, Images: p.images, From: len(p.tokens) - 1, Fresh: true,
				Each: func(_ int, l []float32) (int32, bool, error) {
					logits = slices.Clone(l)
					return 0, false, nil
				}})
		}
		if err != nil {
			t.Fatal(err)
		}
		return logits, last.Usage
	}
	a, b := shaded(3), shaded(5)
	first, usage := ask(Attachment{0, a}, Attachment{2, b})
	plain, without := ask()
	if want := without.Prompt + 2*(4+2+1); usage.Prompt != want { // four rows, two marks, and a space of the vocabulary behind them
		t.Errorf("a prompt of %d tokens, expected %d", usage.Prompt, want)
	}
	if _, again := ask(Attachment{0, a}, Attachment{2, b}); again.Cached < again.Prompt-1 {
		t.Errorf("the same question again: %d of %d tokens found", again.Cached, again.Prompt)
	}
	if _, other := ask(Attachment{0, a}, Attachment{2, shaded(7)}); other.Cached < 20 || other.Cached >= other.Prompt-10 {
		t.Errorf("another second image: %d of %d tokens found", other.Cached, other.Prompt)
	}
	for what, images := range map[string][]Attachment{
		"the images swapped": {{0, b}, {2, a}}, "one image": {{0, a}}, "another image": {{0, a}, {2, shaded(7)}},
	} {
		if got, _ := ask(images...); slices.Equal(got, first) || slices.Equal(got, plain) {
			t.Errorf("%s: the same logits", what)
		}
	}
}

// TestImagesOfAnySize checks that the number of rows follows the size of an image, and that an answer depends on where in the
// image its parts are.
func TestImagesOfAnySize(t *testing.T) {
	for _, c := range []struct {
		kind, projector string
		size            [2]int
		rows            int
	}{
		{"qwen2vl", "qwen2vl_merger", [2]int{40, 30}, 5 * 4}, {"qwen2vl", "qwen2.5vl_merger", [2]int{40, 30}, 4 * 3},
		{"qwen2vl", "qwen2.5vl_merger", [2]int{200, 90}, 7 * 3}, {"qwen3vl", "qwen3vl_merger", [2]int{16, 80}, 2 * 10},
	} {
		text, encoder := qwenSeeing(c.kind, c.projector)
		m, err := openSeeing(t, text, encoder)
		if err != nil {
			t.Fatal(err)
		}
		var seen [][]float32
		for i, m2 := range []*vision.Image{scene(c.size, 0), scene(c.size, 0), scene(c.size, 1), scene([2]int{c.size[1], c.size[0]}, 0)} {
			r := Request{Messages: []Message{{Role: "user", Content: "What is it?"}}, Images: []Attachment{{0, m2}}}
			p, err := m.promptOf(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(p.images); n != 1 || i == 0 && p.images[0].N != c.rows {
				t.Fatalf("%s: %d images of %d rows, expected %d", c.projector, n, p.images[0].N, c.rows)
			}
			seen = append(seen, logitsOf(t, m, p, true))
		}
		large := Request{Messages: []Message{{Role: "user", Content: "What is it?"}}, Images: []Attachment{{0, scene([2]int{2000, 1500}, 0)}}}
		if p, err := m.promptOf(context.Background(), large); err != nil || p.images[0].N > tiny.Context/imageShare || p.images[0].N < tiny.Context/imageShare/2 {
			t.Errorf("%s: a large image has %d rows, %v", c.projector, len(p.tokens), err)
		}
		if !slices.Equal(seen[0], seen[1]) || slices.Equal(seen[0], seen[2]) || slices.Equal(seen[0], seen[3]) {
			t.Errorf("%s: the logits of the same and of other images", c.projector)
		}
	}
}

// scene returns an image of this size with a bright square at one of two places.
func scene(size [2]int, place int) *vision.Image {
	m := vision.New(size[0], size[1])
	side := min(size[0], size[1]) / 2
	for y := range side {
		for x := range side {
			at := y*m.Width + x
			if place == 1 {
				at = (m.Height-1-y)*m.Width + m.Width - 1 - x
			}
			copy(m.Pix[3*at:], []byte{250, 130, 60})
		}
	}
	return m
}

// logitsOf returns the logits after a prompt. fresh computes all of it, whatever is known.
func logitsOf(t *testing.T, m *Model, p requestPrompt, fresh bool) (logits []float32) {
	t.Helper()
	r := batch.Request{Tokens: p.tokens, Images: p.images, From: len(p.tokens) - 1, Fresh: fresh, Each: func(_ int, l []float32) (int32, bool, error) {
		logits = slices.Clone(l)
		return 0, false, nil
	}}
	if err := m.queue.Do(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	return logits
}

// TestImagesCached checks that the logits of a conversation with images are the same whatever is known of it: earlier turns, other
// answers, other images, and an image whose rows are known in part.
func TestImagesCached(t *testing.T) {
	for _, c := range [][2]string{{"gemma3", "gemma3"}, {"gemma4", "gemma4v"}, {"gemma4-e", "gemma4v"}, {"lfm2", "lfm2"}, {"qwen3", "internvl"}, {"mistral3", "pixtral"}, {"qwen2vl", "qwen2.5vl_merger"}, {"qwen3vl", "qwen3vl_merger"}, {"qwen35", "qwen3vl_merger"}} {
		t.Run(c[0], func(t *testing.T) {
			text, encoder := qwenSeeing(c[0], c[1])
			switch c[0] {
			case "gemma3":
				text = gemmaSeeing()
			case "gemma4", "gemma4-e":
				text = seeingText(c[0], "<|image>", "<image|>")
			case "qwen3":
				text = seeingText(c[0], "<img>", "</img>")
			case "lfm2":
				text = seeingText(c[0], "<|image_start|>", "<|image_end|>")
			case "mistral3":
				text = seeingText(c[0], "[IMG_END]")
			case "qwen35":
				flatten(encoder)
			}
			text.Meta[text.Architecture+".context_length"] = uint64(1024)
			m, err := openSeeing(t, text, encoder)
			if err != nil {
				t.Fatal(err)
			}
			a, b, small := shaded(3), scene([2]int{90, 60}, 0), scene([2]int{30, 50}, 1)
			talk := []Message{{Role: "user", Content: "What is it?"}, {Role: "assistant", Content: "A cat"}, {Role: "user", Content: "And this?"}, {Role: "assistant", Content: "A"}, {Role: "user", Content: "So?"}}
			for i, r := range []Request{
				{Messages: talk[:1], Images: []Attachment{{0, a}}},
				{Messages: talk[:3], Images: []Attachment{{0, a}, {2, b}}},
				{Messages: talk[:3], Images: []Attachment{{0, a}, {2, small}}},
				{Messages: talk[:3], Images: []Attachment{{0, a}}},
				{Messages: talk, Images: []Attachment{{0, a}, {2, b}, {2, small}}},
				{Messages: talk, Images: []Attachment{{0, b}, {2, a}}},
				{Messages: talk[:3], Images: []Attachment{{0, a}, {2, b}}},
				{Messages: talk[:3]},
			} {
				p, err := m.promptOf(context.Background(), r)
				if err != nil {
					t.Fatal(err)
				}
				want := logitsOf(t, m, p, true)
				for _, known := range []string{"what came before", "the same"} {
					if d := far(want, logitsOf(t, m, p, false)); d > 0.02 {
						t.Errorf("request %d, with %s known: the logits differ by %.2g of their range", i, known, d)
					}
				}
				for n := range p.images { // other sequences that end inside the images
					if p.images[n].Whole {
						continue
					}
					end := p.images[n].At + p.images[n].N/2
					logitsOf(t, m, requestPrompt{tokens: p.tokens[:end], images: p.images[:n+1]}, false)
				}
				if d := far(want, logitsOf(t, m, p, false)); d > 0.02 {
					t.Errorf("request %d, with a part of an image known: the logits differ by %.2g of their range", i, d)
				}
			}
		})
	}
}

// flatten removes the parts of a projector for the first layers of the language model.
func flatten(s *tiny.Source) {
	s.Meta["clip.vision.is_deepstack_layers"] = []bool{false, false, false}
	s.Tensors = slices.DeleteFunc(s.Tensors, func(x models.Tensor) bool { return strings.HasPrefix(x.Name, "v.deepstack.") })
}

// far returns the largest difference of a and b, as a part of the range of a.
func far(a, b []float32) float64 {
	d := float32(0)
	for i := range a {
		d = max(d, a[i]-b[i], b[i]-a[i])
	}
	return float64(d / (slices.Max(a) - slices.Min(a)))
}

// TestImagesRefused checks requests and files that don't fit.
func TestImagesRefused(t *testing.T) {
	blind, err := openSeeing(t, tiny.New("llama"), nil)
	if err != nil {
		t.Fatal(err)
	}
	one := []Attachment{{0, shaded(1)}}
	if _, _, err := collect(blind, context.Background(), Request{Messages: []Message{{Role: "user", Content: "Hi"}}, Images: one}); !errors.Is(err, ErrNoVision) {
		t.Errorf("without an encoder: %v", err)
	}
	m, err := openSeeing(t, gemmaSeeing(), tiny.Vision("gemma3"))
	if err != nil {
		t.Fatal(err)
	}
	for what, r := range map[string]Request{
		"a raw prompt":           {Prompt: "Hi", Images: one},
		"another message":        {Messages: []Message{{Role: "user", Content: "Hi"}}, Images: []Attachment{{1, shaded(1)}}},
		"no image":               {Messages: []Message{{Role: "user", Content: "Hi"}}, Images: []Attachment{{0, nil}}},
		"a context that is full": {Messages: []Message{{Role: "user", Content: "Hi"}}, Images: many(60)},
	} {
		if _, _, err := collect(m, context.Background(), r); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	// Marks that are typed are no images.
	if _, _, err := collect(m, context.Background(), Request{Messages: []Message{{Role: "user", Content: mark(0) + mark(1)}}, Images: one, MaxTokens: 2}); err != nil {
		t.Errorf("a message that spells marks: %v", err)
	}
	other := tiny.Vision("gemma3")
	other.Meta["clip.vision.projection_dim"] = uint64(tiny.Dim / 2)
	for i := range other.Tensors {
		if other.Tensors[i].Name == "mm.input_projection.weight" {
			other.Tensors[i].Shape[1], other.Tensors[i].Data = tiny.Dim/2, other.Tensors[i].Data[:len(other.Tensors[i].Data)/2]
		}
	}
	for _, c := range []struct {
		what          string
		text, encoder *tiny.Source
		want          error
	}{
		{"the encoder of another model", gemmaSeeing(), other, models.ErrUnsupported},
		{"the encoder of a model without further rows", seeingText("qwen2vl", "<|vision_start|>", "<|vision_end|>"), tiny.Vision("qwen3vl_merger"), models.ErrUnsupported},
		{"a family that sees no images", tiny.New("rwkv7"), tiny.Vision("gemma3"), ErrNoVision},
		{"a language model as encoder", gemmaSeeing(), tiny.New("llama"), models.ErrUnsupported},
	} {
		m, err := openSeeing(t, c.text, c.encoder)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = collect(m, context.Background(), Request{Messages: []Message{{Role: "user", Content: "Hi"}}, Images: one})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func many(n int) (list []Attachment) {
	for i := range n {
		list = append(list, Attachment{0, shaded(i)})
	}
	return list
}
