package asr

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"soberano/asr/audio"
	"soberano/models/defaults"
)

func TestExplore(t *testing.T) {
	dir := os.Getenv("CLIPS")
	if dir == "" {
		t.Skip()
	}
	m, err := Open(defaults.Need(t, "whisper-base"), Options{Exact: os.Getenv("EXACT") != ""})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var beam int
	fmt.Sscan(os.Getenv("BEAM"), &beam)
	files, _ := filepath.Glob(dir)
	for _, f := range files {
		src, err := audio.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var texts []string
		for s, err := range m.Transcribe(context.Background(), src, Params{Beam: beam}) {
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, s.Text)
			t.Logf("   %v - %v %s", s.Start, s.End, s.Text)
		}
		t.Logf("RESULT\t%s\t%.2fs\t%s", filepath.Base(f), time.Since(start).Seconds(), strings.Join(texts, " "))
	}
}
