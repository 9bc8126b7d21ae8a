package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"time"

	"soberano/app/logfile"
	"soberano/kernels"
	"soberano/kernels/gl"
	"soberano/kernels/remote"
	"soberano/models"
)

// HelperVerb is the first argument of a helper process, in which everything that a GPU's driver does happens.
const HelperVerb = "gpu-helper"

// Helper returns the command of a helper process: this program with HelperVerb. nil: the system does not tell where the program is.
func Helper() []string {
	path, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{path, HelperVerb}
}

// gpuErrors are the errors that keep their identity on the way from a helper process.
var gpuErrors = []error{gl.ErrOutOfMemory, gl.ErrLost, gl.ErrUnsupported, gl.ErrDriver, gl.ErrWrong, gl.ErrUnavailable}

// described is a GPU as a helper process describes it in JSON.
type described struct {
	gl.Info
	Error string   `json:"error,omitempty"`
	Uses  string   `json:"uses,omitempty"`
	Speed GPUSpeed `json:"speed,omitzero"`
}

// RunHelper runs a helper process with the arguments behind HelperVerb: "list" writes the GPUs of the machine as JSON, "describe N" one of them, "check N" the
// result of its self-check and its speed, and "serve N [exact]" runs its device for the process that started this one. wrap may change that device; nil leaves it
// as it is.
func RunHelper(args []string, wrap func(kernels.Device) kernels.Device) error {
	signal.Ignore(os.Interrupt) // a terminal sends it to all processes; it is meant for the one that started this
	conn, err := remote.Standard()
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "list" {
		return listGPUs(conn)
	}
	if len(args) < 2 {
		return fmt.Errorf("a helper process needs to be told what to do, not %q", args)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	switch args[0] {
	case "describe":
		return describeGPU(conn, n)
	case "check":
		d, err := checkGPU(n)
		if err != nil {
			d.Error = err.Error()
		}
		return json.NewEncoder(conn).Encode(d)
	case "serve":
		return serveGPU(conn, n, len(args) > 2 && args[2] == "exact", wrap)
	}
	return fmt.Errorf("a helper process can't %s", args[0])
}

func listGPUs(w io.Writer) error {
	found, err := gl.List()
	if err != nil && !errors.Is(err, gl.ErrUnavailable) {
		return err
	}
	list := []described{}
	for _, f := range found {
		d := described{Info: f.Info}
		if f.Error != nil {
			d.Error = f.Error.Error()
		}
		list = append(list, d)
	}
	return json.NewEncoder(w).Encode(list)
}

func describeGPU(w io.Writer, n int) error {
	g, err := gl.Open(n)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(w).Encode(described{Info: g.Info()}), g.Close())
}

// checkGPU makes the self-check of a GPU and measures it. A GPU whose memory is full at present can't be measured, which is no fault of it.
func checkGPU(n int) (d described, err error) {
	g, err := gl.Open(n)
	if err != nil {
		return d, err
	}
	if err = gl.Check(g); err == nil {
		if d.Speed, err = measureGPU(g); errors.Is(err, gl.ErrOutOfMemory) {
			err = nil
		}
	}
	d.Uses, _ = g.Variants()
	return d, errors.Join(err, g.Close())
}

func serveGPU(conn io.ReadWriter, n int, exact bool, wrap func(kernels.Device) kernels.Device) error {
	g, err := gl.Open(n)
	if err != nil {
		return err
	}
	defer g.Close()
	memory := int64(memoryShare * float64(g.Info().MemoryBytes))
	if free := g.Info().FreeBytes; free > 0 {
		memory = min(memory, free)
	}
	dev, err := gl.New(gl.Options{GPU: g, Exact: exact, Memory: memory})
	if err != nil {
		return err
	}
	if wrap != nil {
		dev = wrap(dev)
	}
	read := func(path string) ([]byte, error) {
		data, _, err := models.Map(path) // until the process ends
		return data, err
	}
	return remote.Serve(conn, dev, remote.ServeOptions{Map: read, Errors: gpuErrors}, func() { os.Exit(0) })
}

// ask runs a helper process that answers with JSON.
func ask(ctx context.Context, helper []string, limit time.Duration, answer any, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, helper[0], append(helper[1:len(helper):len(helper)], args...)...)
	cmd.WaitDelay = time.Second
	var out, notes bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &notes
	switch err := cmd.Run(); {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return remote.ErrTimeout
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %v %s", remote.ErrEnded, err, lastOf(notes.Bytes()))
	}
	return json.Unmarshal(out.Bytes(), answer)
}

// lastOf returns the last line of what a process has written.
func lastOf(b []byte) []byte {
	b = bytes.TrimSpace(b)
	return b[bytes.LastIndexByte(b, '\n')+1:]
}

// connect starts a helper process that runs the device of a GPU.
func (g *gpus) connect(n int, exact, software bool) (kernels.Device, error) {
	args := append(g.helper[1:len(g.helper):len(g.helper)], "serve", strconv.Itoa(n))
	if exact {
		args = append(args, "exact")
	}
	cmd := exec.Command(g.helper[0], args...)
	cmd.Stderr = logfile.Libraries()
	conn, err := remote.Start(cmd)
	if err != nil {
		return nil, err
	}
	limit := g.timeout
	switch {
	case limit == 0 && software:
		limit = 10 * time.Minute
	case limit == 0:
		limit = time.Minute
	}
	return remote.Open(conn, remote.Options{Timeout: limit, Locate: models.Locate, Errors: gpuErrors})
}
