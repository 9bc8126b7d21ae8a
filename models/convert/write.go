package convert

import (
	"io"
	"maps"
	"path/filepath"
	"strings"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/gguf"
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
	if !m.speech {
		meta, tensors = apr.Language(meta, tensors)
	}
	if o.Shard == 0 {
		return dst.file(dst.name, func(w io.Writer) error { return apr.WriteSources(w, meta, tensors, m.aux, o.Compression) })
	}
	base := strings.TrimSuffix(dst.name, filepath.Ext(dst.name))
	shards, manifest, err := apr.Shards(base, meta, tensors, m.aux, o.Shard)
	if err != nil {
		return err
	}
	for _, s := range shards {
		if err := dst.file(s.Name, s.Write); err != nil {
			return err
		}
	}
	return dst.file(base+apr.ManifestSuffix, func(w io.Writer) error {
		_, err := w.Write(manifest)
		return err
	})
}
