package convert

import (
	"io"
	"maps"
	"path/filepath"
	"strings"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/gguf"
	"soberano/models/huggingface"
	"soberano/models/safetensors"
)

// writeGGUF writes a GGUF file, or several.
func (m *model) writeGGUF(dst *destination, tensors []models.Source, o Options) error {
	meta := maps.Clone(m.meta)
	maps.DeleteFunc(meta, func(key string, _ any) bool { return strings.HasPrefix(key, "split.") })
	if o.Shard == 0 {
		return dst.file(dst.name, func(w io.Writer) error { return gguf.WriteSources(w, meta, tensors) })
	}
	parts, err := gguf.Parts(strings.TrimSuffix(dst.name, filepath.Ext(dst.name)), meta, tensors, o.Shard)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := dst.file(p.Name, p.Write); err != nil {
			return err
		}
	}
	return nil
}

// writeAPR writes an APR file, or several with their manifest.
func (m *model) writeAPR(dst *destination, tensors []models.Source, o Options) error {
	meta := m.meta
	switch {
	case m.folder != "":
		meta = apr.Folder(meta, tensors)
	case !m.speech:
		meta, tensors = apr.Language(meta, tensors)
	}
	if o.Card != "" {
		meta[apr.Card] = strings.ToValidUTF8(o.Card, "\uFFFD")
	}
	if o.Shard == 0 {
		return dst.file(dst.name, func(w io.Writer) error { return apr.WriteSources(w, meta, tensors, m.aux, o.APR) })
	}
	base := strings.TrimSuffix(dst.name, filepath.Ext(dst.name))
	shards, manifest, err := apr.Shards(base, meta, tensors, m.aux, o.Shard, o.APR)
	if err != nil {
		return err
	}
	for _, s := range shards {
		if err := dst.file(s.Name, s.Write); err != nil {
			return err
		}
	}
	return dst.bytes(base+apr.ManifestSuffix, manifest)
}

// writeFolder writes a folder of Hugging Face.
func (m *model) writeFolder(dst *destination, tensors []models.Source, o Options) error {
	dst.folder = true
	head := models.Metadata{"format": "pt"}
	maps.Copy(head, huggingface.Description(m.meta))
	maps.Copy(head, o.Source)
	parts, index, err := safetensors.Parts(head, tensors, o.Shard)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := dst.file(p.Name, p.Write); err != nil {
			return err
		}
	}
	beside := map[string][]byte{safetensors.Index: index, "README.md": []byte(o.Card)}
	for name, b := range m.aux {
		if safetensors.Companion(name) { // otherwise it is a list of bytes of an APR file
			beside[name] = b
		}
	}
	maps.DeleteFunc(beside, func(_ string, b []byte) bool { return len(b) == 0 })
	for name, b := range beside {
		if err := dst.bytes(name, b); err != nil {
			return err
		}
	}
	return nil
}
