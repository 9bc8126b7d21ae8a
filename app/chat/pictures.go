package chat

import (
	"bytes"
	"image"
	"slices"
	"sync"

	"soberano/engine/vision"
)

// pictures decodes the images of conversations, one at a time, and keeps those that were needed last: a request needs all images of its
// conversation. Its methods may be called from any goroutine but that of the user interface.
type pictures struct {
	file func(hash string) ([]byte, error) // reads the file of an image

	mu    sync.Mutex
	list  []decoded // the most recently used last
	bytes int
}

// decoded is an image by the hash of its file.
type decoded struct {
	hash  string
	image *vision.Image
}

// keptPictures is the memory of decoded images, of which the latest is kept in any case.
const keptPictures = 128 << 20

// get returns an image. data is its file; nil: it is read.
func (p *pictures) get(hash string, data []byte) (*vision.Image, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.IndexFunc(p.list, func(d decoded) bool { return d.hash == hash }); i >= 0 {
		d := p.list[i]
		p.list = append(slices.Delete(p.list, i, i+1), d)
		return d.image, nil
	}
	if data == nil {
		var err error
		if data, err = p.file(hash); err != nil {
			return nil, err
		}
	}
	m, err := vision.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	p.list = append(p.list, decoded{hash, m})
	for p.bytes += len(m.Pix); p.bytes > keptPictures && len(p.list) > 1; p.list = slices.Delete(p.list, 0, 1) {
		p.bytes -= len(p.list[0].image.Pix)
	}
	return m, nil
}

// scaled returns an image for the screen, scaled down to at most most pixels a side.
func (p *pictures) scaled(hash string, data []byte, most int) (image.Image, error) {
	m, err := p.get(hash, data)
	if err != nil {
		return nil, err
	}
	if long := max(m.Width, m.Height); long > most {
		m = m.Resize(max(1, m.Width*most/long), max(1, m.Height*most/long), vision.Bilinear)
	}
	out := image.NewRGBA(image.Rect(0, 0, m.Width, m.Height))
	for i := range m.Width * m.Height {
		copy(out.Pix[4*i:], m.Pix[3*i:][:3])
		out.Pix[4*i+3] = 255
	}
	return out, nil
}

// thumbnails are the small images on the screen, by the hash of their files; only the goroutine of the user interface uses them.
type thumbnails struct {
	list []thumbnail // the most recently used last
}

type thumbnail struct {
	hash  string
	image image.Image
}

const (
	mostThumbnails = 48
	thumbnailSide  = 640 // pixels
)

// get returns a thumbnail; nil if it is not kept.
func (t *thumbnails) get(hash string) image.Image {
	i := slices.IndexFunc(t.list, func(o thumbnail) bool { return o.hash == hash })
	if i < 0 {
		return nil
	}
	o := t.list[i]
	t.list = append(slices.Delete(t.list, i, i+1), o)
	return o.image
}

func (t *thumbnails) add(hash string, m image.Image) {
	if t.get(hash) != nil {
		return
	}
	if t.list = append(t.list, thumbnail{hash, m}); len(t.list) > mostThumbnails {
		t.list = slices.Delete(t.list, 0, 1)
	}
}
