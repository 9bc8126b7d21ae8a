package main

// pair is the first of the two registers of sums of token m, rows v.
func (q *q64) pair(m, v int) int { return 2 * (m*q.nv + v) }

// products adds the products of dword j, the first or the last of its half, to the
// sums. Eight bits keep sums of 32 bits, and products of two dwords in 16.
//
// Products of bytes without dot products: SMULL and SMLAL on half a register at a
// time. Four rows have two registers of sums,
//
//	low   row 0: columns 4j, 4j+1, 4j+2, 4j+3 · row 1: the same      16 bits each
//	high  row 2                               · row 3
//
// over all j; at the end neighbours are added twice, which leaves a sum a row.
func (q *q64) products(j int, first, last bool) {
	if q.k.bits == 8 {
		if j%2 == 1 {
			q.products8(j, j == 1)
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

// products8 adds dwords j-1 and j.
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

// wholeNEON adds up what belongs to one row, and the zero point where there is one.
func (q *q64) wholeNEON(m, v, zero int) int {
	s := q.pair(m, v)
	if q.k.bits < 8 {
		q.op2(saddlp, s, s)
		q.op2(saddlp, s+1, s+1)
	}
	q.op3(addp, s, s, s+1)
	if zero >= 0 {
		q.add(s, s, zero)
	}
	return s
}
