package markdown

import (
	"github.com/yuin/goldmark/util"
)

// unescape resolves backslashes before punctuation and character references (&amp;), which
// goldmark leaves to whoever writes the text out.
func unescape(b []byte) []byte {
	return util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(b)))
}
