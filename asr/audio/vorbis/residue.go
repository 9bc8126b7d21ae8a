package vorbis

// residue is what is left of the spectra after division by the floor, coded in partitions of
// the same size. Each partition has a class; a class has a codebook for each of up to eight
// passes, and each pass adds vectors to the partition.
//
//	setup: 24 bits begin, 24 end, 24 size of a partition - 1, 6 classes - 1, 8 codebook of classes,
//	       for each class 3 bits and, if the flag after them is set, 5 more: which passes it has;
//	       8 codebook of each of those
//
// Type 0 spreads a vector over its partition, type 1 writes its values side by side, type 2 does
// so with the interleaved spectra of all channels.
type residue struct {
	kind       int
	begin, end int
	size       int // of a partition
	classes    int
	master     int      // codebook of the classes
	books      [][8]int // by class and pass; -1: none
	class      [][]int  // by channel and partition
}

// readResidue reads the setup of a residue.
func readResidue(r *bitReader, kind int, books []*codebook) (*residue, error) {
	s := &residue{kind: kind, begin: int(r.bits(24)), end: int(r.bits(24)), size: int(r.bits(24)) + 1}
	s.classes = int(r.bits(6)) + 1
	s.master = int(r.bits(8))
	passes := make([]uint32, s.classes)
	for i := range passes {
		passes[i] = r.bits(3)
		if r.flag() {
			passes[i] |= r.bits(5) << 3
		}
	}
	for _, p := range passes {
		set := [8]int{-1, -1, -1, -1, -1, -1, -1, -1}
		for i := range set {
			if p>>i&1 == 0 {
				continue
			}
			set[i] = int(r.bits(8))
			if set[i] >= len(books) || books[set[i]].vectors == nil || s.size%books[set[i]].dim != 0 {
				return nil, errSetup
			}
		}
		s.books = append(s.books, set)
	}
	if kind > 2 || s.begin > s.end || s.master >= len(books) || r.over {
		return nil, errSetup
	}
	return s, nil
}

// read adds the residue in a packet to the spectra of the channels that are not silent.
func (s *residue) read(r *bitReader, books []*codebook, spectra [][]float32, silent []bool) {
	if s.kind == 2 {
		s.interleaved(r, books, spectra, silent)
		return
	}
	var of [][]float32
	for i, x := range spectra {
		if !silent[i] {
			of = append(of, x)
		}
	}
	s.vectors(r, books, of)
}

// interleaved reads a residue of type 2.
func (s *residue) interleaved(r *bitReader, books []*codebook, spectra [][]float32, silent []bool) {
	all := true
	for _, q := range silent {
		all = all && q
	}
	if all || len(spectra) == 0 {
		return
	}
	x := make([]float32, len(spectra)*len(spectra[0]))
	s.vectors(r, books, [][]float32{x})
	for c, to := range spectra {
		for i := range to {
			to[i] += x[i*len(spectra)+c]
		}
	}
}

// vectors adds the residue to spectra of the same length, up to the end of the packet.
func (s *residue) vectors(r *bitReader, books []*codebook, spectra [][]float32) {
	if len(spectra) == 0 {
		return
	}
	begin, end := min(s.begin, len(spectra[0])), min(s.end, len(spectra[0]))
	parts := (end - begin) / s.size
	master := books[s.master]
	for len(s.class) < len(spectra) {
		s.class = append(s.class, nil)
	}
	for pass := range 8 {
		for p := 0; p < parts; {
			if pass == 0 && !s.classify(r, master, len(spectra), p) {
				return
			}
			for i := 0; i < master.dim && p < parts; i++ {
				for c, x := range spectra {
					book := s.books[s.class[c][p]][pass]
					if book >= 0 && !s.add(r, books[book], x[begin+p*s.size:][:s.size]) {
						return
					}
				}
				p++
			}
		}
	}
}

// classify reads one code, which gives the classes of the partitions from p on; false at the end
// of the packet.
func (s *residue) classify(r *bitReader, master *codebook, channels, p int) bool {
	for c := range channels {
		v, ok := master.entry(r)
		if !ok {
			return false
		}
		for len(s.class[c]) < p+master.dim {
			s.class[c] = append(s.class[c], 0)
		}
		for i := master.dim - 1; i >= 0; i-- {
			s.class[c][p+i], v = v%s.classes, v/s.classes
		}
	}
	return true
}

// add adds vectors to a partition, and returns false at the end of the packet.
func (s *residue) add(r *bitReader, book *codebook, x []float32) bool {
	if s.kind == 0 {
		step := len(x) / book.dim
		for i := range step {
			v := book.vector(r)
			if v == nil {
				return false
			}
			for j, w := range v {
				x[i+j*step] += w
			}
		}
		return true
	}
	for ; len(x) > 0; x = x[book.dim:] {
		v := book.vector(r)
		if v == nil {
			return false
		}
		for j, w := range v {
			x[j] += w
		}
	}
	return true
}
