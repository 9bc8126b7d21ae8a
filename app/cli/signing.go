package cli

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/convert"
	"soberano/models/registry"
)

// signingKey returns the key of `soberano models keygen`.
func signingKey() (ed25519.PrivateKey, error) {
	key, err := registry.SigningKey()
	if errors.Is(err, models.ErrNotFound) {
		err = told{errors.New("there is no signing key yet; `soberano models keygen` makes one")}
	}
	return key, err
}

func modelsKeygen() *cobra.Command {
	return &cobra.Command{
		Use: "keygen", Short: "Make the key that signs .apr files, if there is none, and print its public part", Args: arguments(cobra.NoArgs),
		Long: "Make the key that signs .apr files, if there is none, and print its public part, which others give to `soberano models trust`.\n" +
			"The key is kept in the data folder, in the file " + registry.SigningKeyFile + ", which only you can read: whoever has it can sign in your name.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := registry.DataDir()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			f, err := os.OpenFile(filepath.Join(dir, registry.SigningKeyFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err == nil {
				err = writeKey(f)
			}
			if err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			key, err := signingKey()
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), registry.PublicKey(key))
			}
			return err
		},
	}
}

// writeKey makes a key and writes it to f, which it closes. After an error there is no file.
func writeKey(f *os.File) error {
	_, key, err := ed25519.GenerateKey(nil)
	if err == nil {
		_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(key.Seed()))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func modelsSign() *cobra.Command {
	return &cobra.Command{
		Use: "sign FILE…", Short: "Sign .apr files with the key of soberano models keygen", Args: arguments(cobra.MinimumNArgs(1)),
		Long: "Sign .apr files. Each is written again with the signature and takes the place of the old one when it is complete. `soberano models verify` checks it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := signingKey()
			if err != nil {
				return err
			}
			for _, path := range args {
				if err := convert.Sign(cmd.Context(), path, key); err != nil {
					return inFolder(path, err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is signed by %s.\n", models.Printable(path), registry.PublicKey(key))
			}
			return nil
		},
	}
}

func modelsTrust() *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use: "trust [KEY NAME]", Short: "List the keys of people whose signatures you trust, or add one", Args: arguments(cobra.MaximumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, path, err := registry.TrustedKeys()
			switch {
			case err != nil:
				return err
			case remove && len(args) == 1:
				return writeTrusted(path, slices.DeleteFunc(list, func(t registry.Trusted) bool { return t.Key == args[0] || t.Name == args[0] }))
			case remove || len(args) == 1:
				return usagef("a key and the name of its owner are needed; with --remove one of them")
			case len(args) == 2:
				return addTrusted(path, list, registry.Trusted{Key: args[0], Name: args[1]})
			}
			for _, t := range list {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", t.Key, models.Printable(t.Name))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "remove the key, which is named by itself or its owner")
	return cmd
}

// addTrusted adds a key to the list in the file path, in place of an entry with the same key.
func addTrusted(path string, list []registry.Trusted, t registry.Trusted) error {
	b, err := base64.StdEncoding.DecodeString(t.Key)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return usagef("%s is no public key; soberano models keygen prints one", models.Quote(t.Key))
	}
	if t.Name = strings.TrimSpace(t.Name); t.Name == "" || strings.ContainsFunc(t.Name, func(r rune) bool { return r < ' ' }) {
		return usagef("the name of the key's owner is one line of text")
	}
	return writeTrusted(path, append(slices.DeleteFunc(list, func(old registry.Trusted) bool { return old.Key == t.Key }), t))
}

// writeTrusted writes the list to the file path, in one step.
func writeTrusted(path string, list []registry.Trusted) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".trusted-keys-*")
	if err != nil {
		return err
	}
	for _, t := range list {
		if err == nil {
			_, err = fmt.Fprintf(f, "%s %s\n", t.Key, t.Name)
		}
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// seal adds what an intact APR file says about its signature and encryption.
func (v *verified) seal(path string) error {
	f, err := apr.Peek(path)
	if errors.Is(err, apr.ErrPassword) {
		v.Encrypted = true
		return nil
	}
	if err != nil {
		return err
	}
	v.SignedBy, _ = f.Meta[apr.SignedBy].(string)
	v.Encrypted = f.Meta[apr.Encrypted] == true
	v.Signer, err = registry.Signer(v.SignedBy, "your own key")
	return errors.Join(err, f.Close())
}

// printSeal prints what seal has found.
func (v verified) printSeal(out io.Writer) {
	if v.Encrypted {
		fmt.Fprintln(out, "  encrypted: compared with its checksum; the values of its weights were not looked at")
	}
	switch {
	case v.SignedBy == "":
	case v.Signer == "":
		fmt.Fprintf(out, "  signed by %s, a key that is not among those that you trust (soberano models trust)\n", v.SignedBy)
	default:
		fmt.Fprintf(out, "  signed by %s (%s)\n", models.Printable(v.Signer), v.SignedBy)
	}
}
