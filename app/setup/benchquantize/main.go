// Command benchquantize compares our quantizer with llama-quantize: both encode the same float16 files, and this program's engine
// scores the results. It prints a table in Markdown, a line as soon as it is known.
//
//	benchquantize -soberano build/soberano-cli -peer llama-quantize -text FILE [-types Q4_K_M,Q6_K] [-imatrix] [-keep DIR] FILE.gguf…
//
// The sources are made of quantized files, since their originals are not at hand. As their weights lie on few levels, which a quantizer of the same type finds
// again, they are dithered: each weight gets a random number of up to half a step of its old type, which spreads them as in an original.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"soberano/engine"
	"soberano/kernels/cpu"
	"soberano/models/registry"
)

type options struct {
	soberano, peer, text, types, dir string
	imatrix, files                   bool
	chunks, context, threads         int
}

func main() {
	var o options
	flag.StringVar(&o.soberano, "soberano", "build/soberano-cli", "our command line")
	flag.StringVar(&o.peer, "peer", "", "llama-quantize; without it ours is measured alone")
	flag.StringVar(&o.text, "text", "", "a text: the first half is scored, the second gives the importance matrix")
	flag.StringVar(&o.types, "types", "Q2_K,Q3_K_S,Q3_K_M,Q4_0,Q4_1,Q4_K_S,Q4_K_M,IQ4_XS,IQ4_NL,MXFP4,Q5_0,Q5_1,Q5_K_S,Q5_K_M,Q6_K,Q8_0", "types and mixes")
	flag.StringVar(&o.dir, "keep", "", "folder that keeps the sources and importance matrices (default: none is kept)")
	flag.BoolVar(&o.imatrix, "imatrix", false, "with an importance matrix")
	flag.BoolVar(&o.files, "files", false, "compare times and sizes only")
	flag.IntVar(&o.chunks, "chunks", 4, "chunks that are scored")
	flag.IntVar(&o.context, "ctx", 512, "tokens of a chunk")
	flag.IntVar(&o.threads, "threads", 2, "threads of each quantizer")
	flag.Parse()
	if err := o.run(context.Background(), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "benchquantize:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context, files []string) error {
	if o.text == "" || len(files) == 0 {
		return errors.New("-text and model files are needed (see -h)")
	}
	b, err := os.ReadFile(o.text)
	if err != nil {
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "benchquantize"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	}
	half := len(b) / 2
	other := filepath.Join(o.dir, "importance.txt")
	if err := os.WriteFile(other, b[half:], 0o600); err != nil {
		return err
	}
	fmt.Println("| model | type | size, ours : peer | perplexity, ours | peer | ratio | KL to the source, ours | peer | ratio | user seconds, ours | peer | ratio |")
	fmt.Println(strings.Repeat("|---", 12) + "|")
	for _, f := range files {
		if err := o.model(ctx, f, string(b[:half]), other); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(f), err)
		}
	}
	return nil
}

// model compares all types of one model.
func (o *options) model(ctx context.Context, file, text, other string) error {
	name := strings.TrimSuffix(filepath.Base(file), ".gguf")
	source := filepath.Join(o.dir, name+"-source.gguf")
	if err := dithered(file, source); err != nil {
		return err
	}
	matrix := ""
	if o.imatrix {
		matrix = filepath.Join(o.dir, name+".imatrix.gguf")
		if _, err := os.Stat(matrix); err != nil {
			if _, err := timed(o.soberano, "models", "imatrix", source, other, "-o", matrix, "--chunks", "8"); err != nil {
				return err
			}
		}
	}
	var want *engine.Predictions
	if !o.files {
		err := o.open(source, func(m *engine.Model) (err error) {
			want, err = m.Predict(ctx, text, o.context, o.chunks)
			return err
		})
		if err != nil {
			return err
		}
		fmt.Printf("| %s | F16 | | %.3f | | | | | | | | |\n", name, want.PPL)
	}
	for _, typ := range strings.Split(o.types, ",") {
		if err := o.compare(ctx, name, typ, source, matrix, want); err != nil {
			return fmt.Errorf("%s: %w", typ, err)
		}
	}
	return nil
}

// result is what one quantizer made.
type result struct {
	seconds float64
	bytes   int64
	engine.Divergence
}

func (o *options) compare(ctx context.Context, name, typ, source, matrix string, want *engine.Predictions) error {
	out := [2]string{filepath.Join(o.dir, "ours.gguf"), filepath.Join(o.dir, "peer.gguf")}
	defer os.Remove(out[0])
	defer os.Remove(out[1])
	ours := []string{o.soberano, "models", "convert", source, out[0], "--type", typ, "--replace"}
	theirs := []string{o.peer}
	if matrix != "" {
		ours, theirs = append(ours, "--imatrix", matrix), append(theirs, "--imatrix", matrix)
	}
	peerType := typ
	if typ == "MXFP4" {
		peerType = "MXFP4_MOE" // its name there, though it is for all models
	}
	theirs = append(theirs, source, out[1], peerType, fmt.Sprint(o.threads))
	var r [2]result
	commands := [][]string{ours, theirs}
	if o.peer == "" {
		commands = commands[:1]
	}
	for i, command := range commands {
		var err error
		if r[i].seconds, err = timed(command...); err != nil {
			return err
		}
		st, err := os.Stat(out[i])
		if err != nil {
			return err
		}
		if r[i].bytes = st.Size(); want == nil {
			continue
		}
		err = o.open(out[i], func(m *engine.Model) (err error) {
			r[i].Divergence, err = m.Diverge(ctx, want)
			return err
		})
		if err != nil {
			return err
		}
	}
	a, b := r[0], r[1]
	if matrix != "" {
		typ += " + imatrix"
	}
	fmt.Printf("| %s | %s | %.4f | %.3f | %.3f | %.4f | %.5f | %.5f | %.3f | %.1f | %.1f | %.2f |\n", name, typ, float64(a.bytes)/float64(b.bytes),
		a.PPL, b.PPL, a.PPL/b.PPL, a.KL, b.KL, a.KL/b.KL, a.seconds, b.seconds, a.seconds/b.seconds)
	return nil
}

// timed runs a command and returns its processor seconds of the user.
func timed(command ...string) (float64, error) {
	c := exec.Command(command[0], command[1:]...)
	if b, err := c.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", filepath.Base(command[0]), err, b[max(0, len(b)-500):])
	}
	return c.ProcessState.UserTime().Round(time.Millisecond).Seconds(), nil
}

// open opens a model while use runs.
func (o *options) open(path string, use func(*engine.Model) error) error {
	f, err := registry.Read(path)
	if err != nil {
		return err
	}
	dev, err := cpu.New(cpu.Options{Threads: o.threads})
	if err != nil {
		return errors.Join(err, f.Close())
	}
	m, err := engine.Open(f, dev, engine.Options{Context: o.context})
	if err != nil {
		return err
	}
	return errors.Join(use(m), m.Close())
}
