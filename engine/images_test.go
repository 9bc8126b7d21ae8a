package engine

import (
	"context"
	"errors"
	"slices"
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
			return OpenVision(f, dev)
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
func gemmaSeeing() *tiny.Source {
	s := tiny.New("gemma3")
	s.Tokens("<start_of_image>", "<end_of_image>")
	return s
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
		r := Request{Messages: []Message{{"user", "What is it?"}, {"assistant", "A"}, {"user", "And this?"}}, Images: images, MaxTokens: 1}
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

// TestImagesRefused checks requests and files that don't fit.
func TestImagesRefused(t *testing.T) {
	blind, err := openSeeing(t, tiny.New("llama"), nil)
	if err != nil {
		t.Fatal(err)
	}
	one := []Attachment{{0, shaded(1)}}
	if _, _, err := collect(blind, context.Background(), Request{Messages: []Message{{"user", "Hi"}}, Images: one}); !errors.Is(err, ErrNoVision) {
		t.Errorf("without an encoder: %v", err)
	}
	m, err := openSeeing(t, gemmaSeeing(), tiny.Vision("gemma3"))
	if err != nil {
		t.Fatal(err)
	}
	for what, r := range map[string]Request{
		"a raw prompt":           {Prompt: "Hi", Images: one},
		"another message":        {Messages: []Message{{"user", "Hi"}}, Images: []Attachment{{1, shaded(1)}}},
		"no image":               {Messages: []Message{{"user", "Hi"}}, Images: []Attachment{{0, nil}}},
		"a context that is full": {Messages: []Message{{"user", "Hi"}}, Images: many(60)},
	} {
		if _, _, err := collect(m, context.Background(), r); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	// Marks that are typed are no images.
	if _, _, err := collect(m, context.Background(), Request{Messages: []Message{{"user", mark(0) + mark(1)}}, Images: one, MaxTokens: 2}); err != nil {
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
		{"a family that sees no images", tiny.New("lfm2"), tiny.Vision("gemma3"), ErrNoVision},
		{"a language model as encoder", gemmaSeeing(), tiny.New("llama"), models.ErrUnsupported},
	} {
		m, err := openSeeing(t, c.text, c.encoder)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = collect(m, context.Background(), Request{Messages: []Message{{"user", "Hi"}}, Images: one})
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
