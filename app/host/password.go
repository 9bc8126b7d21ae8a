package host

import (
	"errors"
	"os"
	"strings"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/registry"
)

// Variables of the environment with the password of encrypted models, or with the path of a file that holds it.
const (
	PasswordVariable     = "SOBERANO_MODEL_PASSWORD"
	PasswordFileVariable = "SOBERANO_MODEL_PASSWORD_FILE"
)

// Password returns the password that the environment gives; given is false if it gives none.
func Password() (password []byte, given bool, err error) {
	if text, ok := os.LookupEnv(PasswordVariable); ok {
		return []byte(text), true, nil
	}
	if path := os.Getenv(PasswordFileVariable); path != "" {
		password, err = PasswordIn(path)
		return password, true, err
	}
	return nil, false, nil
}

// PasswordIn returns the password in a file: its content without a line end.
func PasswordIn(path string) ([]byte, error) {
	b, err := models.ReadSmall(path, 4096)
	return []byte(strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")), err
}

// read opens a model. An encrypted one that has not been unlocked is unlocked with the password that the environment gives.
func read(path string) (*models.File, error) {
	f, err := registry.Read(path)
	if !errors.Is(err, apr.ErrPassword) {
		return f, err
	}
	password, given, failed := Password()
	if !given || failed != nil {
		return nil, errors.Join(failed, err)
	}
	if err := apr.Unlock(path, password); err != nil {
		return nil, err
	}
	return registry.Read(path)
}
