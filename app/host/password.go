package host

import (
	"context"
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

// AskPassword asks a person for the password of the model of an entry, and calls unlock with what is given until that returns nil. unlock takes a moment; its
// error wraps apr.ErrWrongPassword if the password is wrong. asked is false if the person gives none, or ctx ends.
type AskPassword func(ctx context.Context, e registry.Entry, unlock func(password []byte) error) (asked bool)

// passwords has how passwords are asked for.
type passwords struct {
	turn chan struct{} // one is asked for at a time
	ask  AskPassword   // nil: none is. The Host's mutex guards it.
}

// SetAskPassword sets how the passwords of encrypted models are asked for that the environment does not give. ask is called from any goroutine. nil: they
// are not; then such a model can't be opened.
func (h *Host) SetAskPassword(ask AskPassword) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passwords.ask = ask
}

// unlocked opens the file of an entry; if it is encrypted, its password is asked for. Without one, the error wraps apr.ErrPassword.
func (h *Host) unlocked(ctx context.Context, e registry.Entry) (*models.File, error) {
	f, err := read(e.Path())
	h.mu.Lock()
	ask := h.passwords.ask
	h.mu.Unlock()
	if ask == nil || !needsPassword(err) {
		return f, err
	}
	select {
	case h.passwords.turn <- struct{}{}:
		defer func() { <-h.passwords.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f, err = read(e.Path()); !needsPassword(err) { // it was unlocked meanwhile
		return f, err
	}
	path := e.Path()
	if locked, ok := errors.AsType[*models.FileError](err); ok {
		path = locked.Path
	}
	if !ask(ctx, e, func(password []byte) error { return apr.Unlock(path, password) }) {
		return nil, errors.Join(ctx.Err(), err)
	}
	return registry.Read(e.Path())
}

// needsPassword reports whether err is that of a file whose password is not known, or not given rightly by the environment.
func needsPassword(err error) bool {
	return errors.Is(err, apr.ErrPassword) || errors.Is(err, apr.ErrWrongPassword)
}
