package markdown

import (
	"reflect"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/app/ui/bidi"
)

// Kind is the kind of a block.
type Kind int

// The kinds, with the fields of Block that each one uses.
const (
	Paragraph Kind = iota
	Heading        // Level
	Code           // Language, Text
	List           // Items, Ordered, Start
	Item           // Blocks; only in a List
	Quote          // Blocks
	Table          // Align; Blocks are its Rows
	Row            // Cells
	Rule
	Thought // Text, Done
)

// Block is a paragraph, list, table or other block of an answer.
type Block struct {
	Kind     Kind
	Spans    []ui.Span // of a Paragraph or Heading
	Level    int       // of a Heading, 1 … 6
	Language string    // of Code: all that stands behind the opening fence
	Text     string    // of Code or Thought
	Done     bool      // of a Thought: it is complete
	Blocks   []Block   // of a List (Items), Item, Quote or Table (Rows)
	Ordered  bool      // a List with numbers
	Start    int       // the first number of an ordered List
	Tight    bool      // a List without vertical space between its items
	Task     string    // of an Item: "", "open" or "done"
	Align    []fyne.TextAlign
	Cells    [][]ui.Span // of a Row
}

// rightToLeft reports whether the first letter of a block is one of Arabic, Hebrew or another script from right to left.
func (b Block) rightToLeft() bool { return b.direction() == bidi.RTL }

// direction returns the direction of the block's first letter, -1 if it has none.
func (b Block) direction() int {
	for _, list := range append([][]ui.Span{b.Spans}, b.Cells...) {
		for _, s := range list {
			if !s.Mono {
				if d := bidi.Direction([]rune(s.Text), -1); d >= 0 {
					return d
				}
			}
		}
	}
	for _, k := range b.Blocks {
		if d := k.direction(); d >= 0 {
			return d
		}
	}
	return -1
}

// Equal reports whether two blocks look the same.
func (b Block) Equal(o Block) bool { return reflect.DeepEqual(b, o) }
