package audio

// The residue of Vorbis: what is left of a spectrum without its floor, in partitions of the
// same size. Each has a class; a class has a book for each of up to eight passes, and each pass
// adds vectors to the partition.
//
//	setup: 24 bits begin, 24 end, 24 size of a partition - 1, 6 classes - 1, 8 book of classes,
//	       for each class 3 bits and, if the flag after them is set, 5 more: which passes it has;
//	       8 book for each of those
//
// Type 0 spreads a vector over its partition, type 1 puts it down as it is, type 2 does that with
// the spectra of all channels interleaved.

type residue struct {
	kind       int
	begin, end int
	size       int // of a partition
	classes    int
	master     int
	books      [][8]int // by class and pass; -1: none
	class      [][]int  // by channel and partition
}

// readResidue reads a residue's setup.
func readResidue(r *lsb, kind int, books []*codebook) (*residue, error) {
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
				return nil, errVorbis
			}
		}
		s.books = append(s.books, set)
	}
	if kind > 2 || s.begin > s.end || s.master >= len(books) || r.over {
		return nil, errVorbis
	}
	return s, nil
}

// read adds the residue of a packet to the spectra of channels that have a floor.
func (s *residue) read(r *lsb, books []*codebook, spectra [][]float32, silent []bool) {
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

// interleaved reads type 2.
func (s *residue) interleaved(r *lsb, books []*codebook, spectra [][]float32, silent []bool) {
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

// vectors reads the residue of spectra of the same length. It ends where the packet does.
func (s *residue) vectors(r *lsb, books []*codebook, spectra [][]float32) {
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

// classify reads the classes of the partitions from p on that one code tells.
func (s *residue) classify(r *lsb, master *codebook, channels, p int) bool {
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

// add adds vectors to a partition; false at the end of the packet.
func (s *residue) add(r *lsb, book *codebook, x []float32) bool {
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
