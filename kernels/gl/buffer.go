//go:build (linux || windows) && cgo

package gl

import "fmt"

// buffer is memory of the GPU.
type buffer struct {
	id    uint32
	bytes int
}

// allocate returns a buffer of undefined content.
func (d *device) allocate(bytes int) (*buffer, error) {
	bytes = max(4, bytes)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case bytes > 4*d.gpu.most:
		return nil, fmt.Errorf("%w: a block of %d bytes; the driver has %d at most", ErrUnsupported, bytes, 4*d.gpu.most)
	case d.memory > 0 && d.held+int64(bytes) > d.memory:
		return nil, fmt.Errorf("%w: %d bytes more than %d of %d", ErrOutOfMemory, bytes, d.held, d.memory)
	}
	b := &buffer{bytes: bytes}
	err := d.gpu.do(func(c context) error {
		if b.id = c.allocate(bytes); b.id == 0 {
			return fmt.Errorf("%w: %d bytes more than %d", ErrOutOfMemory, bytes, d.held)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.held += int64(bytes)
	d.buffers[b] = struct{}{}
	return b, nil
}

// release frees buffers, of which some may be nil.
func (d *device) release(all ...*buffer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gpu.do(func(c context) error {
		for _, b := range all {
			if _, ours := d.buffers[b]; ours {
				c.release(b.id)
				d.held -= int64(b.bytes)
				delete(d.buffers, b)
			}
		}
		return nil
	})
}

// upload writes data to a buffer, from byte at on.
func (d *device) upload(b *buffer, at int, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	return d.gpu.do(func(c context) error {
		c.error()
		c.upload(b.id, at, data)
		return failure(c.error())
	})
}

// failure returns the error for a number of glGetError.
func failure(number uint32) error {
	const outOfMemory, lost = 0x0505, 0x0507
	switch number {
	case 0:
		return nil
	case outOfMemory:
		return ErrOutOfMemory
	case lost:
		return ErrLost
	}
	return fmt.Errorf("%w: error %#x", ErrDriver, number)
}
