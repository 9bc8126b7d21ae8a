package settings

import (
	"strconv"

	"fyne.io/fyne/v2"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models"
)

const (
	gpuTitle     = "Graphics card"
	layersTitle  = "Layers on the graphics card"
	expertsTitle = "Experts of mixtures"
)

// cards shows which graphics cards there are, what is known of them, and the choices among them. The last two choices are shown where they have an effect.
func (p *Page) cards(set func(func())) fyne.CanvasObject {
	v := &p.Values
	const off = "off" // which is no number of a card
	now := v.GPUDevice
	if v.GPU == host.GPUOff {
		now = off
	}
	options := []option[string]{{"Automatic", ""}, {"Off", off}}
	usable := 0
	for _, g := range p.gpus {
		if g.Usable() {
			options = append(options, option[string]{models.Printable(g.Renderer), strconv.Itoa(g.Number)})
			usable++
		}
	}
	list := []fyne.CanvasObject{row(p, gpuTitle, "Automatic: the graphics card computes answers, dictation, transcripts and images if its results are correct and it is faster than the processor. This is tried once for each model, while nothing else is done. A change loads the model again.",
		with(options, now, "Number "+now), now, func(c string) {
			set(func() {
				switch {
				case c == off:
					v.GPU, v.GPUDevice = host.GPUOff, ""
				case v.GPU == host.GPUOff:
					v.GPU, v.GPUDevice = host.GPUAuto, c
				default:
					v.GPUDevice = c
				}
			})
			p.draw()
		})}
	if words := p.gpuWords(); words != "" {
		list = append(list, ui.Text(words, ui.SmallSize, ui.Muted))
	}
	if _, counted := v.GPU.Layers(); v.GPU != host.GPUOff && (usable > 0 || counted || v.CPUExperts) {
		list = append(list, p.layers(set), row(p, expertsTitle, "Models that are mixtures of experts fit into less memory of the card if the processor keeps the experts.",
			[]option[bool]{{"On the graphics card", false}, {"On the processor", true}}, v.CPUExperts, func(b bool) { set(func() { v.CPUExperts = b }) }))
	}
	return ui.NewColumn(8, list...)
}

// layers shows the choice of how much of a chat model is on the graphics card.
func (p *Page) layers(set func(func())) fyne.CanvasObject {
	v := &p.Values
	options := []option[host.GPUChoice]{{"As many as fit", host.GPUAuto}}
	for n := 1; n <= min(p.Layers(), 256); n++ {
		options = append(options, option[host.GPUChoice]{strconv.Itoa(n), host.GPUChoice(strconv.Itoa(n))})
	}
	return row(p, layersTitle, "Of a chat model; the processor computes the others. The whole model is there with as many as it has.",
		with(options, v.GPU, string(v.GPU)), v.GPU, func(c host.GPUChoice) { set(func() { v.GPU = c }) })
}

// gpuWords says in lines where the model in use runs, and what is known of the graphics cards.
func (p *Page) gpuWords() string {
	var words string
	if device := p.Device(); device != "" { // or devices, with the layers that are on each
		words = "The model in use runs here: " + models.Printable(device) + "."
	}
	if p.gpuErr != nil {
		words += "\nThe graphics cards could not be listed: " + problem.Text(p.gpuErr)
	}
	for _, g := range p.gpus {
		words += "\n" + problem.GPU(g) + "."
		for _, t := range g.Models {
			words += "\n" + problem.Trial(t) + "."
		}
	}
	return words
}

// gpusListed shows the graphics cards that were found.
func (p *Page) gpusListed(list []host.GPU, err error) {
	p.gpus, p.gpuErr = list, err
	p.draw()
}
