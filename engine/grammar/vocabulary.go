package grammar

import (
	"bytes"
	"slices"
)

// Vocabulary is the prefix tree of the texts of a model's tokens. It is read-only.
//
// The nodes are in preorder, so a walk reads memory forwards, and what is below a node is a range.
type Vocabulary struct {
	size   int      // number of tokens
	ends   []int32  // tokens that end an answer
	pieces [][]byte // of each token; nil: it is never allowed
	tree            // of all tokens
	longer []longer // by longerThan
}

// longer has the tokens that are longer than some number of bytes, in a tree of their own, and the mask of the others.
type longer struct {
	tree
	short []uint64
}

// tree is a prefix tree of tokens.
type tree struct {
	byteOf []byte   // of each node: the byte that leads to it
	depth  []uint16 // bytes from the root
	skip   []int32  // the first node that is not below it
	first  []int32  // of each node: its tokens are ids[first[i]:first[i+1]]
	ids    []int32
}

// maxPiece is the largest number of bytes of a token that is allowed in a grammar.
const maxPiece = 1 << 10

// NewVocabulary makes the tree of size tokens. piece returns the bytes that a token adds to the text; a token with none, as every control token, is
// never allowed. ends are the tokens that end an answer.
func NewVocabulary(size int, piece func(id int32) []byte, ends []int32) *Vocabulary {
	v := &Vocabulary{size: size, ends: ends, pieces: make([][]byte, size)}
	var order []int32
	for id := range int32(size) {
		if p := piece(id); len(p) > 0 && len(p) <= maxPiece && !slices.Contains(ends, id) {
			v.pieces[id] = p
			order = append(order, id)
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return bytes.Compare(v.pieces[a], v.pieces[b]) })
	v.tree = newTree(order, v.pieces)
	for _, n := range longerThan {
		var long []int32
		l := longer{short: make([]uint64, v.words())}
		for _, id := range order {
			if len(v.pieces[id]) > n {
				long = append(long, id)
			} else {
				l.short[id/64] |= 1 << (id % 64)
			}
		}
		l.tree = newTree(long, v.pieces)
		v.longer = append(v.longer, l)
	}
	return v
}

// newTree makes the tree of tokens that are sorted by their texts.
func newTree(order []int32, pieces [][]byte) tree {
	v := &tree{}
	v.push(0, 0)
	var path []int32 // nodes from the root's child on
	var last []byte
	for _, id := range order {
		p := pieces[id]
		same := 0
		for same < len(p) && same < len(last) && p[same] == last[same] {
			same++
		}
		v.leave(path[same:])
		path = path[:same]
		for _, b := range p[same:] {
			path = append(path, v.push(b, len(path)+1))
		}
		v.ids = append(v.ids, id) // sorted order is preorder, and equal pieces are neighbours
		last = p
	}
	v.leave(path)
	v.skip[0] = int32(len(v.byteOf))
	v.first = append(v.first, int32(len(v.ids)))
	return *v
}

func (v *tree) push(b byte, depth int) int32 {
	v.byteOf, v.depth = append(v.byteOf, b), append(v.depth, uint16(depth))
	v.skip, v.first = append(v.skip, 0), append(v.first, int32(len(v.ids)))
	return int32(len(v.byteOf) - 1)
}

// leave sets the ends of nodes below which no more comes.
func (v *tree) leave(nodes []int32) {
	for _, n := range nodes {
		v.skip[n] = int32(len(v.byteOf))
	}
}

// words returns the number of words of a mask.
func (v *Vocabulary) words() int { return (v.size + 63) / 64 }
