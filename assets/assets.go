// Package assets embeds the program's icon and the third-party notices.
package assets

import _ "embed"

// Icon is the program's icon as a PNG: a crown on a green square, 256 × 256.
//
//go:embed icon.png
var Icon []byte

// Notices is the text of the licences of all third-party code and data in the program. `make notices` generates it.
//
//go:embed notices.txt
var Notices string
