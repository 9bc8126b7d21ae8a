package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"soberano/engine/arch"
	"soberano/engine/vision"
	"soberano/kernels"
	"soberano/models"
)

// Vision is a vision encoder that belongs to a language model. Its methods may be called from several goroutines at the same time.
type Vision struct {
	file *models.File
	look arch.Look

	mu      sync.Mutex
	dev     kernels.Device
	encoder *arch.Vision
	replace func(cause error) (kernels.Device, error) // is Options.Replace until the device has been replaced
	closed  bool
	kept    []encoded // the most recently used last
	bytes   int       // of kept
}

// encoded are the rows of a tile.
type encoded struct {
	sum    [sha256.Size]byte
	values []float32
}

// keptRows is the memory of the rows of recently encoded images: each turn of a conversation needs those of all its images.
const keptRows = 64 << 20

// OpenVision loads a vision encoder onto a device. It takes over f and dev, also if it fails, and closes them with the Vision. replace, which may
// be nil, is Options.Replace: the image that is being encoded when the device fails is encoded on the other one.
func OpenVision(f *models.File, dev kernels.Device, replace func(cause error) (kernels.Device, error)) (*Vision, error) {
	v := &Vision{file: f, dev: dev, replace: replace}
	var err error
	if v.encoder, err = arch.OpenVision(f, dev); err == nil {
		err = dev.Loaded()
	}
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	v.look = v.encoder.Look()
	return v, nil
}

// errVisionClosed means that a vision encoder is used after Close.
var errVisionClosed = errors.New("engine: the vision encoder is closed")

// Close waits for the methods under way and frees the memory.
func (v *Vision) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.close()
}

// close is Close. The caller holds mu.
func (v *Vision) close() error {
	if v.closed {
		return nil
	}
	v.closed = true
	return errors.Join(v.dev.Close(), v.file.Close())
}

// Closed reports whether Close was called.
func (v *Vision) Closed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closed
}

// Adopt has v run on the device of other, which was opened from the same file and is used by nobody else, from now on. What it has used until then is
// closed. If v is closed, other is closed instead, and done is false.
func (v *Vision) Adopt(other *Vision) (done bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return false, other.Close()
	}
	err = v.close()
	v.file, v.dev, v.encoder, v.replace, v.closed = other.file, other.dev, other.encoder, other.replace, false
	return true, err
}

// Device returns the name of the device on which v runs.
func (v *Vision) Device() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.dev.Name()
}

// VisionBytes estimates the memory of the vision encoder in f: its weights, the rows that are kept, and the largest image.
func VisionBytes(f *models.File) int64 {
	number := func(key string) int64 {
		n, err := f.Meta.Int("clip.vision."+key, 0)
		if err != nil {
			return 0
		}
		return int64(n)
	}
	bytes := int64(0)
	for _, t := range f.Tensors {
		bytes += int64(len(t.Data))
	}
	across := number("image_size") / max(1, number("patch_size"))
	patches := max(DefaultContext/imageShare*4, across*across) // images of any size have four patches a row
	return bytes + bytes/8 + keptRows + 4*patches*(8*number("embedding_length")+number("feed_forward_length"))
}

// rows returns the rows of a tile, which must not be changed, and a number that identifies the tile.
func (v *Vision) rows(ctx context.Context, tile *vision.Image) ([]float32, uint64, error) {
	size := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(tile.Width)), uint64(tile.Height))
	sum := sha256.Sum256(append(size, tile.Pix...))
	id := binary.LittleEndian.Uint64(sum[:])
	v.mu.Lock()
	defer v.mu.Unlock()
	if i := slices.IndexFunc(v.kept, func(e encoded) bool { return e.sum == sum }); i >= 0 {
		e := v.kept[i]
		v.kept = append(slices.Delete(v.kept, i, i+1), e)
		return e.values, id, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	values, err := v.encode(tile)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", models.Printable(v.file.Path), err)
	}
	v.kept = append(v.kept, encoded{sum, values})
	for v.bytes += 4 * len(values); v.bytes > keptRows && len(v.kept) > 1; v.kept = slices.Delete(v.kept, 0, 1) {
		v.bytes -= 4 * len(v.kept[0].values)
	}
	return values, id, nil
}

// encode returns the rows of a tile, from another device if the present one fails. The caller holds mu.
func (v *Vision) encode(tile *vision.Image) ([]float32, error) {
	if v.closed {
		return nil, errVisionClosed
	}
	values, err := v.encoder.Encode(tile)
	if v.replace == nil {
		return values, err
	}
	if err == nil && slices.ContainsFunc(values, func(x float32) bool { return x != x }) {
		err = kernels.ErrNotANumber
	}
	if err == nil {
		return values, nil
	}
	open := v.replace
	v.replace = nil
	encoder := v.encoder
	dev, failed := replaced(open, err, func(dev kernels.Device) (err error) {
		encoder, err = arch.OpenVision(v.file, dev)
		return err
	})
	if failed != nil {
		return nil, errors.Join(err, failed)
	}
	_ = v.dev.Close() // it has failed
	v.dev, v.encoder = dev, encoder
	return v.encoder.Encode(tile)
}

// slowTrial is how long the first pass of Trial takes at least if there is no second one.
const slowTrial = 5 * time.Second

// Trial returns the rows of an image, for comparing devices, and how many of them are computed in a second.
func (v *Vision) Trial(ctx context.Context) (rows [][]float32, speed float64, err error) {
	m := vision.New(64, 64)
	for i := range m.Pix {
		m.Pix[i] = byte(i*i>>5 ^ i)
	}
	parts := v.look.Parts(m, 1)
	at := slices.IndexFunc(parts, func(p vision.Part) bool { return p.Tile != nil })
	if at < 0 {
		return nil, 0, errors.New("engine: an image without tiles")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var values []float32
	for range 2 { // the first one warms up
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		start := time.Now()
		if values, err = v.encode(parts[at].Tile); err != nil {
			return nil, 0, err
		}
		took := time.Since(start)
		if speed = float64(len(values)/v.look.Dim) / took.Seconds(); took >= slowTrial {
			break
		}
	}
	for row := range slices.Chunk(values, v.look.Dim) {
		rows = append(rows, row)
	}
	return rows, speed, nil
}
