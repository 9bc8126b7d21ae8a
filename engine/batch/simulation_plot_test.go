package batch

import (
	"fmt"
	"math"
	"strings"
)

// The plot: two panels side by side, in pixels.
const (
	panelWidth, panelHeight = 400, 260
	panelLeft, panelTop     = 50, 30
	panelGap                = 60
)

// drawing returns results of all policies as SVG: how many customers have waited at most so long, and how many were served at most so fast.
func drawing(results []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		panelLeft+2*panelWidth+panelGap+20, panelTop+panelHeight+45+16*(len(policies)+1))
	const least, most = 1e-4, 10.0 // seconds
	wait := func(x float64) float64 { return math.Log(max(x, least)/least) / math.Log(most/least) }
	speed := func(x float64) float64 { return x }
	panel(&b, 0, "waiting for the first token", []string{"0.1 ms", "1 ms", "10 ms", "0.1 s", "1 s", "10 s"})
	panel(&b, 1, "speed, as a share of that without others", []string{"0", "0.2", "0.4", "0.6", "0.8", "1"})
	for i, p := range policies {
		for g, style := range []string{everyone: "", persons: " stroke-dasharray=\"5 3\""} {
			if g == persons && i > 0 {
				continue // first come, first served, they are as the others
			}
			o := results[i].groups[g]
			curve(&b, 0, o.waits, wait, p.color, style)
			curve(&b, 1, o.speeds, speed, p.color, style)
			name := strings.Trim(p.name, "`")
			if g == persons {
				name += ", a person's requests"
			}
			y := panelTop + panelHeight + 45 + 16*(i+g+min(i, 1))
			fmt.Fprintf(&b, "<path d=\"M%d %dh30\" stroke=\"%s\"%s stroke-width=\"2\"/><text x=\"%d\" y=\"%d\">%s</text>\n", panelLeft, y-4, p.color, style, panelLeft+38, y, name)
		}
	}
	return b.String() + "</svg>\n"
}

// panel draws the axes of a panel. The labels stand below its horizontal axis at equal distances.
func panel(b *strings.Builder, n int, title string, labels []string) {
	x := panelLeft + n*(panelWidth+panelGap)
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">Requests in %%, by %s</text>\n<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#888\"/>\n", x, panelTop-10, title, x, panelTop, panelWidth, panelHeight)
	for i, l := range labels {
		at := x + i*panelWidth/(len(labels)-1)
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n<path d=\"M%d %dv%d\" stroke=\"#ddd\"/>\n", at, panelTop+panelHeight+16, l, at, panelTop, panelHeight)
	}
	for i := range 5 {
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%d</text>\n", x-6, panelTop+panelHeight-i*panelHeight/4+4, 25*i)
	}
}

// curve draws the distribution of ascending values, each at a place from 0 to 1.
func curve(b *strings.Builder, n int, values []float64, place func(float64) float64, color, style string) {
	fmt.Fprintf(b, "<polyline fill=\"none\" stroke=\"%s\"%s stroke-width=\"2\" points=\"", color, style)
	const points = 100
	for i := range points + 1 {
		share := float64(i) / points
		x := float64(panelLeft+n*(panelWidth+panelGap)) + panelWidth*place(at(values, share))
		fmt.Fprintf(b, "%.1f,%.1f ", x, panelTop+panelHeight*(1-share))
	}
	b.WriteString("\"/>\n")
}
