//go:build (linux || windows) && cgo

package gl

import "soberano/kernels"

// counter stands for a driver where nothing is run: it gives numbers to buffers and programs.
type counter struct{ last uint32 }

func (c *counter) next() uint32 {
	c.last++
	return c.last
}

// NewCounter returns a GPU whose devices allocate and run nothing: steps record their commands, End returns zeros, and Count counts the
// commands. It needs no driver.
func NewCounter() *GPU {
	g := newGPU()
	g.info = Info{Renderer: "counter", Compute: true, StorageBytes: mostBlockBytes}
	g.most, g.firstWork = mostBlockBytes/4, mostWork
	go func() {
		defer close(g.stopped)
		g.loop(context{count: new(counter)})
	}()
	return g
}

// Counts are the commands of a step, and the bytes that its dispatches need from memory or write to it: each dispatch every weight, key and
// value as often as its work groups read it, and every other value once, since the caches hold those.
type Counts struct {
	Dispatches int `json:"dispatches"`
	Copies     int `json:"copies"`
	Barriers   int `json:"barriers"`
	// WeightBytes are those of the blocks that are unpacked, KeyValueBytes those of keys and values, OtherBytes of activations.
	WeightBytes   int64 `json:"weight_bytes"`
	KeyValueBytes int64 `json:"key_value_bytes"`
	OtherBytes    int64 `json:"other_bytes"`
	// MultiplyAdds of products with weights, the most of one dispatch, and the most between two points at which the driver can give the card to
	// other programs.
	MultiplyAdds     float64 `json:"multiply_adds"`
	MostMultiplyAdds float64 `json:"most_multiply_adds"`
	MostAtOnce       float64 `json:"most_multiply_adds_at_once"`
	UploadedBytes    int64   `json:"uploaded_bytes"`
	DownloadedBytes  int64   `json:"downloaded_bytes"`
	// Uncounted dispatches are those of kernels whose bytes are not counted.
	Uncounted int `json:"uncounted"`
}

// Count counts the commands of the latest step of a device of this package, which has ended.
func Count(d kernels.Device) Counts {
	dev := d.(*device)
	s := &dev.steps[dev.step]
	names := map[uint32]program{}
	dev.gpu.mu.Lock()
	for p, id := range dev.gpu.programs {
		names[id] = p
	}
	dev.gpu.mu.Unlock()
	c := Counts{UploadedBytes: 4 * int64(len(s.words)), DownloadedBytes: 4 * int64(len(dev.host))}
	given := 0.0
	for i := range s.commands {
		cmd := &s.commands[i]
		if cmd.more == 0 {
			c.Barriers++
		}
		if cmd.kind != dispatch {
			c.Copies++
			if cmd.flush == 1 {
				given = c.MultiplyAdds
			}
			continue
		}
		c.Dispatches++
		c.add(names[cmd.program], cmd, s.words)
		c.MostAtOnce = max(c.MostAtOnce, c.MultiplyAdds-given)
		if cmd.flush == 1 {
			given = c.MultiplyAdds
		}
	}
	return c
}

// add counts the bytes of a dispatch from its parameters, which the shader's comment lists.
func (c *Counts) add(kernel program, cmd *command, words []uint32) {
	p := func(i int) int64 { return int64(cmd.param[i]) }
	values := p(0) * p(1)
	switch kernel.kernel {
	case "matvec", "tile":
		c.product(kernel, cmd)
	case "element":
		c.OtherBytes += 8 * values
		if kernel.option == opAdd || kernel.option == opMul || kernel.option == opGated {
			c.OtherBytes += 4 * values
		}
	case "move", "norm":
		c.OtherBytes += 12 * values
	case "store":
		n := 4 * p(0) * p(1) * (p(4) + p(5))
		c.KeyValueBytes, c.OtherBytes = c.KeyValueBytes+n, c.OtherBytes+4*p(0)*p(1)*(p(2)+p(3))
		if kernel.option == storeRotated {
			c.OtherBytes += 12 * p(0) * (p(1) + p(16)) * 2 * p(11)
		}
	case "attend":
		keys, rows := int64(0), int64(0)
		for i := range p(16) {
			item := words[p(17)+itemWords*i:]
			keys += int64(item[3]) - int64(item[2])
			rows += int64(item[7])
		}
		c.KeyValueBytes += 4 * keys * int64(cmd.groups[1]) * (p(4) + p(5))
		c.OtherBytes += 4 * rows * p(0) * (p(2) + p(3) + 2)
	case "join":
		parts := int64(0)
		for i := range p(6) {
			parts += int64(words[p(7)+3*i+2])
		}
		c.OtherBytes += 4 * p(0) * (parts*(p(1)+2) + p(6)*p(1))
	default:
		c.Uncounted++
	}
}

// weightRows returns how many rows of weights a dispatch multiplies with.
func weightRows(kernel program, cmd *command) int64 {
	rows, wide, gated := int64(cmd.param[0]), int64(matvecRows), kernel.option&matvecGated
	if kernel.kernel == "tile" {
		wide, gated = tileCols, 0
	}
	return (min(rows>>gated, wide*int64(cmd.param[21])) - wide*int64(cmd.param[20])) << gated
}

// product counts a product with weights.
func (c *Counts) product(kernel program, cmd *command) {
	rows, cols, rowBytes, n := weightRows(kernel, cmd), int64(cmd.param[1]), int64(cmd.param[2]), int64(cmd.param[7])
	c.WeightBytes += rows * rowBytes * int64(cmd.groups[1]) * int64(cmd.groups[2])
	c.OtherBytes += 4 * n * (cols + rows)
	if cmd.param[9] == 1 {
		c.OtherBytes += 4 * n * rows
	}
	work := float64(rows) * float64(cols) * float64(n) * float64(cmd.groups[2])
	c.MultiplyAdds += work
	c.MostMultiplyAdds = max(c.MostMultiplyAdds, work)
}
