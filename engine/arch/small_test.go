package arch

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels/cpu"
)

var writeSmall = flag.String("small", "", "a folder that the models of testdata/small_*.json are written into")

// TestWriteSmall writes the models whose logits testdata/small.cpp computes with llama.cpp, and those whose vectors
// testdata/small_embed.cpp computes (embed_…), with all weights as float32: go test ./engine/arch -run TestWriteSmall -small FOLDER
func TestWriteSmall(t *testing.T) {
	if *writeSmall == "" {
		t.Skip("only with -small")
	}
	models := map[string]*tiny.Source{}
	for _, name := range smallNames() {
		models[name] = small(name)
		models[name].Meta["general.name"] = "Tiny" // llama.cpp expects certain tokens in models whose name has "phi3"
	}
	for _, name := range tiny.Encoders() {
		models["embed_"+name] = tiny.New(name)
	}
	for name, s := range models {
		s.Float32()
		data, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*writeSmall, name+".gguf"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSmallGolden checks on every instruction set that with float32 arithmetic small models of every kind have the
// logits that llama.cpp computes for the same weights.
func TestSmallGolden(t *testing.T) {
	info, err := cpu.Describe()
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range info.Levels {
		if level == "amx" && os.Getenv("SOBERANO_CPU") != level {
			continue // used only on request
		}
		t.Setenv("SOBERANO_CPU", level)
		for _, name := range smallNames() {
			t.Run(level+"/"+name, func(t *testing.T) { smallGolden(t, name) })
		}
	}
}

func smallGolden(t *testing.T, name string) {
	data, err := os.ReadFile(filepath.Join("testdata", "small_"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var refs []reference
	if err := json.Unmarshal(data, &refs); err != nil {
		t.Fatal(err)
	}
	m, dev, err := openTiny(t, small(name), true)
	if err != nil {
		t.Fatal(err)
	}
	kind, _ := find(name)
	tolerance := cases[kind].tolerance
	if tolerance == 0 {
		tolerance = 1e-5
	}
	for _, ref := range refs {
		checkReference(t, m, dev, ref, tolerance)
	}
}
