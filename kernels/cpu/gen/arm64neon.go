package main

// pair returns the first of the two accumulator registers of token m, rows v.
func (q *q64) pair(m, v int) int { return 2 * (m*q.nv + v) }

// products adds the products of dword j to the accumulators; first and last say whether j is the first or last dword of its
// half.
//
// Without dot-product instructions, SMULL and SMLAL multiply half a register of bytes into 16-bit lanes. Four rows
// have two accumulator registers of 16-bit lanes:
//
//	low   row 0: columns 4j, 4j+1, 4j+2, 4j+3 · row 1: the same      16 bits each
//	high  row 2                               · row 3
//
// They accumulate over all j; at the end neighbouring lanes are added twice, which gives one sum for each row. With 8-bit
// weights the accumulators have 32 bits, and only the products of two dwords are added in 16 bits.
func (q *q64) products(j int, first, last bool) {
	if q.k.wide() {
		if j%2 == 1 {
			q.products8(j, j%(8/q.k.halves) == 1)
		}
		return
	}
	lo, hi := smlal, smlal2
	if first {
		lo, hi = smull, smull2
	}
	for m := range q.m {
		x := q.temp()
		q.dup(x, q.act(m), j%4)
		for v := range q.nv {
			s := q.pair(m, v)
			q.op3(lo, s, q.weight(j, v), x)
			q.op3(hi, s+1, q.weight(j, v), x)
		}
	}
}

// products8 adds the products of dwords j-1 and j of 8-bit weights to the accumulators.
func (q *q64) products8(j int, first bool) {
	add := sadalp
	if first {
		add = saddlp
	}
	for m := range q.m {
		x, y := q.temp(), q.temp()
		q.dup(x, q.act(m), j%4-1)
		q.dup(y, q.act(m), j%4)
		for v := range q.nv {
			s, p := q.pair(m, v), q.temp()
			for p == x || p == y {
				p = q.temp()
			}
			w0, w1 := q.weight(j-1, v), q.weight(j, v)
			q.op3(smull, p, w0, x)
			q.op3(smlal, p, w1, y)
			q.op2(add, s, p)
			q.op3(smull2, p, w0, x)
			q.op3(smlal2, p, w1, y)
			q.op2(add, s+1, p)
		}
	}
}

// wholeNEON adds the lanes that belong to one row, and register zero (-zero·Σa) unless zero is negative.
func (q *q64) wholeNEON(m, v, zero int) int {
	s := q.pair(m, v)
	if !q.k.wide() {
		q.op2(saddlp, s, s)
		q.op2(saddlp, s+1, s+1)
	}
	q.op3(addp, s, s, s+1)
	if zero >= 0 {
		q.add(s, s, zero)
	}
	return s
}
