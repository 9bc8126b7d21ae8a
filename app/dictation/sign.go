package dictation

import (
	"errors"
	"image"
	"image/color"
	"image/draw"

	"github.com/jezek/xgb/shape"
	"github.com/jezek/xgb/xproto"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

const (
	signHeight = 36
	signWords  = 44 // characters of the latest words
	signDot    = 12
	signPad    = 16
)

var (
	signInk   = color.RGBA{0xf4, 0xf2, 0xec, 0xff}
	signFill  = color.RGBA{0x24, 0x23, 0x1f, 0xff}
	signRed   = color.RGBA{0xe5, 0x48, 0x3c, 0xff}
	signGreen = color.RGBA{0x4d, 0xc0, 0xa6, 0xff}
)

// Sign is a small overlay on the window that is dictated into: it shows that dictation is on, and the latest words.
//
//	╭──────────────────────────────╮
//	│ ●  that has not worked since │     at the lower edge of that window; clicks pass through it
//	╰──────────────────────────────╯
//
// It is a window that window managers ignore, with an image drawn by this program, and the display server clips it to a
// rounded shape. A Sign must be used by one goroutine only.
type Sign struct {
	s     *screen
	win   xproto.Window
	gc    xproto.Gcontext
	face  font.Face
	shown bool
	mid   image.Point // the middle of the overlay's lower edge
}

// OpenSign connects to the display server.
func OpenSign() (*Sign, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 15, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, err
	}
	s, err := dial()
	if err != nil {
		return nil, err
	}
	g := &Sign{s: s, face: face}
	if err := g.open(); err != nil {
		s.Close()
		return nil, err
	}
	return g, nil
}

func (g *Sign) open() (err error) {
	c := g.s.Conn
	if d := g.s.setup.DefaultScreen(c); d.RootDepth != 24 {
		return errors.New("the display has other colours than this program draws")
	}
	if err = shape.Init(c); err != nil {
		return err
	}
	if g.win, err = xproto.NewWindowId(c); err != nil {
		return err
	}
	if err = xproto.CreateWindowChecked(c, 24, g.win, g.s.root, 0, 0, 10, signHeight, 0, xproto.WindowClassInputOutput, 0,
		xproto.CwOverrideRedirect, []uint32{1}).Check(); err != nil {
		return err
	}
	if g.gc, err = xproto.NewGcontextId(c); err != nil {
		return err
	}
	if err = xproto.CreateGCChecked(c, g.gc, xproto.Drawable(g.win), 0, nil).Check(); err != nil {
		return err
	}
	return shape.RectanglesChecked(c, shape.SoSet, shape.SkInput, xproto.ClipOrderingUnsorted, g.win, 0, 0, nil).Check()
}

// Close removes the overlay.
func (g *Sign) Close() { g.s.Close() }

// Show shows the end of text, with a red dot if heard is true; "" hides the overlay.
func (g *Sign) Show(text string, heard bool) {
	c := g.s.Conn
	if text == "" {
		_ = xproto.UnmapWindowChecked(c, g.win).Check() // waits until the window is gone
		g.shown = false
		return
	}
	if !g.shown {
		g.mid = g.place()
	}
	img := g.draw(text, heard)
	w := img.Rect.Dx()
	xproto.ConfigureWindow(c, g.win, xproto.ConfigWindowX|xproto.ConfigWindowY|xproto.ConfigWindowWidth|xproto.ConfigWindowStackMode,
		[]uint32{uint32(int32(g.mid.X - w/2)), uint32(int32(g.mid.Y - signHeight)), uint32(w), xproto.StackModeAbove})
	shape.Rectangles(c, shape.SoSet, shape.SkBounding, xproto.ClipOrderingUnsorted, g.win, 0, 0, round(w))
	xproto.MapWindow(c, g.win)
	b := make([]byte, len(img.Pix))
	for i := 0; i < len(b); i += 4 {
		b[i], b[i+1], b[i+2] = img.Pix[i+2], img.Pix[i+1], img.Pix[i]
	}
	_ = xproto.PutImageChecked(c, xproto.ImageFormatZPixmap, xproto.Drawable(g.win), g.gc, uint16(w), signHeight, 0, 0, 0, 24, b).Check() // the last request; checking it waits for all of them
	g.shown = true
}

// place returns a point slightly above the lower edge of the window with the focus, or of the screen.
func (g *Sign) place() image.Point {
	d := g.s.setup.DefaultScreen(g.s.Conn)
	whole := image.Pt(int(d.WidthInPixels)/2, int(d.HeightInPixels)-40)
	w, _, _, err := g.s.focused()
	for err == nil && w != g.s.root && w != 0 {
		at, e := xproto.GetGeometry(g.s.Conn, xproto.Drawable(w)).Reply()
		if e != nil {
			break
		}
		if at.Width >= 200 && at.Height >= 100 {
			p, e := xproto.TranslateCoordinates(g.s.Conn, w, g.s.root, int16(at.Width/2), int16(at.Height)).Reply()
			if e != nil {
				break
			}
			return image.Pt(int(p.DstX), min(int(p.DstY)-24, whole.Y))
		}
		t, e := xproto.QueryTree(g.s.Conn, w).Reply()
		if e != nil {
			break
		}
		w = t.Parent // some programs give the focus to a tiny inner window
	}
	return whole
}

// draw draws the image. Characters that the font lacks are drawn as dots.
func (g *Sign) draw(text string, heard bool) *image.RGBA {
	runes := []rune(text)
	if len(runes) > signWords {
		runes = append([]rune{'…'}, runes[len(runes)-signWords:]...)
	}
	for i, r := range runes {
		if _, ok := g.face.GlyphAdvance(r); !ok {
			runes[i] = '·'
		}
	}
	words := string(runes)
	left := signPad + signDot + 10
	img := image.NewRGBA(image.Rect(0, 0, left+font.MeasureString(g.face, words).Ceil()+signPad+4, signHeight))
	draw.Draw(img, img.Rect, image.NewUniform(signFill), image.Point{}, draw.Src)
	dot := signGreen
	if heard {
		dot = signRed
	}
	disc(img, signPad+signDot/2, signHeight/2, signDot/2, dot)
	d := font.Drawer{Dst: img, Src: image.NewUniform(signInk), Face: g.face, Dot: fixed.P(left, signHeight/2+5)}
	d.DrawString(words)
	return img
}

// disc draws a filled circle with a smooth edge: 4 × 4 samples a pixel.
func disc(img *image.RGBA, cx, cy, r int, c color.RGBA) {
	for y := cy - r - 1; y <= cy+r; y++ {
		for x := cx - r - 1; x <= cx+r; x++ {
			in := 0
			for k := range 16 {
				dx, dy := 8*(x-cx)+2*(k%4)+1, 8*(y-cy)+2*(k/4)+1
				if dx*dx+dy*dy <= 64*r*r {
					in++
				}
			}
			was := img.RGBAAt(x, y)
			mix := func(a, b uint8) uint8 { return uint8((int(a)*(16-in) + int(b)*in) / 16) }
			img.SetRGBA(x, y, color.RGBA{mix(was.R, c.R), mix(was.G, c.G), mix(was.B, c.B), 0xff})
		}
	}
}

// round returns the overlay's outline as rows of rectangles: a bar with a half circle at each end.
func round(w int) (rows []xproto.Rectangle) {
	const r = signHeight / 2
	for y := range signHeight {
		in := 0
		for dy := 2*(y-r) + 1; (2*(r-in)-1)*(2*(r-in)-1)+dy*dy > 4*r*r; {
			in++
		}
		rows = append(rows, xproto.Rectangle{X: int16(in), Y: int16(y), Width: uint16(w - 2*in), Height: 1})
	}
	return rows
}
