package api

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"soberano/models"
)

// KeyFile is the name of the file with the key, in the data folder. Only the user can read it.
const KeyFile = "api-key"

// Key returns the key of a data folder. Without one it makes one, and made is true.
func Key(dir string) (key string, made bool, err error) {
	path := filepath.Join(dir, KeyFile)
	data, err := models.ReadSmall(path, 4096)
	if errors.Is(err, os.ErrNotExist) {
		key, err := NewKey(dir)
		return key, true, err
	}
	if err != nil {
		return "", false, fmt.Errorf("api: the key can't be read: %w", err)
	}
	if key = strings.TrimSpace(string(data)); len(key) < 16 {
		return "", false, fmt.Errorf("api: %s holds no key; remove it, and a new one is made", models.Printable(path))
	}
	return key, false, os.Chmod(path, 0o600) // other users can't read it, however it came there
}

// NewKey makes a key and stores it in the place of an earlier one.
func NewKey(dir string) (string, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	key := "sob-" + base64.RawURLEncoding.EncodeToString(raw)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".api-key-*") // which only the user can read
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(key + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, KeyFile))
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return key, nil
}
