package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/term"

	"soberano/app/host"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/registry"
)

// attempts is how often a password is asked for.
const attempts = 3

// resolve is registry.Resolve; of an encrypted file whose description needs the password, it is asked for.
func resolve(lib *registry.Library, name string) (registry.Entry, error) {
	e, err := registry.Resolve(lib, name, nil)
	if locked, ok := errors.AsType[*models.FileError](err); ok && errors.Is(err, apr.ErrPassword) {
		if err := unlock(locked.Path); err != nil {
			return e, err
		}
		e, err = registry.Resolve(lib, name, nil)
	}
	if err == nil && e.Format == "apr" {
		err = unlock(e.Path())
	}
	return e, err
}

// unlock asks for the password of the file at path, if it is encrypted and has not been unlocked.
func unlock(path string) error {
	locked, err := apr.Locked(path)
	if err != nil || !locked {
		return nil // opening the file finds what is wrong with it
	}
	if password, given, err := host.Password(); given || err != nil {
		return errors.Join(err, apr.Unlock(path, password))
	}
	for range attempts {
		var password []byte
		if password, err = typed("Password of " + models.Printable(path) + ": "); err != nil {
			return err
		}
		if err = apr.Unlock(path, password); !errors.Is(err, apr.ErrWrongPassword) {
			return err
		}
		warnf("%s", errorText(err))
	}
	return err
}

// typed reads a password from the terminal, without echo.
func typed(prompt string) ([]byte, error) {
	if !isTerminal(os.Stdin) {
		return nil, told{fmt.Errorf("a password is needed, and there is no terminal to type it: set %s, or %s to a file that holds it", host.PasswordVariable, host.PasswordFileVariable)}
	}
	fmt.Fprint(os.Stderr, prompt)
	password, err := readPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	return password, err
}

// readPassword reads a line from a terminal, without echo. An interrupt ends it with an error; the terminal is as before then too.
func readPassword(terminal int) ([]byte, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)
	var password []byte
	read := make(chan error, 1)
	go func() {
		line, err := term.ReadPassword(terminal)
		password = line
		read <- err
	}()
	select {
	case err := <-read:
		return password, err
	case <-interrupted:
		return nil, cmp.Or(term.Restore(terminal, before), error(told{errors.New("interrupted")}))
	}
}

// newPassword returns the password for a file that is to be encrypted; typed ones are asked for twice.
func newPassword(file string) ([]byte, error) {
	var password []byte
	var err error
	var given bool
	if file != "" {
		password, err = host.PasswordIn(file)
	} else if password, given, err = host.Password(); !given && err == nil {
		password, err = typedTwice()
	}
	switch {
	case err != nil:
		return nil, err
	case len(password) == 0:
		return nil, usagef("--encrypt: the password is empty")
	}
	return password, nil
}

func typedTwice() ([]byte, error) {
	password, err := typed("Password for the new file: ")
	if err != nil {
		return nil, err
	}
	again, err := typed("The same again: ")
	if err == nil && !bytes.Equal(password, again) {
		err = told{errors.New("the two passwords differ; nothing was written")}
	}
	return password, err
}
