package flac

// The block sizes and rates of the 4-bit codes; 0: reserved or given elsewhere.
var (
	blockSizes = [16]int{1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608, 8: 256, 9: 512, 10: 1024, 11: 2048, 12: 4096, 13: 8192, 14: 16384, 15: 32768}
	rates      = [12]int{1: 88200, 2: 176400, 3: 192000, 4: 8000, 5: 16000, 6: 22050, 7: 24000, 8: 32000, 9: 44100, 10: 48000, 11: 96000}
	depths     = [8]uint{1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}
)

// fixed holds the coefficients of the fixed predictors, nearest sample first.
var fixed = [5][]int64{{}, {1}, {2, -1}, {3, -3, 1}, {4, -6, 4, -1}}

// frame decodes a frame into f.samples and returns its number of samples. If the file ends
// inside it, the error is in f.br.err.
//
// A subframe holds one channel:
//
//	1 zero, 6 type, 1 wasted bits? (then their number - 1 in unary), and by type
//	000000 constant: one sample            000001 verbatim: all samples
//	001ooo fixed predictor of order 0-4    1ooooo linear prediction of order o + 1
//
//	predicted: order samples, [4 bits precision - 1, 5 bits shift, the coefficients], the residual:
//	2 bits method (parameters of 4 or 5 bits), 4 bits partition order, then for each partition
//	its parameter k and Rice codes: quotient in unary, k bits; or, if all bits of k are one,
//	5 bits width and plain numbers. Signed numbers are folded: 0, -1, 1, -2, …
//
// Of two channels, one may be the difference of both, with one bit more per sample.
func (f *Decoder) frame() (int, error) {
	b := &f.br
	b.begin()
	n, layout, err := f.header()
	if err != nil || b.err != nil {
		return 0, err
	}
	for c := range f.channels {
		depth := f.depth
		if layout == 9 && c == 0 || (layout == 8 || layout == 10) && c == 1 {
			depth++
		}
		f.samples[c] = f.samples[c][:0]
		if err := f.subframe(&f.samples[c], n, depth); err != nil || b.err != nil {
			return 0, err
		}
	}
	b.align()
	want := b.crc16
	if got := uint16(b.bits(16)); b.err == nil && got != want && !f.in.Unchecked {
		return 0, damage("CRC-16 is %04x, want %04x", got, want)
	}
	decorrelate(f.samples[0], f.samples[1], layout)
	return n, nil
}

// header reads and checks the frame header and returns the number of samples and the channel
// layout.
func (f *Decoder) header() (n int, layout uint64, err error) {
	b := &f.br
	if sync := b.bits(15); sync != 0x3FFE<<1 && b.err == nil {
		return 0, 0, damage("no frame begins here (%04x)", sync<<1)
	}
	b.bits(1)
	size, rate := b.bits(4), b.bits(4)
	layout = b.bits(4)
	depth := b.bits(3)
	b.bits(1)
	f.number()
	switch size {
	case 6:
		n = int(b.bits(8)) + 1
	case 7:
		n = int(b.bits(16)) + 1
	default:
		n = blockSizes[size]
	}
	hz := 0
	switch rate {
	case 12:
		hz = int(b.bits(8)) * 1000
	case 13:
		hz = int(b.bits(16))
	case 14:
		hz = int(b.bits(16)) * 10
	case 15:
		return 0, 0, damage("reserved rate")
	default:
		hz = rates[rate]
	}
	want := b.crc8
	if got := byte(b.bits(8)); b.err != nil {
		return 0, 0, nil
	} else if got != want && !f.in.Unchecked {
		return 0, 0, damage("CRC-8 of the header is %02x, want %02x", got, want)
	}
	return n, layout, f.agree(n, hz, layout, depth)
}

// number skips the frame's number, which is coded like UTF-8.
func (f *Decoder) number() {
	for lead := f.br.bits(8); lead >= 0xC0 && lead&0x40 != 0; lead = lead << 1 & 0xFF {
		f.br.bits(8)
	}
}

// agree checks a frame header against STREAMINFO.
func (f *Decoder) agree(n, hz int, layout, depth uint64) error {
	channels := int(layout) + 1
	if layout >= 8 {
		channels = 2
	}
	switch {
	case n == 0:
		return damage("reserved block size")
	case layout > 10:
		return damage("reserved channel layout %d", layout)
	case channels != f.channels:
		return damage("%d channels where the file says %d", channels, f.channels)
	case hz != 0 && hz != f.hz:
		return damage("%d Hz where the file says %d", hz, f.hz)
	case depth != 0 && depths[depth] != f.depth:
		return damage("%d bits a sample where the file says %d", depths[depth], f.depth)
	}
	return nil
}

// decorrelate restores left and right from a channel and the difference of both.
func decorrelate(a, b []int64, layout uint64) {
	switch layout {
	case 8: // left, left - right
		for i, s := range b {
			b[i] = a[i] - s
		}
	case 9: // left - right, right
		for i, s := range b {
			a[i] += s
		}
	case 10: // (left + right) / 2, left - right
		for i, s := range b {
			m := a[i]<<1 | s&1
			a[i], b[i] = (m+s)>>1, (m-s)>>1
		}
	}
}

// subframe appends the n samples of a channel to *x.
func (f *Decoder) subframe(x *[]int64, n int, depth uint) error {
	b := &f.br
	head := b.bits(8)
	wasted := uint64(0)
	if head&1 != 0 {
		wasted = b.unary() + 1
	}
	if head&0x80 != 0 || wasted >= uint64(depth) {
		return damage("subframe header %02x with %d wasted bits of %d", head, wasted, depth)
	}
	depth -= uint(wasted)
	var err error
	switch kind := head >> 1 & 63; {
	case kind == 0:
		v := b.signed(depth)
		for range n {
			*x = append(*x, v)
		}
	case kind == 1:
		f.plain(x, n, depth)
	case kind >= 8 && kind <= 12:
		err = f.predicted(x, n, int(kind-8), depth, false)
	case kind >= 32:
		err = f.predicted(x, n, int(kind-31), depth, true)
	default:
		err = damage("reserved subframe type %d", kind)
	}
	if wasted > 0 {
		for i := range *x {
			(*x)[i] <<= wasted
		}
	}
	return err
}

// plain appends n samples that are stored without prediction.
func (f *Decoder) plain(x *[]int64, n int, depth uint) {
	for i := 0; i < n && f.br.err == nil; i++ {
		*x = append(*x, f.br.signed(depth))
	}
}

// predicted appends n samples that are coded as a prediction and a residual.
func (f *Decoder) predicted(x *[]int64, n, order int, depth uint, linear bool) error {
	if order > n {
		return damage("a predictor of order %d in a block of %d", order, n)
	}
	b := &f.br
	f.plain(x, order, depth)
	var shift uint
	coef := fixed[min(order, 4)]
	if linear {
		precision, s := uint(b.bits(4))+1, b.signed(5)
		if precision == 16 || s < 0 {
			return damage("prediction with precision %d and shift %d", precision, s)
		}
		shift, coef = uint(s), make([]int64, order)
		for i := range coef {
			coef[i] = b.signed(precision)
		}
	}
	if err := f.residual(x, n, order); err != nil || b.err != nil {
		return err
	}
	predict(*x, coef, shift)
	for _, v := range *x {
		if v >>= depth - 1; v != 0 && v != -1 {
			return damage("a sample of more than %d bits", depth)
		}
	}
	return nil
}

// predict adds to each residual the prediction from the samples before it; coef[0] belongs to the
// sample just before.
func predict(x, coef []int64, shift uint) {
	for i := len(coef); i < len(x); i++ {
		var sum int64
		past := x[i-len(coef) : i]
		for j, c := range coef {
			sum += c * past[len(past)-1-j]
		}
		x[i] += sum >> shift
	}
}

// residual appends n - order residuals.
func (f *Decoder) residual(x *[]int64, n, order int) error {
	b := &f.br
	method, parts := b.bits(2), 1<<b.bits(4)
	if method > 1 {
		return damage("reserved residual method %d", method)
	}
	if n%parts != 0 || n/parts < order {
		return damage("%d partitions of a block of %d with order %d", parts, n, order)
	}
	width := uint(4 + method)
	for p := range parts {
		count := n / parts
		if p == 0 {
			count -= order
		}
		if k := uint(b.bits(width)); k == 1<<width-1 {
			f.plain(x, count, uint(b.bits(5)))
		} else if err := f.rice(x, count, k); err != nil {
			return err
		}
		if b.err != nil {
			return nil
		}
	}
	return nil
}

// rice appends count numbers in Rice codes with parameter k.
func (f *Decoder) rice(x *[]int64, count int, k uint) error {
	b := &f.br
	for i := 0; i < count && b.err == nil; i++ {
		high := b.unary()
		if high>>(33-k) != 0 {
			return damage("a residual of more than 32 bits")
		}
		v := high<<k | b.bits(k)
		*x = append(*x, int64(v>>1)^-int64(v&1))
	}
	return nil
}
