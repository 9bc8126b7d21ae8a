package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"soberano/app/api"
	"soberano/app/choice"
	"soberano/app/host"
	"soberano/engine/serve"
	"soberano/models"
	"soberano/models/registry"
)

const serveLong = `Answer requests of other programs on this machine over HTTP, in the forms of the APIs of OpenAI,
Anthropic, Ollama and text-generation-inference, until Ctrl+C; /openapi.json describes them.

Programs need the address that is printed, with /v1 for those of OpenAI's API, and the key, which is made at the first start and kept in
the data folder: --show-key prints it, --new-key makes another one. Models are named as in ` + "`soberano models list`" + `; a request that names none
gets the one that was chosen in the window. With --model only the named models are offered, and the first one of its kind is used where
none is named. They are opened when they are needed, and share the memory that is free.

An adapter of --lora is offered as a model of its name, which is the model that is used where none is named, with the adapter; MODEL:NAME is another model with it.
A request of the form of OpenAI can also have "lora": [{"id": NAME, "scale": 0.5}], and one of text-generation-inference "adapter_id".

Only programs on the same machine reach 127.0.0.1. With another --address, others in the network do: what they send is not encrypted.`

// serveFlags are the flags of `soberano serve`.
type serveFlags struct {
	address         string
	models          []string
	adapters        []string // of --lora
	showKey, newKey bool
	settings        host.Settings
	requests        int
}

func serveCommand() *cobra.Command {
	f := serveFlags{address: api.DefaultAddress, requests: 128}
	cmd := &cobra.Command{
		Use: "serve", Short: "Answer requests of other programs over HTTP", Long: serveLong, Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.address, "address", f.address, "host:port to listen on; port 0: a free one")
	fs.VarP((*modelNames)(&f.models), "model", "m", "a model to offer, of the library or by its path; may be repeated (default: all of the library)")
	fs.StringArrayVar(&f.adapters, "lora", nil, "an adapter of chat models, `name=path`: a GGUF file, or a folder of PEFT; may be repeated")
	fs.BoolVar(&f.showKey, "show-key", false, "print the key and end")
	fs.BoolVar(&f.newKey, "new-key", false, "make another key, print it and end; the earlier one is no longer valid")
	numberFlag(fs, &f.requests, "requests", "", 1, 65536, "requests that are answered or wait at the same time; others are refused")
	contextFlag(fs, &f.settings.Context)
	kvFlag(fs, &f.settings.KV)
	threadsFlag(fs, &f.settings.Threads)
	gpuFlags(fs, &f.settings.GPU)
	expertsFlag(fs, &f.settings.GPU)
	return cmd
}

// modelNames is a flag that may be repeated.
type modelNames []string

func (m *modelNames) String() string { return "" }
func (m *modelNames) Type() string   { return "model" }

// Set implements pflag.Value.
func (m *modelNames) Set(text string) error {
	if text == "" {
		return errors.New("the name is empty")
	}
	*m = append(*m, text)
	return nil
}

func (f *serveFlags) run(cmd *cobra.Command) error {
	dir, err := registry.DataDir()
	if err != nil {
		return err
	}
	if f.newKey || f.showKey {
		return f.printKey(cmd, dir)
	}
	local, err := f.check()
	if err != nil {
		return err
	}
	key, made, err := api.Key(dir)
	if err != nil {
		return err
	}
	h := host.New(host.Options{Helper: host.Helper(), GPUFailed: func(err error) { warnf("soberano: %s", errorText(err)) }})
	err = f.serve(cmd, h, dir, key, made, local)
	return errors.Join(err, h.Close())
}

// check returns whether only this machine reaches the address, or a usage error.
func (f *serveFlags) check() (local bool, err error) {
	_, port, err := net.SplitHostPort(f.address)
	if err != nil {
		return false, usagef("--address is host:port, as in %s", api.DefaultAddress)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return false, usagef("--address: %q is no port", port)
	}
	return api.Loopback(f.address)
}

// printKey prints the key, which it makes if there is none or if another one is asked for.
func (f *serveFlags) printKey(cmd *cobra.Command, dir string) error {
	key, _, err := api.Key(dir)
	if f.newKey {
		key, err = api.NewKey(dir)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
	return err
}

// serve answers requests until the command's context ends.
func (f *serveFlags) serve(cmd *cobra.Command, h *host.Host, dir, key string, made, local bool) error {
	catalog, err := f.catalog(h, dir)
	if err != nil {
		return err
	}
	s, err := api.Start(api.Options{Address: f.address, Key: key, Folder: dir, Models: catalog, Version: fullVersion(buildCommit()), Limits: serve.Limits{Requests: f.requests}})
	if _, bad := errors.AsType[*api.AddressError](err); bad {
		return told{fmt.Errorf("%w; --address chooses another one", err)}
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), s.URL()); err != nil {
		return errors.Join(err, s.Stop())
	}
	if !local {
		warnf("Warning: other machines in the network reach this address. Who has the key can use the models; what is sent is not encrypted.")
	}
	if made {
		warnf("The key, which `soberano serve --show-key` prints again: %s", key)
	}
	warnf("OpenAI's API is at %s/v1. Ctrl+C ends.", s.URL())
	select {
	case <-cmd.Context().Done():
		return s.Stop()
	case <-s.Done():
		return s.Err()
	}
}

// catalog returns the models to offer.
func (f *serveFlags) catalog(h *host.Host, dir string) (*api.Catalog, error) {
	lib, err := openLibrary()
	if err != nil {
		return nil, err
	}
	c := api.NewCatalog(h)
	c.Settings = func(e registry.Entry) host.Settings { return settingsFor(e, f.settings) }
	c.Entries = func() []registry.Entry {
		entries, _ := lib.List() // broken entries are reported by `models list`
		return entries
	}
	c.Chosen = func(kind registry.Kind) string {
		chosen, err := choice.Load(dir)
		if err != nil {
			return "" // as if none was chosen
		}
		return chosen.Of(kind)
	}
	library := c.Entries()
	if len(f.models) == 0 {
		c.Adapters, err = namedAdapters(f.adapters, library)
		return c, err
	}
	var named []registry.Entry
	first := map[registry.Kind]string{}
	for _, name := range f.models {
		e, err := namedModel(lib, name, anyKind)
		if err != nil {
			return nil, err
		}
		if !e.Runs {
			return nil, fmt.Errorf("%s does not run: %s", models.Printable(name), e.Reason)
		}
		if named = append(named, e); first[e.Kind] == "" {
			first[e.Kind] = e.Name
		}
	}
	c.Entries = func() []registry.Entry { return append([]registry.Entry(nil), named...) }
	c.Chosen = func(kind registry.Kind) string { return first[kind] }
	c.Adapters, err = namedAdapters(f.adapters, append(library, named...))
	return c, err
}

// settingsFor returns the settings for a model, whose own context may be shorter than the chosen one.
func settingsFor(e registry.Entry, s host.Settings) host.Settings {
	if e.Kind == registry.Speech {
		return host.Settings{Threads: s.Threads}
	}
	if e.Kind != registry.Chat {
		s.KV = ""
	}
	if e.Context > 0 && s.Context > e.Context {
		s.Context = e.Context
	}
	return s
}
