package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"soberano/asr/whisper"
	"soberano/engine"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/convert"
	"soberano/models/importance"
	"soberano/models/registry"
)

// modelsConvert is `soberano models convert`.
func modelsConvert() *cobra.Command {
	var o convert.Options
	var compression, matrix, passwordFile string
	var encrypt, sign bool
	var shard float64
	cmd := &cobra.Command{
		Use: "convert MODEL OUT", Short: "Write a model in another format or with weights of another type", Args: arguments(cobra.ExactArgs(2)),
		Long: "Write a model, of the library or at a path, to a file in the format that its name says: .gguf or .apr, or a folder of Hugging Face\n" +
			"for a name without an extension. Metadata, tokenizer and chat template are kept. The file appears when it is complete. After an interruption the same command goes on where\n" +
			"it was stopped, within a week, unless the file is compressed or encrypted.\n\n" +
			"Types: " + strings.Join(convert.Types(), ", "),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.APR.Compression, err = compressionNamed(compression); err != nil {
				return err
			}
			o.Shard = uint64(shard * 1e9)
			switch {
			case matrix != "" && o.Type == "":
				return usagef("--imatrix is for --type: weights that keep their type are copied")
			case (encrypt || sign) && !strings.EqualFold(filepath.Ext(args[1]), ".apr"):
				return usagef("--encrypt and --sign are for .apr files")
			case encrypt && compression != "":
				return usagef("--encrypt: an encrypted file can't be compressed")
			case compression != "" && shard > 0:
				return usagef("--compress is for a single file, not for --shard")
			case matrix != "":
				if o.Importance, err = importance.Open(matrix); err != nil {
					return inFolder(matrix, err)
				}
			}
			e, err := namedModel(readLibrary(), args[0], anyKind)
			if err != nil {
				return err
			}
			if sign {
				if o.APR.Key, err = signingKey(); err != nil {
					return err
				}
			}
			if o.Card, err = e.Card(); err != nil {
				return err
			}
			if encrypt {
				password, err := newPassword(passwordFile)
				if err != nil {
					return err
				}
				o.APR.Lock = apr.NewLock(password)
			}
			f, err := registry.Read(e.Path())
			if err != nil {
				return inFolder(args[0], err)
			}
			defer f.Close()
			line := progress("reading")
			if err := e.Hash(cmd.Context(), line.report()); err != nil {
				return err
			}
			line.end()
			o.Source = e.Source(madeHow(o.Type, matrix))
			line = progress("writing")
			o.Progress, o.Tokens, o.Vocabulary, o.TokenizerFiles = line.report(), whisper.Tokens, engine.Vocabulary, engine.TokenizerFiles
			var written []string
			o.Written = func(paths []string) { written = paths }
			err = convert.Convert(cmd.Context(), f, args[1], o)
			line.end()
			if errors.Is(err, context.Canceled) && !encrypt && compression == "" {
				warnf("The same command goes on where it was stopped.")
			}
			if err != nil {
				return convertError(args[1], err)
			}
			if f.Meta[apr.SignedBy] != nil && !sign {
				warnf("The signature of the source does not hold for what was written; --sign adds your own.")
			}
			if len(written) > 1 {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is written, the first of %d files of the model.\n", models.Printable(written[0]), len(written))
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is written.\n", models.Printable(written[0]))
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.Type, "type", "", "the type of the weights, or a mix of types (default: as they are)")
	fs.StringVar(&matrix, "imatrix", "", "a `file` of soberano models imatrix or of llama.cpp: errors are kept small where they matter more")
	fs.StringVar(&compression, "compress", "", "compress an .apr file: lz4 or zstd (it is then loaded into memory instead of being mapped)")
	fs.BoolVar(&encrypt, "encrypt", false, "encrypt the weights of an .apr file under a password, which is asked for; name, tokenizer and model card stay readable")
	fs.StringVar(&passwordFile, "password-file", "", "a file that holds the password for --encrypt")
	fs.BoolVar(&sign, "sign", false, "sign an .apr file with the key that soberano models keygen makes")
	numberFlag(fs, &shard, "shard", "", 0, math.MaxInt32, "write several files of at most so many GB of weights each")
	fs.BoolVar(&o.Replace, "replace", false, "overwrite a file that exists")
	return cmd
}

// madeHow says how a file is made by a conversion.
func madeHow(typ, matrix string) string {
	switch {
	case typ == "":
		return ""
	case matrix == "":
		return "type " + typ
	}
	return "type " + typ + ", importance matrix " + models.Printable(filepath.Base(matrix))
}

// compressionNamed returns the compression that a flag names.
func compressionNamed(name string) (apr.Compression, error) {
	switch name {
	case "":
		return apr.Plain, nil
	case "lz4":
		return apr.LZ4, nil
	case "zstd":
		return apr.ZSTD, nil
	}
	return apr.Plain, usagef("--compress: %s is not known, only lz4 and zstd", models.Quote(name))
}

// convertError returns the error of a conversion to out in words.
func convertError(out string, err error) error {
	if e, ok := errors.AsType[*convert.ExistsError](err); ok {
		return told{fmt.Errorf("%w; --replace overwrites it", e)}
	}
	if e, ok := errors.AsType[*convert.FullError](err); ok {
		return told{e}
	}
	if e, ok := errors.AsType[*importance.ShapeError](err); ok {
		return told{e}
	}
	if e, ok := errors.AsType[*convert.BusyError](err); ok {
		return told{e}
	}
	if e, ok := errors.AsType[*convert.TypeError](err); ok {
		return usagef("--type: %v", e)
	}
	if e, ok := errors.AsType[*convert.NameError](err); ok {
		return usagef("%s: %v", models.Printable(filepath.Base(out)), e)
	}
	return err
}
