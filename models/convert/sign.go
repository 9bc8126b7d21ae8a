package convert

import (
	"context"
	"crypto/ed25519"
	"io"
	"os"
	"path/filepath"

	"soberano/models"
	"soberano/models/apr"
)

// Sign writes the APR file at path with a signature; it takes the place of the old one, in one step, when it is complete, and keeps its permissions. A link is followed. Errors are those of apr.Sign and Convert.
func Sign(ctx context.Context, path string, key ed25519.PrivateKey) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return models.NotReadable(path, err)
	}
	path = target
	st, err := os.Stat(path)
	if err != nil {
		return models.NotReadable(path, err)
	}
	dst, err := create(path, true)
	if err != nil {
		return err
	}
	defer dst.discard()
	if err := dst.file(dst.name, func(w io.Writer) error { return apr.Sign(ctx, w, path, key) }); err != nil {
		return dst.explain(err)
	}
	if err := os.Chmod(filepath.Join(dst.files(), dst.name), st.Mode().Perm()); err != nil {
		return err
	}
	return dst.explain(dst.commit())
}
