package token

import (
	"math/rand/v2"
	"testing"
)

// Pairs are found however the table has been filled, and of duplicates the first counts.
func TestMergeTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var added, filled mergeTable
	want := map[[2]int32]merge{}
	rank := map[[2]int32]int32{}
	for i := range int32(3000) {
		m := merge{[2]int32{random.Int32N(60), random.Int32N(60)}, i}
		added.add(m)
		filled.list = append(filled.list, m)
		if _, known := want[m.pair]; !known {
			want[m.pair], rank[m.pair] = m, i
		}
	}
	for left := range int32(62) {
		for right := range int32(62) {
			pair := [2]int32{left, right}
			m, known := want[pair]
			for name, table := range map[string]*mergeTable{"added": &added, "filled": &filled} {
				if r, id, ok := table.find(pair); ok != known || ok && (id != m.id || r != rank[pair]) {
					t.Fatalf("%s: %v: got %d, %d, %v; expected %d, %d, %v", name, pair, r, id, ok, rank[pair], m.id, known)
				}
			}
		}
	}
}
