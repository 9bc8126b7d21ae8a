package cpu

import "math"

// A chunk of up to 64 rows turns the recurrence of DeltaRule into products (Yang et al. 2024, arXiv:2412.06464, section
// 3.3). Let Gᵢ be the sum of the decays of rows 0 … i of the chunk and S the state before it. The steps δᵢ = β·(v - Sᵀ·k) of the
// rows solve a triangular system, and outputs and the state after the chunk follow from them:
//
//	δₜ = βₜ·(vₜ - exp(Gₜ)·Sᵀ·kₜ) - Σ i<t  βₜ·exp(Gₜ-Gᵢ)·(kₜ·kᵢ)·δᵢ
//	yₜ = exp(Gₜ)·Sᵀ·qₜ + Σ i≤t  exp(Gₜ-Gᵢ)·(qₜ·kᵢ)·δᵢ
//	S' = exp(Gₙ)·S + Σ exp(Gₙ-Gᵢ)·kᵢ·δᵢᵀ
//
// No factor exceeds 1 where decays are negative, so nothing overflows. With a decay for each dimension of a key the
// factors exp(Gₜ-Gᵢ) would not be numbers but vectors; such rows are computed one by one.

// products transposes the keys of n rows of a head and multiplies keys and queries with them: they are the same for
// all heads of values that share them.
func (j *deltaJob) products(w *deltaScratch, from, row, n int) {
	dim := j.rule.KeyDim
	for p := range (n + 31) / 32 {
		panel, rows := w.keys[p*32*dim:][:32*dim], min(32, n-32*p)
		if rows < 32 {
			clear(panel)
		}
		for t := range rows {
			for i, x := range head(j.k, row+32*p+t, from, dim) {
				panel[32*i+t] = x
			}
		}
		// Row t needs the products with rows 0 … t only.
		first := row + 32*p
		k, q := j.k.F32[first*j.k.Stride+from*dim:], j.q.F32[first*j.q.Stride+from*dim:]
		at := 32*p*deltaChunk + 32*p
		dTile(j.lv, kindF32, w.kk[at:], deltaChunk, k, j.k.Stride, asBytes(panel), dim, n-32*p, false)
		dTile(j.lv, kindF32, w.qk[at:], deltaChunk, q, j.q.Stride, asBytes(panel), dim, n-32*p, false)
	}
}

// together computes n rows of head h, after products.
func (j *deltaJob) together(w *deltaScratch, h int, s []float32, row, n int) {
	dim, valueDim, from := j.rule.KeyDim, j.rule.ValueDim, j.rule.KeyHead(h)
	j.factors(w, h, row, n)
	k, q := j.k.F32[row*j.k.Stride+from*dim:], j.q.F32[row*j.q.Stride+from*dim:]
	for at := 0; at < valueDim; at += 32 {
		panel, col := s[at*dim:][:32*dim], h*valueDim+at
		dTile(j.lv, kindF32, w.steps, 32, k, j.k.Stride, asBytes(panel), dim, n, false)
		j.solve(w, h, row, n, col)
		y := j.dst.F32[row*j.dst.Stride+col:]
		dTile(j.lv, kindF32, y, j.dst.Stride, q, j.q.Stride, asBytes(panel), dim, n, false)
		for t := range n {
			out := y[t*j.dst.Stride:][:32]
			scaleTo(j.lv, out, out, w.all[t])
		}
		dTile(j.lv, kindF32, y, j.dst.Stride, w.mixed, deltaChunk, asBytes(w.steps), n, n, true)
		for t := range n {
			step := w.steps[32*t:][:32]
			scaleTo(j.lv, step, step, w.since[t])
		}
		scaleTo(j.lv, panel, panel, w.all[n-1])
		for t := 0; t < n; t += 32 {
			dTile(j.lv, kindF32, panel, 32, w.keys[t*dim:], 32, asBytes(w.steps[32*t:]), min(32, n-t), dim, true)
		}
	}
}

// factors computes the decays of head h and the two triangles: lower, without its diagonal, and mixed.
func (j *deltaJob) factors(w *deltaScratch, h, row, n int) {
	sum := 0.0
	for t := range n {
		g := float64(j.decay.Row(row + t)[h])
		sum += g
		w.all[t] = float32(math.Exp(sum))
		scaleTo(j.lv, w.since[:t], w.since[:t], float32(math.Exp(g)))
		w.since[t] = 1
		at, beta := t*deltaChunk, j.beta.Row(row + t)[h]
		scaleMul(j.lv, w.lower[at:][:t], w.kk[at:], w.since, -beta)
		scaleMul(j.lv, w.mixed[at:][:t+1], w.qk[at:], w.since, 1)
		clear(w.mixed[at+t+1 : at+n])
	}
}

// solve turns w.steps, which holds Sᵀ·k of each row, into the steps of columns col … col+31.
func (j *deltaJob) solve(w *deltaScratch, h, row, n, col int) {
	var v [32]float32
	for t := range n {
		step, beta := w.steps[32*t:][:32], j.beta.Row(row + t)[h]
		scaleTo(j.lv, step, step, -beta*w.all[t])
		scaleTo(j.lv, v[:], j.v.Row(row + t)[col:], beta)
		addTo(j.lv, step, v[:])
		if t > 0 {
			dTile(j.lv, kindF32, step, 32, w.lower[t*deltaChunk:], deltaChunk, asBytes(w.steps[:32*t]), t, 1, true)
		}
	}
}
