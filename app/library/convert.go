package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/filekind"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/asr/whisper"
	"soberano/engine"
	"soberano/models"
	"soberano/models/convert"
	"soberano/models/registry"
)

// conversion writes a model to a new file or folder: what a person chooses for it, and how far it is.
type conversion struct {
	typ, format *ui.Choice
	path        *ui.Entry // of the new file
	proposed    string    // what the program put there
	running     *check    // nil: it is not running
	says        string    // how the last one ended
}

// The words for what keeps the types of the weights, and the formats by their extensions.
const asTheyAre = "Weights as they are"

var formats = []struct{ words, extension string }{{"GGUF file", ".gguf"}, {"APR file", ".apr"}, {"Folder of Hugging Face", ""}}

// newConversion returns the choices for a model.
func (p *Page) newConversion(e registry.Entry) *conversion {
	c := &conversion{path: p.newEntry(ui.NewEntry(), "Path of the new file")}
	var words []string
	for _, f := range formats {
		words = append(words, f.words)
	}
	c.typ, c.format = ui.NewChoice(append([]string{asTheyAre}, convert.Types()...), nil), ui.NewChoice(words, nil)
	c.typ.SetSelectedIndex(0)
	c.format.SetSelectedIndex(0)
	if e.Kind == registry.Speech { // whisper.cpp's format is not written
		c.format.SetSelectedIndex(1)
	}
	c.typ.OnChanged = func(string) { c.propose(e) }
	c.format.OnChanged = c.typ.OnChanged
	c.propose(e)
	return c
}

// propose names the new file after the model and the choices, unless the person has typed another name. No file has the name yet. It is put beside the file of a linked model, otherwise into
// the person's folder.
func (c *conversion) propose(e registry.Entry) {
	if c.path.Text != c.proposed {
		return
	}
	dir, err := os.UserHomeDir()
	if e.Linked || err != nil {
		dir = filepath.Dir(e.Path())
	}
	name := e.Name
	if typ := c.chosen(); typ != "" {
		name += "-" + strings.ToLower(typ)
	}
	name = strings.Map(func(r rune) rune { // in names of files
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, name)
	extension := formats[max(c.format.SelectedIndex(), 0)].extension
	if extension == "" {
		name = strings.ReplaceAll(name, ".", "-") // a name with an extension is none of a folder
	}
	c.proposed = filepath.Join(dir, name+extension)
	for n := 2; exists(c.proposed); n++ {
		c.proposed = filepath.Join(dir, fmt.Sprintf("%s-%d%s", name, n, extension))
	}
	c.path.SetText(c.proposed)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// chosen returns the type of the weights; "": they keep theirs.
func (c *conversion) chosen() string {
	if c.typ.SelectedIndex() <= 0 {
		return ""
	}
	return c.typ.Selected
}

// conversion shows the choices, or how far the conversion is.
func (p *Page) conversion(d *detail, e registry.Entry) []fyne.CanvasObject {
	if d.convert == nil {
		d.convert = p.newConversion(e)
	}
	c := d.convert
	if c.running != nil {
		return []fyne.CanvasObject{c.running.line, c.running.bar, buttons("", ui.NewButton(ui.Plain, "Cancel the conversion", c.running.cancel))}
	}
	list := []fyne.CanvasObject{ui.Text("Writes the model with smaller weights or in another format to a new file, which is then added to the library. This model stays as it is.", ui.SmallSize, ui.Muted),
		ui.NewRow(12, c.typ.Frame, c.typ.Frame, c.format.Frame), c.path, buttons("", ui.NewButton(ui.Plain, "Convert", func() { p.convert(c, e) }))}
	if c.says != "" {
		list = append(list, ui.Text(c.says, ui.TextSize, ui.Ink))
	}
	return list
}

// convert starts the conversion.
func (p *Page) convert(c *conversion, e registry.Entry) {
	out := strings.TrimSpace(c.path.Text)
	if !filepath.IsAbs(out) {
		c.says = "Give the whole path of the new file, with its folder."
		p.Refresh()
		return
	}
	ctx, cancel := context.WithCancel(p.ctx)
	r := &check{cancel: cancel, began: time.Now(), line: ui.NewLabel("Converting…", ui.SmallSize, ui.Ink).Shrink(80), bar: ui.NewBar(100, 10)}
	c.running, c.says = r, ""
	p.Refresh()
	typ := c.chosen()
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		defer cancel()
		var last time.Time
		written, err := convertModel(ctx, e, out, typ, func(done, total int64) {
			if now := time.Now(); now.Sub(last) > 100*time.Millisecond {
				last = now
				p.Post(func() { r.progress("Converting", done, total) })
			}
		})
		stopped := ctx.Err() != nil
		p.Post(func() { p.converted(c, written, err, stopped) })
	}()
}

// convertModel writes e to out with weights of a type, "" for theirs, and returns the paths that were written.
func convertModel(ctx context.Context, e registry.Entry, out, typ string, progress func(done, total int64)) (written []string, err error) {
	if err := e.Hash(ctx, nil); err != nil {
		return nil, err
	}
	f, err := registry.Read(e.Path())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o := convert.Options{Type: typ, Progress: progress, Tokens: whisper.Tokens, Vocabulary: engine.Vocabulary, TokenizerFiles: engine.TokenizerFiles,
		Written: func(paths []string) { written = paths }}
	if o.Card, err = e.Card(); err != nil {
		return nil, err
	}
	how := ""
	if typ != "" {
		how = "type " + typ
	}
	o.Source = e.Source(how)
	err = convert.Convert(ctx, f, out, o)
	return written, err
}

// converted shows how a conversion ended, and adds the new model to the library.
func (p *Page) converted(c *conversion, written []string, err error, stopped bool) {
	c.running = nil
	switch {
	case err == nil && len(written) > 0:
		c.says = models.Printable(filepath.Base(written[0])) + " is written."
		if p.Take != nil {
			p.Take([]filekind.Found{{Path: written[0]}})
		}
	case stopped:
		c.says = "The conversion was cancelled, and no file was written. The same conversion goes on where it was stopped, within a week."
	default:
		c.says = conversionText(err)
	}
	p.Refresh()
}

// conversionText returns the error of a conversion in words.
func conversionText(err error) string {
	if e, ok := errors.AsType[*convert.ExistsError](err); ok {
		return problem.Sentence(e.Error()) + " Choose another name."
	}
	if e, ok := errors.AsType[*convert.FullError](err); ok {
		return problem.Sentence(e.Error())
	}
	if e, ok := errors.AsType[*convert.BusyError](err); ok {
		return problem.Sentence(e.Error())
	}
	if e, ok := errors.AsType[*convert.NameError](err); ok {
		return problem.Sentence(e.Error())
	}
	return problem.Text(err)
}

// converts reports whether the model is being converted.
func (d *detail) converts() bool { return d.convert != nil && d.convert.running != nil }
