package engine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"soberano/engine/arch"
	"soberano/engine/batch"
	"soberano/engine/nn"
	"soberano/engine/prompt"
	"soberano/engine/reply"
	"soberano/engine/token"
	"soberano/kernels"
	"soberano/models"
	"soberano/models/huggingface"
)

// DefaultContext is the largest context if Options.Context is 0.
const DefaultContext = 4096

// Model is an opened language model. Its methods may be called from several goroutines at the same
// time: the requests share the steps of one queue.
type Model struct {
	file     *models.File
	dev      kernels.Device
	named    *nn.Named // dev, as the network has loaded its weights
	net      arch.Model
	shape    arch.Shape
	tok      *token.Tokenizer
	template *prompt.Template // nil: it can't be read, see unreadable
	fallback bool             // the file has no template, and template is ChatML
	// unreadable is why messages can't be rendered.
	unreadable error
	bos, eos   string
	format     reply.Format // how the model marks its thoughts and calls
	marks      []int32      // control tokens that the format needs as text
	queue      *batch.Queue
	vision     seeing
	breakers   breakers
	grammars   grammars

	adapters []*Adapter // the queue's goroutine has them
	loading  sync.Mutex // guards loaded
	loaded   []*Adapter // the same, for LoadAdapter

	mu   sync.Mutex // guards dev and info after the device was replaced
	info Info

	closing sync.Once
	closed  error // the error of Close
}

// Open loads a model file onto a device. It takes over f and dev, also if it fails, and closes them
// with the model. The error is a *models.FileError where the file is at fault: see Check, which finds
// the same faults without loading the weights.
func Open(f *models.File, dev kernels.Device, o Options) (m *Model, err error) {
	m = &Model{file: f, dev: dev, vision: seeing{open: o.Vision}}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
			m = nil
		}
	}()
	limit := o.Context
	if limit <= 0 {
		limit = DefaultContext
	}
	if err = m.read(limit); err != nil {
		return m, err
	}
	context, err := contextFor(o.Context, m.shape.Context)
	if err != nil {
		return m, fmt.Errorf("%s: %w", f.Path, err)
	}
	if m.queue, err = batch.New(m.net, m.dev, context); err != nil {
		return m, fmt.Errorf("%s: %w", f.Path, err)
	}
	m.info.Context, m.info.CacheBytes = context, m.queue.CacheBytes()
	if o.Disk != nil {
		m.queue.SetDisk(o.Disk, m.identity(limit))
	}
	if o.Replace != nil {
		m.queue.SetReplace(func(cause error) (arch.Model, kernels.Device, error) { return m.replace(o.Replace, cause, limit) })
	}
	return m, nil
}

// identity returns a hash of the file and of how it was opened, see Open.
func (m *Model) identity(limit int) [32]byte {
	file := m.file.Identity()
	return sha256.Sum256(fmt.Appendf(file[:], "%d %d", m.info.Context, limit))
}

// replace loads the model onto another device and closes the one that has failed with cause.
func (m *Model) replace(open func(error) (kernels.Device, error), cause error, limit int) (arch.Model, kernels.Device, error) {
	var net arch.Model
	dev, err := replaced(open, cause, func(dev kernels.Device) (err error) {
		m.named = nn.NewNamed(dev)
		if net, err = arch.Open(m.file, m.named, limit); err != nil {
			return err
		}
		return m.reloadAdapters()
	})
	if err != nil {
		return nil, nil, err
	}
	m.file.Forget()
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.dev.Close() // it has failed
	m.dev, m.info.Device, m.info.WeightBytes = dev, dev.Name(), net.Shape().Bytes
	return net, dev, nil
}

// replaced returns a device that open opens, after load has loaded the model onto it.
func replaced(open func(error) (kernels.Device, error), cause error, load func(kernels.Device) error) (kernels.Device, error) {
	dev, err := open(cause)
	if err != nil {
		return nil, err
	}
	if err = load(dev); err == nil {
		err = dev.Loaded()
	}
	if err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return dev, nil
}

// read loads all that the file holds onto the device, for sequences of at most limit tokens. It makes
// no state.
func (m *Model) read(limit int) (err error) {
	if m.file, err = readable(m.file, m.dev); err != nil {
		return err
	}
	dev := m.dev
	if _, checks := dev.(kernels.Checker); !checks { // which arch.Open must know
		m.named = nn.NewNamed(dev)
		dev = m.named
	}
	if m.net, err = arch.Open(m.file, dev, limit); err != nil {
		return err
	}
	if err = m.dev.Loaded(); err != nil {
		return err
	}
	if m.tok, err = Tokenizer(m.file); err != nil {
		return err
	}
	m.openTemplate()
	m.file.Forget()
	m.shape = m.net.Shape()
	if err = m.shape.State(m.shape.Context).Check(); err != nil {
		return models.Unsupported(m.file.Path, "", "can't be run by this version: %v", err)
	}
	m.info, err = describe(m.file, m.dev, m.shape)
	m.info.Template, m.info.Warning = !m.fallback, m.warning()
	return models.InFile(m.file.Path, err)
}

// readable returns f with the metadata and names of a GGUF file, if it is a folder of Hugging Face, or an APR file with one. It still owns f, also if it fails.
func readable(f *models.File, dev kernels.Device) (*models.File, error) {
	_, done := f.Meta["general.architecture"]
	if done || f.Format != "safetensors" && (f.Format != "apr" || f.Aux["config.json"] == nil) {
		return f, nil
	}
	_, checks := dev.(kernels.Checker)
	g, err := huggingface.Convert(f, !checks)
	if err != nil {
		return f, err
	}
	return g, nil
}

// Tokenizer returns the tokenizer of a model file: that of its metadata, or of the files beside it. It is read once for all Files that share what was derived from a file.
func Tokenizer(f *models.File) (*token.Tokenizer, error) {
	return models.Derive(f, "tokenizer", func() (*token.Tokenizer, error) { return readTokenizer(f) })
}

func readTokenizer(f *models.File) (*token.Tokenizer, error) {
	_, inside := f.Meta["tokenizer.ggml.model"]
	if inside || f.Aux["config.json"] == nil {
		return token.New(f)
	}
	t, err := token.NewFolder(f.Aux)
	if t == nil && err == nil {
		err = models.Unsupported(f.Path, "download all files of the model's folder", "has neither tokenizer.json nor tokenizer.model nor vocab.json and merges.txt nor vocab.txt, by which text becomes tokens")
	}
	return t, models.InFile(f.Path, err)
}

// Vocabulary returns the keys of a GGUF file for the tokenizer of a folder of Hugging Face; it is a convert.Options.Vocabulary.
func Vocabulary(f *models.File) (models.Metadata, error) { return token.Keys(f.Aux) }

// TokenizerFiles returns the files of a folder of Hugging Face for the tokenizer of a model in the form of a GGUF file; it is a convert.Options.TokenizerFiles.
func TokenizerFiles(f *models.File) (map[string][]byte, error) { return token.Files(f.Meta) }

func contextFor(wanted, trained int) (int, error) {
	switch {
	case wanted == 0:
		return min(trained, DefaultContext), nil
	case wanted < 0 || wanted > trained:
		return 0, fmt.Errorf("a context of %d tokens: the model was trained with %d; choose 1 to %d", wanted, trained, trained)
	}
	return wanted, nil
}

// openTemplate parses the file's chat template, or ChatML if it has none. A template that can't be
// parsed is an error only for what renders messages.
func (m *Model) openTemplate() {
	const key = "tokenizer.chat_template"
	text, err := m.file.Meta.String(key, "")
	if m.fallback = text == "" && err == nil; m.fallback {
		text = prompt.ChatML
	}
	if err == nil {
		m.template, err = prompt.Parse(text)
	}
	m.setFormat(text)
	if err != nil {
		m.unreadable = models.Unsupported(m.file.Path, "use it for raw text, or another model for a chat", "can't be used for a chat: its template can't be read: %v", err)
	}
	if id, ok := m.tok.BOS(); ok {
		m.bos = m.tok.Text(id)
	}
	if id, ok := m.tok.EOS(); ok {
		m.eos = m.tok.Text(id)
	}
}

// setFormat determines how the model marks the parts of its answers.
func (m *Model) setFormat(template string) {
	m.format = reply.FormatOf(template, func(text string) bool { _, ok := m.tok.ID(text); return ok })
	for _, mark := range m.format.Spelled() {
		if id, ok := m.tok.ID(mark); ok && m.tok.IsControl(id) && !m.tok.IsEnd(id) {
			m.marks = append(m.marks, id)
		}
	}
}

// warning says in sentences what is missing in the file, though the model can be opened.
func (m *Model) warning() string {
	var list []string
	if note := m.tok.Note(); note != "" {
		list = append(list, note)
	}
	if e, ok := errors.AsType[*models.FileError](m.unreadable); ok {
		list = append(list, "The file "+e.Reason+".")
	}
	return strings.Join(list, " ")
}

// Close ends all generations with ErrClosed and frees the model.
func (m *Model) Close() error {
	m.closing.Do(func() {
		if m.queue != nil {
			m.closed = m.queue.Close(ErrClosed)
		}
		m.closed = errors.Join(m.closed, m.vision.close())
		m.closed = errors.Join(m.closed, m.dev.Close(), m.file.Close()) // the queue, which may replace dev, has ended
	})
	return m.closed
}

// Info describes the model.
func (m *Model) Info() Info {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.info
}

// Requests returns how many answers wait to be begun, and how many are under way.
func (m *Model) Requests() (waiting, running int) { return m.queue.Requests() }

// describe returns the Info of a file and a device, without what depends on the context, the tokenizer or the template.
func describe(f *models.File, dev kernels.Device, shape arch.Shape) (Info, error) {
	meta := f.Meta
	i := Info{
		TrainContext: shape.Context, Vocabulary: shape.Vocabulary, Device: dev.Name(), Quantizations: map[string]int{},
		WeightBytes: shape.Bytes, ScratchBytes: batch.Scratch(shape),
	}
	var errs [3]error
	i.Name, errs[0] = meta.String("general.name", filepath.Base(f.Path))
	i.Family, errs[1] = meta.String("general.architecture", "")
	i.License, errs[2] = meta.String("general.license", "")
	values := map[string]int64{} // number of values by type
	for _, t := range f.Tensors {
		n := int64(t.Rows()) * int64(t.Cols())
		i.Parameters += n
		i.Quantizations[t.Type.String()]++
		values[t.Type.String()] += n
	}
	for name, n := range values {
		if best := values[i.Quantization]; n > best || n == best && name < i.Quantization {
			i.Quantization = name
		}
	}
	return i, errors.Join(errs[:]...)
}
