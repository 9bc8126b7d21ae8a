package registry

import (
	"bufio"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"soberano/models"
)

// Files of the data folder. Both hold text; only the user can read them.
const (
	SigningKeyFile  = "signing-key"  // the seed of the user's key in base64
	TrustedKeysFile = "trusted-keys" // a line for each key: the public key in base64, a space, its name
)

// Trusted is a public key that the user trusts.
type Trusted struct{ Key, Name string }

// SigningKey returns the key with which the user signs. The error wraps models.ErrNotFound if there is none.
func SigningKey() (ed25519.PrivateKey, error) {
	dir, err := DataDir()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, SigningKeyFile)
	b, err := models.ReadSmall(path, 4096)
	if err != nil {
		return nil, err
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s holds no signing key", models.Printable(path))
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// PublicKey returns the public part of a key as files and lists have it.
func PublicKey(key ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

// TrustedKeys returns the keys that the user trusts, and the file that lists them.
func TrustedKeys() (list []Trusted, path string, err error) {
	dir, err := DataDir()
	if err != nil {
		return nil, "", err
	}
	path = filepath.Join(dir, TrustedKeysFile)
	b, err := models.ReadSmall(path, 1<<20)
	if errors.Is(err, models.ErrNotFound) {
		return nil, path, nil
	}
	lines := bufio.NewScanner(strings.NewReader(string(b)))
	for lines.Scan() {
		if key, name, ok := strings.Cut(lines.Text(), " "); ok {
			list = append(list, Trusted{key, name})
		}
	}
	return list, path, errors.Join(err, lines.Err())
}

// Signer returns the name of the owner of a public key, own for the user's key, and "" for one that the user does not trust.
func Signer(key, own string) (name string, err error) {
	if mine, failed := SigningKey(); failed == nil && key == PublicKey(mine) {
		name = own
	}
	list, _, err := TrustedKeys()
	for _, t := range list {
		if t.Key == key {
			name = t.Name
		}
	}
	return name, err
}
