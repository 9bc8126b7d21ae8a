package ui

import (
	"fyne.io/fyne/v2"

	"soberano/assets"
)

// Icon is the program's icon.
var Icon = fyne.NewStaticResource("icon.png", assets.Icon)
