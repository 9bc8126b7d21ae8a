package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"soberano/app/host"
	"soberano/asr"
	"soberano/engine"
	"soberano/models"
)

func modelFlag(fs *pflag.FlagSet, model *string) {
	fs.VarP((*modelName)(model), "model", "m", "a model of the library, or the path of one (default: the one chosen in the window, or else the included one)")
}

// modelName is the name or the path of a model that was given; an empty one, as of an unset variable of a script, is refused.
type modelName string

func (m *modelName) String() string { return string(*m) }
func (m *modelName) Type() string   { return "model" }

// Set implements pflag.Value.
func (m *modelName) Set(text string) error {
	if text == "" {
		return errors.New("the name is empty")
	}
	*m = modelName(text)
	return nil
}

func threadsFlag(fs *pflag.FlagSet, threads *int) {
	numberFlag(fs, threads, "threads", "t", 0, mostThreads, "threads (default: the physical cores, from 4 up one less)")
}

const mostThreads = 1024

// gpuFlags adds the flags that say how a model uses a GPU.
func gpuFlags(fs *pflag.FlagSet, u *host.GPUUse) {
	choice := (*gpuChoice)(&u.Choice)
	fs.Var(choice, "gpu", "auto: the graphics card, if it is faster and computes correctly, for as many layers as fit its memory; off; or the number of layers on it (default: "+choice.text()+")")
	fs.Var((*gpuDevice)(&u.Device), "gpu-device", "the number of a graphics card, from 0, as soberano doctor lists them (default: the one with the most memory)")
}

// expertsFlag adds the flag that says where the experts of mixtures are.
func expertsFlag(fs *pflag.FlagSet, u *host.GPUUse) {
	fs.BoolVar(&u.CPUExperts, "cpu-experts", false, "keep the experts of a mixture on the processor where the other weights are on the graphics card")
}

// gpuDevice is the value of a flag that names a GPU.
type gpuDevice string

func (d *gpuDevice) String() string { return "" }
func (d *gpuDevice) Type() string   { return "N" }

// Set implements pflag.Value.
func (d *gpuDevice) Set(text string) error {
	device, err := host.ParseGPUDevice(text)
	*d = gpuDevice(device)
	return err
}

// gpuChoice is the value of a flag that says how many layers are on a GPU.
type gpuChoice host.GPUChoice

func (c *gpuChoice) text() string   { return cmp.Or(string(*c), "auto") }
func (c *gpuChoice) String() string { return "" } // pflag would show it as the default
func (c *gpuChoice) Type() string   { return "auto|off|N" }

// Set implements pflag.Value.
func (c *gpuChoice) Set(text string) error {
	chosen, err := host.ParseGPU(text)
	*c = gpuChoice(chosen)
	return err
}

func contextFlag(fs *pflag.FlagSet, tokens *int) {
	numberFlag(fs, tokens, "ctx", "", 0, mostContext, "tokens of context (default: the model's own, at most 4096)")
}

// kvFlag adds the flag that says how keys and values are stored.
func kvFlag(fs *pflag.FlagSet, kv *engine.KV) {
	fs.Var((*kvType)(kv), "kv", "how what was read is kept in memory on the processor: f16, q8_0, or q4_0, which takes a quarter of f16 and is less exact (default: q8_0). Some models need f16 for some of it in any case")
}

// kvType is the value of a flag for an engine.KV.
type kvType engine.KV

func (k *kvType) String() string { return string(*k) }
func (k *kvType) Type() string   { return strings.Join(engine.KVs(), "|") }

// Set implements pflag.Value.
func (k *kvType) Set(text string) error {
	kv, err := engine.ParseKV(text)
	*k = kvType(kv)
	return err
}

// mostContext is the largest context that may be asked for, in tokens: more than any model has been trained with.
const mostContext = math.MaxInt32

func languageFlag(fs *pflag.FlagSet, language *string, usage string) {
	fs.VarP((*spokenLanguage)(language), "language", "l", usage)
}

// numeric are the types of the numbers that flags have.
type numeric interface {
	int | int32 | uint64 | float32 | float64
}

// number is the value of a flag that is a number within a range, both ends included.
type number[T numeric] struct {
	to          *T
	least, most T
}

// numberFlag adds a flag whose number is from least to most; the value of to is the default.
func numberFlag[T numeric](fs *pflag.FlagSet, to *T, name, letter string, least, most T, usage string) {
	fs.VarP(&number[T]{to, least, most}, name, letter, usage)
}

func (n *number[T]) String() string {
	if n.to == nil { // pflag asks the zero value
		return "0"
	}
	return fmt.Sprint(*n.to)
}

func (n *number[T]) Type() string { return "number" }

// Set implements pflag.Value.
func (n *number[T]) Set(text string) error {
	var value T
	var err error
	whole := "whole number"
	switch to := any(&value).(type) {
	case *int:
		*to, err = strconv.Atoi(text)
	case *int32:
		var wide int64
		wide, err = strconv.ParseInt(text, 10, 32)
		*to = int32(wide)
	case *uint64:
		*to, err = strconv.ParseUint(text, 10, 64)
	case *float32:
		var wide float64
		wide, err = strconv.ParseFloat(text, 32)
		*to, whole = float32(wide), "number"
	case *float64:
		*to, err = strconv.ParseFloat(text, 64)
		whole = "number"
	}
	if errors.Is(err, strconv.ErrRange) && text[0] != '-' || err == nil && value > n.most {
		return fmt.Errorf("%q is too much; it may be a %s from %v to %v", text, whole, n.least, n.most)
	}
	if err != nil || !(value >= n.least && value <= n.most) { // also true for NaN
		return fmt.Errorf("%q is not a %s %s", text, whole, n.bounds())
	}
	*n.to = value
	return nil
}

// bounds describes the range; a bound that only limits the type is left out.
func (n *number[T]) bounds() string {
	switch least, most := float64(n.least), float64(n.most); {
	case most >= math.MaxInt32:
		return fmt.Sprintf("of %v or more", n.least)
	case least <= -math.MaxInt32:
		return fmt.Sprintf("of %v or less", n.most)
	}
	return fmt.Sprintf("from %v to %v", n.least, n.most)
}

// spokenLanguage is a language of speech, as a code; "": to be detected.
type spokenLanguage string

func (t *spokenLanguage) String() string { return string(*t) }
func (t *spokenLanguage) Type() string   { return "name" }

// Set implements pflag.Value; it accepts a code or an English name.
func (t *spokenLanguage) Set(text string) error {
	if text == "" || text == "auto" {
		*t = ""
		return nil
	}
	code, ok := asr.LanguageCode(text)
	if !ok {
		return fmt.Errorf("%q is not known; use a code like en, de, fr, es or zh, or a name like German", text)
	}
	*t = spokenLanguage(code)
	return nil
}

// readText reads a text of at most limit bytes to its end.
func readText(r io.Reader, limit int64) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("the text is longer than %s", models.Size(limit))
	}
	return string(b), err
}
