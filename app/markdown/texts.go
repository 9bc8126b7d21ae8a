package markdown

import (
	"strings"

	"soberano/app/ui"
)

// separate tells each text what a copy has before it: empty lines between paragraphs, the marks of lists in front of their items,
// tabs between the cells of a table.
func (v *View) separate() { separate(v.shown, "", paragraphEnd, paragraphEnd) }

const paragraphEnd = "\n\n"

// separate does this for blocks whose lines begin with indent; before is what stands before the first one, between what stands
// between two.
func separate(nodes []*node, indent, before, between string) {
	for _, n := range nodes {
		switch {
		case n.flow != nil:
			n.flow.Before = before
		case n.code != nil:
			n.code.flow.Before = before
		case n.fold != nil:
			if n.fold.open {
				separate(n.fold.text.shown, indent, before, paragraphEnd+indent)
			}
			continue
		case n.cells != nil:
			for i, f := range n.cells.cells {
				switch {
				case i == 0:
					f.Before = before
				case i%n.cells.columns == 0:
					f.Before = "\n" + indent
				default:
					f.Before = "\t"
				}
			}
		case n.block.Kind == List:
			n.separateItems(indent, before)
		case n.column != nil:
			separate(n.below, indent, before, paragraphEnd+indent)
		default: // a rule
			continue
		}
		before = between
	}
}

func (n *node) separateItems(indent, before string) {
	end := paragraphEnd
	if n.block.Tight {
		end = "\n"
	}
	for i, item := range n.below {
		if item.mark.Before = before; i > 0 {
			item.mark.Before = end + indent
		}
		inside := indent + strings.Repeat(" ", len([]rune(mark(n.block, item.block, i)))+1)
		separate(item.below, inside, " ", end+inside)
	}
}

// selectable makes a text a part of the selection.
func (v *View) selectable(f *ui.Flow) *ui.Flow {
	f.Selection, f.Whole = v.Selection, v.Whole
	return f
}
