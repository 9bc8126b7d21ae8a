package markdown

import (
	"github.com/yuin/goldmark/util"
)

// unescape resolves backslash escapes of punctuation and character references (&amp;), which goldmark leaves to its
// renderers.
func unescape(b []byte) []byte {
	return util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(b)))
}
