package split

// places says on which device the layers of states are, by their numbers; Both: not known yet. It follows from the first step that uses them.
type places struct {
	sides []Side
	local []int // their numbers among the layers of their device, once all before are known
}

// of returns the side of a layer; Both if it is not known, or for -1, which stands for none.
func (p *places) of(layer int) Side {
	if layer < 0 || layer >= len(p.sides) {
		return Both
	}
	return p.sides[layer]
}

// set sets the side of a layer, if it is not known.
func (p *places) set(layer int, side Side) {
	for len(p.sides) <= layer {
		p.sides = append(p.sides, Both)
	}
	if p.sides[layer] == Both {
		p.sides[layer] = side
	}
}

// first returns the sides of the first n layers. Those of which nothing is known are put on the second device.
func (p *places) first(n int) []Side {
	for i := range n {
		p.set(i, Second)
	}
	return p.sides[:n]
}

// number returns the number of a layer among those of its device.
func (p *places) number(layer int) int {
	var count [sides]int
	for _, side := range p.sides[:len(p.local)] {
		count[side]++
	}
	for i := len(p.local); i <= layer; i++ {
		side := p.first(i + 1)[i]
		p.local = append(p.local, count[side])
		count[side]++
	}
	return p.local[layer]
}
