// Package assets holds the program's own files, embedded.
package assets

import _ "embed"

// Icon is the program's icon as a PNG: a crown on a green square, 256 × 256.
//
//go:embed icon.png
var Icon []byte

// Notices are the licences of what others made and the program contains, as text. `make notices` writes them.
//
//go:embed notices.txt
var Notices string
