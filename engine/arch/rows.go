package arch

import "soberano/kernels"

// rowsOf returns rows from … from+n-1 of w.
func rowsOf(w kernels.Weights, from, n int) kernels.Weights {
	row := w.Type.RowBytes(w.Cols)
	w.Row, w.Rows, w.Data = w.Row+from, n, w.Data[from*row:][:n*row]
	return w
}

// ungroup divides the rows of w, the only matrix of a list or none, which hold one block of each of sizes for the first group, then
// for the second, and so on. It returns the blocks of the first size of all groups, then those of the second size.
func ungroup(w []kernels.Weights, groups int, sizes ...int) [][]kernels.Weights {
	if len(w) == 0 {
		return nil
	}
	blocks, at := make([][]kernels.Weights, len(sizes)), 0
	for range groups {
		for i, n := range sizes {
			blocks[i] = append(blocks[i], rowsOf(w[0], at, n))
			at += n
		}
	}
	return blocks
}

// joined returns a copy of matrices of the same type, which are rows of one tensor, as one, for those of a few rows, which a device could not store
// closely. On a device that only checks files its values are zeros, since reading them takes time.
func (r *reader) joined(parts []kernels.Weights) []kernels.Weights {
	_, checks := r.dev.(kernels.Checker)
	w := kernels.Weights{Name: parts[0].Name, Row: parts[0].Row, Type: parts[0].Type, Cols: parts[0].Cols}
	for _, p := range parts {
		if w.Rows += p.Rows; checks {
			w.Data = append(w.Data, make([]byte, len(p.Data))...)
		} else {
			w.Data = append(w.Data, p.Data...)
		}
	}
	return []kernels.Weights{w}
}
