package filekind

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"soberano/asr/audio"
	"soberano/models"
	"soberano/models/gguf"
)

func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// samples returns the beginnings of a recording, a model and a photo.
func samples(t *testing.T) (wav, model, photo []byte) {
	t.Helper()
	var w, m bytes.Buffer
	if err := audio.WriteWAV(&w, 16000, make([]float32, 1600)); err != nil {
		t.Fatal(err)
	}
	if err := gguf.Write(&m, models.Metadata{"general.architecture": "llama"}, nil); err != nil {
		t.Fatal(err)
	}
	return w.Bytes(), m.Bytes(), []byte("\x00\x00\x00\x20ftypheic\x00\x00\x00\x00mif1heic")
}

// The content decides; the name is used only if the content is not conclusive.
func TestOf(t *testing.T) {
	dir := t.TempDir()
	wav, model, photo := samples(t)
	for _, c := range []struct {
		name    string
		content []byte
		want    Kind
	}{
		{"talk.wav", wav, Recording}, {"talk", wav, Recording}, {"talk.bin", wav, Recording}, {"talk.txt", wav, Recording},
		{"m.gguf", model, Model}, {"m", model, Model}, {"m.wav", model, Model},
		{"photo.heic", photo, Picture}, {"photo.mp4", photo, Picture}, {"photo", photo, Picture},
		{"a.pdf", []byte("%PDF-1.7\n"), Document}, {"a.mp3", []byte("%PDF-1.7\n"), Document}, {"a.zip", []byte("PK\x03\x04 and so on"), Other},
		{"empty.wav", nil, Recording}, {"letter.wav", []byte("Dear Ada"), Recording}, {"zeros.flac", make([]byte, 4096), Recording}, {"page.mp3", []byte("<!doctype html><p>Sign in"), Recording},
		{"empty.gguf", nil, Model}, {"page.gguf", []byte("<!doctype html><p>Sign in"), Model},
		{"letter.txt", []byte("Dear Ada"), Text}, {"brief", []byte("Sehr geehrte Frau Müller\r\n"), Text}, {"noise", []byte("a\x00b"), Unknown}, {"empty", nil, Unknown},
		{"a.docx", []byte("PK\x03\x04 and so on [Content_Types].xml"), Document}, {"a.epub", []byte("PK\x03\x04 and so on"), Document}, {"a.rtf", []byte("{\\rtf1"), Document}, {"a.xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), Document}, {"data.json", []byte(`{"a":1}`), Model},
		{"a.svg", []byte("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), Picture}, {"b.svg", []byte("\ufeff<?xml version=\"1.0\"?>\n<!-- made -->\n<svg>"), Picture},
		{"c.txt", []byte("An <svg> element"), Text}, {"d.xml", []byte("<?xml version=\"1.0\"?><svgs/>"), Text},
	} {
		if got := Of(write(t, dir, c.name, c.content)); got != c.want {
			t.Errorf("%s: %d, expected %d", c.name, got, c.want)
		}
	}
	for path, want := range map[string]Kind{t.TempDir(): Unknown, "/nowhere/a.wav": Recording, "/nowhere/a.gguf": Model, "/nowhere/a": Unknown, os.DevNull: Unknown} {
		if got := Of(path); got != want {
			t.Errorf("%s: %d, expected %d", path, got, want)
		}
	}
}

func TestLooksLikePath(t *testing.T) {
	for word, want := range map[string]bool{"nosuch.wav": true, "nosuch.GGUF": true, "report.pdf": true, "a.docx": true, "notes.txt": true, "talks/today": true, "./x": true,
		"sing": false, "trnscribe": false, "v1.2": false, "": false} {
		if got := LooksLikePath(word); got != want {
			t.Errorf("%q: %v", word, got)
		}
	}
}
