package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"soberano/engine/arch"
	"soberano/engine/batch"
	"soberano/engine/prompt"
	"soberano/engine/token"
	"soberano/engine/vision"
	"soberano/kernels"
	"soberano/models"
)

// ErrNoVision means that a message has an image and the model no vision encoder.
var ErrNoVision = errors.New("this model can't see images: it needs a vision encoder, a second file whose name usually begins with mmproj")

// imageShare is the part of the context that an image of a model which takes images of any size takes at most: there has to be room for a few
// images and an answer.
const imageShare = 4

// IsVision reports whether f is a vision encoder for OpenVision.
func IsVision(f *models.File) bool { return arch.IsVision(f) }

// CheckVision reports whether f is a vision encoder that runs here and belongs to the language model of text, as far as both files tell:
// its rows have the same width, and the vocabulary has its marks. With text nil only f is checked.
func CheckVision(f, text *models.File) error {
	v, err := arch.OpenVision(f, kernels.Checker{})
	if err != nil || text == nil {
		return err
	}
	if text, err = readable(text, kernels.Checker{}); err != nil {
		return err
	}
	width, err := arch.SightWidth(text)
	if err != nil {
		return err
	}
	look := v.Look()
	if err := fits(&look, f, width); err != nil {
		return err
	}
	made, err := madeForImages(text)
	if err != nil {
		return err
	}
	if strings.HasPrefix(look.Projector, "qwen") && !made { // the vocabularies of Qwen's other models have the marks too
		return models.Unsupported(f.Path, "use the one that was published with the model", "belongs to a model of Qwen that sees, which %s is not", models.Printable(filepath.Base(text.Path)))
	}
	return marked(v, f, text)
}

// marked returns an error if the vocabulary of text lacks the control tokens that stand around images for the projector of v. Models
// of other families may have rows of the same width.
func marked(v *arch.Vision, f, text *models.File) error {
	vocabulary, err := text.Meta.Strings("tokenizer.ggml.tokens")
	if err != nil || vocabulary == nil { // the tokenizer of a folder of Hugging Face lies in a file of its own
		return models.InFile(text.Path, err)
	}
	look := v.Look()
	for _, p := range look.Parts(vision.New(2, 2), 0) {
		if mark := controlToken.FindString(p.Text); mark != "" && !slices.Contains(vocabulary, mark) {
			return models.Unsupported(f.Path, "use the one that was published with the model", "marks images by %s, which the language model does not know: it belongs to another model", models.Printable(mark))
		}
	}
	return nil
}

// controlToken matches the spelling of a control token.
var controlToken = regexp.MustCompile(`<[^<>\s]+>|\[[A-Z_]+\]`)

// TakesImages reports what the file of a language model tells about images: its network takes their rows (takes), and it was made for
// them (made), so that a vision encoder was published with it.
func TakesImages(f *models.File) (takes, made bool, err error) {
	g, err := readable(f, kernels.Checker{})
	if err != nil {
		return false, false, err
	}
	if purpose, err := g.Meta.Purpose(); err != nil || purpose != models.Continues {
		return false, false, models.InFile(f.Path, err)
	}
	net, err := arch.Open(g, kernels.Checker{}, DefaultContext)
	if err != nil {
		return false, false, err
	}
	_, takes = arch.Sees(net)
	made, err = madeForImages(g)
	return takes, takes && made, err
}

// madeForImages reports whether the family and the size of a language model are those of models that were made for images.
func madeForImages(f *models.File) (bool, error) {
	family, err := f.Meta.String("general.architecture", "")
	if err != nil {
		return false, models.InFile(f.Path, err)
	}
	layers, err := f.Meta.Int(family+".block_count", 0)
	vl := strings.HasSuffix(strings.TrimSuffix(family, "moe"), "vl") || strings.HasPrefix(family, "qwen35")
	return vl || family == "gemma4" || family == "gemma3" && layers >= gemma3Sees, models.InFile(f.Path, err)
}

// gemma3Sees is the number of layers from which on models of Gemma 3 see: those of 4, 12 and 27 billion parameters, not those of 270
// million and of one billion (arXiv:2503.19786).
const gemma3Sees = 34

// fits returns an error if the rows of the vision encoder in f are not those of a language model with rows of width values.
func fits(look *arch.Look, f *models.File, width int) error {
	if look.Dim != width {
		return models.Unsupported(f.Path, "use the one that was published with the model", "makes rows of %d values, the language model has %d: it belongs to another model", look.Dim, width)
	}
	return nil
}

// seeing is the vision encoder of a model, which is opened when it is needed.
type seeing struct {
	open func() (*Vision, error) // nil: there is none
	mu   sync.Mutex
	v    *Vision
}

// Sees reports whether messages may have images.
func (m *Model) Sees() bool {
	_, ok := arch.Sees(m.net)
	return ok && m.vision.open != nil
}

// encoder returns the vision encoder. The error is ErrNoVision, or that of opening it.
func (m *Model) encoder() (*Vision, error) {
	sight, ok := arch.Sees(m.net)
	s := &m.vision
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.v != nil:
		return s.v, nil
	case !ok || s.open == nil:
		return nil, ErrNoVision
	}
	v, err := s.open()
	if err != nil {
		return nil, err
	}
	if err := fits(&v.look, v.file, sight.Width); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	s.v = v
	return v, nil
}

func (s *seeing) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.v == nil {
		return nil
	}
	err := s.v.Close()
	s.v, s.open = nil, nil
	return err
}

// mark returns the text that stands for image n of a conversation until the prompt is rendered. It consists of code points that are
// no characters.
func mark(n int) string { return fmt.Sprintf("\U0010FFFE%d\U0010FFFF", n) }

// markImages returns messages with the mark of each image before the text of its message. Code points of marks in the texts are
// removed.
func markImages(messages []Message, images []Attachment) ([]Message, error) {
	clean := strings.NewReplacer("\U0010FFFE", "", "\U0010FFFF", "")
	marked := slices.Clone(messages)
	for i := range marked {
		var before strings.Builder
		for n, a := range images {
			if a.Message == i {
				before.WriteString(mark(n))
			}
		}
		marked[i].Content = before.String() + clean.Replace(marked[i].Content)
	}
	for _, a := range images {
		if a.Message < 0 || a.Message >= len(messages) || a.Image == nil {
			return nil, fmt.Errorf("engine: an image of message %d of %d", a.Message, len(messages))
		}
	}
	return marked, nil
}

// segment is a part of a prompt: text, or an image.
type segment struct {
	text  []token.Part
	image int // number of the image; -1: text
}

// segments divides a rendered prompt at the marks of n images. It returns an error if the template has left one out.
func segments(text prompt.Text, n int) ([]segment, error) {
	list := []segment{{image: -1}}
	found := make([]bool, n)
	for _, run := range text {
		rest := run.Text
		for rest != "" {
			at, number, length := nextMark(rest, n)
			if at > 0 {
				last := &list[len(list)-1]
				last.text = append(last.text, token.Part{Text: rest[:at], Special: run.Template})
			}
			if number >= 0 && !found[number] {
				found[number] = true
				list = append(list, segment{image: number}, segment{image: -1})
			}
			rest = rest[at+length:]
		}
	}
	if i := slices.Index(found, false); i >= 0 {
		return nil, fmt.Errorf("engine: the chat template leaves out image %d", i+1)
	}
	return list, nil
}

// nextMark returns where the first mark of one of n images begins in text, the image's number, and the mark's length; without one the
// end of text, -1 and 0.
func nextMark(text string, n int) (at, number, length int) {
	at, number = len(text), -1
	for i := range n {
		if p := strings.Index(text, mark(i)); p >= 0 && p < at {
			at, number, length = p, i, len(mark(i))
		}
	}
	return at, number, length
}

// promptWithImages is promptOf for a request with images.
func (m *Model) promptWithImages(ctx context.Context, r Request) (p requestPrompt, err error) {
	if len(r.Messages) == 0 {
		return p, errors.New("engine: a request with images and without messages")
	}
	v, err := m.encoder()
	if err != nil {
		return p, err
	}
	images := r.Images
	if r.Messages, err = markImages(r.Messages, images); err != nil {
		return p, err
	}
	text, notice, err := m.render(r)
	if err != nil {
		return p, err
	}
	p.notice, p.end = notice, beginning(r, text)
	p.tokens, p.images, err = m.withImages(ctx, v, text, images)
	return p, err
}

// withoutImages returns the tokens that are none of an image.
func withoutImages(ids []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(ids), func(id int32) bool { return id < 0 })
}

// withImages returns the tokens of a prompt with images. The tokens of an image's rows are negative and identify the row.
func (m *Model) withImages(ctx context.Context, v *Vision, text prompt.Text, images []Attachment) (ids []int32, rows []batch.Image, err error) {
	list, err := segments(text, len(images))
	if err != nil {
		return nil, nil, err
	}
	sight, _ := arch.Sees(m.net)
	for i, s := range list {
		if s.image < 0 {
			ids = append(ids, m.segmentTokens(s.text, i == 0)...)
			continue
		}
		look := &v.look
		room := m.info.Context / imageShare
		if look.Whole {
			room = min(room, batch.Chunk)
		}
		for _, p := range look.Parts(images[s.image].Image, room) {
			if p.Tile == nil {
				ids = append(ids, m.segmentTokens([]token.Part{{Text: p.Text, Special: true}}, false)...)
				continue
			}
			values, id, err := v.rows(ctx, p.Tile)
			if err != nil {
				return nil, nil, err
			}
			n, across := look.Rows(p.Tile)
			image := batch.Image{At: len(ids), N: n, Values: values, Whole: look.Whole}
			if sight.Axes {
				image.Across = across
			}
			rows = append(rows, image)
			for row := range image.N {
				ids = append(ids, rowToken(id, row))
			}
		}
	}
	return ids, rows, nil
}

// segmentTokens returns the tokens of a part of a prompt. first says that it is the beginning.
func (m *Model) segmentTokens(parts []token.Part, first bool) []int32 {
	if len(parts) == 0 && !first {
		return nil
	}
	ids := m.tok.EncodeParts(parts, first)
	if bos, ok := m.tok.BOS(); first && ok && len(ids) > 1 && ids[0] == bos && ids[1] == bos {
		ids = ids[1:]
	}
	if eos, ok := m.tok.EOS(); first && ok && m.tok.AddsEOS() && len(ids) > 0 && ids[len(ids)-1] == eos {
		ids = ids[:len(ids)-1]
	}
	return ids
}

// rowToken returns the negative number that identifies a row of a tile.
func rowToken(tile uint64, row int) int32 {
	x := (tile + uint64(row)*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	return -1 - int32(x>>33)
}
