package main

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
	"soberano/models/registry"
)

// dithered writes the model at path as float16 to out, unless that exists.
func dithered(path, out string) error {
	if _, err := os.Stat(out); err == nil {
		return nil
	}
	f, err := registry.Read(path)
	if err != nil {
		return err
	}
	defer f.Close()
	f.Meta["general.file_type"] = uint64(1) // float16
	var list []models.Source
	for _, t := range f.Tensors {
		if t.Type.BlockValues() == 1 {
			list = append(list, t.Source())
			continue
		}
		list = append(list, models.Source{Name: t.Name, Type: quant.F16, Shape: t.Shape, Copy: func(w io.Writer) error { return dither(w, t) }})
	}
	file, err := os.Create(out + ".partial")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	if err := errors.Join(gguf.WriteSources(w, f.Meta, list), w.Flush(), file.Close()); err != nil {
		return err
	}
	return os.Rename(out+".partial", out)
}

// dither writes t as float16, each value with a random number of up to half a step of its type, as far as the number of bits and the range of 32 values tell it.
func dither(w io.Writer, t models.Tensor) error {
	bits := (8*t.Type.BlockBytes())/t.Type.BlockValues() - min(1, strings.Count(t.Type.String(), "_1")) // Q4_1 has a minimum too, 5 bits a value
	levels := float32(int(1)<<bits - 1)
	cols, size := t.Cols(), t.Type.RowBytes(t.Cols())
	x, b := make([]float32, cols), make([]byte, 2*cols)
	r := rand.New(rand.NewPCG(1, uint64(len(t.Data))))
	for row := range t.Rows() {
		quant.Dequantize(t.Type, x, t.Data[row*size:][:size])
		for run := range slices.Chunk(x, 32) {
			step := (slices.Max(run) - slices.Min(run)) / levels
			for i := range run {
				run[i] += step * (r.Float32() - 0.5)
			}
		}
		quant.Quantize(quant.F16, b, x)
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
