// Package assets holds the program's own files, embedded.
package assets

import (
	_ "embed"

	"fyne.io/fyne/v2"
)

//go:embed icon.png
var icon []byte

// Icon is the program's icon: a crown on a green square, 256 × 256.
var Icon = fyne.NewStaticResource("icon.png", icon)
