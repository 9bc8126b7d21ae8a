package ui

import (
	"image"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
)

// ink returns how much of a picture is not white.
func ink(img image.Image) (sum int) {
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, _, _, _ := img.At(x, y).RGBA()
			sum += 0xffff - int(r)
		}
	}
	return sum
}

// Letters of code keep their tails: as much of them is drawn as with a line of twice the height.
func TestLettersOfCodeAreWhole(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	tall := map[bool]fyne.Resource{false: fyne.NewStaticResource("tall", withLineGap(gomono.TTF, 2048)), true: fyne.NewStaticResource("tall bold", withLineGap(gomonobold.TTF, 2048))}
	draw := func(size, scale float32, bold bool, font fyne.Resource) int {
		text := canvas.NewText("gjpqy_(|)@Q;", image.Black.C)
		text.TextSize, text.TextStyle, text.FontSource = size, fyne.TextStyle{Monospace: true, Bold: bold}, font
		back := canvas.NewRectangle(image.White.C)
		back.Resize(fyne.NewSize(300, 60))
		text.Move(fyne.NewPos(4, 4))
		text.Resize(text.MinSize())
		win := test.NewTempWindow(t, &fyne.Container{Objects: []fyne.CanvasObject{back, text}})
		win.SetPadded(false)
		win.Canvas().(test.WindowlessCanvas).SetScale(scale)
		win.Resize(fyne.NewSize(300, 60))
		return ink(win.Canvas().Capture())
	}
	for _, scale := range []float32{1, 1.25, 1.5, 2} {
		for size := float32(11); size <= 20; size++ {
			for bold, font := range tall {
				if got, want := draw(size, scale, bold, nil), draw(size, scale, bold, font); got != want {
					t.Errorf("size %v, scale %v, bold %v: %d %% of the letters are drawn", size, scale, bold, got*100/want)
				}
			}
		}
	}
}
