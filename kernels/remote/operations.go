package remote

import "soberano/kernels"

// opcode is the number of an operation of a step.
type opcode byte

const (
	opBegin opcode = iota
	opEnd
	opNew
	opConst
	opWrite
	opRead
	opRoute
	opEmbed
	opEmbedPositions
	opMatMul
	opMatMulAdd
	opMatMulGated
	opGather
	opMatMulExperts
	opMatMulGatedExperts
	opCombine
	opAdd
	opMul
	opScale
	opSoftCap
	opMix
	opMatchNorm
	opCutoff
	opRMSNorm
	opLayerNorm
	opActivate
	opXIELU
	opClamp
	opRotate
	opStore
	opAttend
	opStoreLatent
	opAttendLatent
	opMatMulHeads
	opCopyHeads
	opShortConv
	opScan
	opDeltaRule
	opWKV
	opWeights
	opUnfold
	opCount
)

var opNames = [opCount]string{opBegin: "Begin", opEnd: "End", opNew: "New", opConst: "Const", opWrite: "Write", opRead: "Read", opRoute: "Route",
	opEmbed: "Embed", opEmbedPositions: "EmbedPositions", opMatMul: "MatMul", opMatMulAdd: "MatMulAdd", opMatMulGated: "MatMulGated",
	opGather: "Gather", opMatMulExperts: "MatMulExperts", opMatMulGatedExperts: "MatMulGatedExperts", opCombine: "Combine", opAdd: "Add",
	opMul: "Mul", opScale: "Scale", opSoftCap: "SoftCap", opMix: "Mix", opMatchNorm: "MatchNorm", opCutoff: "Cutoff", opRMSNorm: "RMSNorm",
	opLayerNorm: "LayerNorm", opActivate: "Activate", opXIELU: "XIELU", opClamp: "Clamp", opRotate: "Rotate", opStore: "Store", opAttend: "Attend",
	opStoreLatent: "StoreLatent", opAttendLatent: "AttendLatent", opMatMulHeads: "MatMulHeads", opCopyHeads: "CopyHeads", opShortConv: "ShortConv",
	opScan: "Scan", opDeltaRule: "DeltaRule", opWKV: "WKV", opWeights: "Weights", opUnfold: "Unfold",
}

func (o opcode) String() string { return opNames[o] }

// Embed records the operation.
func (s *step) Embed(dst kernels.Tensor, w kernels.Matrix, scale float32) {
	out := s.op(opEmbed)
	s.tensors(opEmbed, dst)
	s.matrix(opEmbed, w)
	out.float(scale)
	s.done()
}

// EmbedPositions records the operation.
func (s *step) EmbedPositions(dst kernels.Tensor, w kernels.Matrix) {
	s.op(opEmbedPositions)
	s.tensors(opEmbedPositions, dst)
	s.matrix(opEmbedPositions, w)
	s.done()
}

// MatMul records the operation.
func (s *step) MatMul(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix) {
	s.op(opMatMul)
	s.tensors(opMatMul, dst, x)
	s.matrix(opMatMul, w)
	s.done()
}

// MatMulAdd records the operation.
func (s *step) MatMulAdd(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix) {
	s.op(opMatMulAdd)
	s.tensors(opMatMulAdd, dst, x)
	s.matrix(opMatMulAdd, w)
	s.done()
}

// MatMulGated records the operation.
func (s *step) MatMulGated(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix, f kernels.Activation) {
	out := s.op(opMatMulGated)
	s.tensors(opMatMulGated, dst, x)
	s.matrix(opMatMulGated, w)
	out.int(int(f))
	s.done()
}

// Gather records the operation.
func (s *step) Gather(dst kernels.Tensor, x kernels.Tensor, c kernels.Choice) {
	s.op(opGather)
	s.tensors(opGather, dst, x)
	s.choice(opGather, c)
	s.done()
}

// MatMulExperts records the operation.
func (s *step) MatMulExperts(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix, c kernels.Choice) {
	s.op(opMatMulExperts)
	s.tensors(opMatMulExperts, dst, x)
	s.matrix(opMatMulExperts, w)
	s.choice(opMatMulExperts, c)
	s.done()
}

// MatMulGatedExperts records the operation.
func (s *step) MatMulGatedExperts(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix, c kernels.Choice, f kernels.Activation) {
	out := s.op(opMatMulGatedExperts)
	s.tensors(opMatMulGatedExperts, dst, x)
	s.matrix(opMatMulGatedExperts, w)
	s.choice(opMatMulGatedExperts, c)
	out.int(int(f))
	s.done()
}

// Combine records the operation.
func (s *step) Combine(dst kernels.Tensor, x kernels.Tensor, c kernels.Choice) {
	s.op(opCombine)
	s.tensors(opCombine, dst, x)
	s.choice(opCombine, c)
	s.done()
}

// Add records the operation.
func (s *step) Add(dst kernels.Tensor, x kernels.Tensor) {
	s.op(opAdd)
	s.tensors(opAdd, dst, x)
	s.done()
}

// Mul records the operation.
func (s *step) Mul(dst kernels.Tensor, x kernels.Tensor) {
	s.op(opMul)
	s.tensors(opMul, dst, x)
	s.done()
}

// Scale records the operation.
func (st *step) Scale(dst kernels.Tensor, x kernels.Tensor, s float32) {
	out := st.op(opScale)
	st.tensors(opScale, dst, x)
	out.float(s)
	st.done()
}

// SoftCap records the operation.
func (s *step) SoftCap(dst kernels.Tensor, x kernels.Tensor, limit float32) {
	out := s.op(opSoftCap)
	s.tensors(opSoftCap, dst, x)
	out.float(limit)
	s.done()
}

// Mix records the operation.
func (s *step) Mix(dst kernels.Tensor, x kernels.Tensor, weights kernels.Tensor, parts int) {
	out := s.op(opMix)
	s.tensors(opMix, dst, x, weights)
	out.int(parts)
	s.done()
}

// MatchNorm records the operation.
func (s *step) MatchNorm(dst kernels.Tensor, x kernels.Tensor) {
	s.op(opMatchNorm)
	s.tensors(opMatchNorm, dst, x)
	s.done()
}

// Cutoff records the operation.
func (s *step) Cutoff(dst kernels.Tensor, x kernels.Tensor, k float32) {
	out := s.op(opCutoff)
	s.tensors(opCutoff, dst, x)
	out.float(k)
	s.done()
}

// RMSNorm records the operation.
func (s *step) RMSNorm(dst kernels.Tensor, x kernels.Tensor, weight kernels.Vector, eps float32) {
	out := s.op(opRMSNorm)
	s.tensors(opRMSNorm, dst, x)
	s.vector(opRMSNorm, weight, false)
	out.float(eps)
	s.done()
}

// LayerNorm records the operation.
func (s *step) LayerNorm(dst kernels.Tensor, x kernels.Tensor, gamma kernels.Vector, beta kernels.Vector, eps float32) {
	out := s.op(opLayerNorm)
	s.tensors(opLayerNorm, dst, x)
	s.vector(opLayerNorm, gamma, false)
	s.vector(opLayerNorm, beta, false)
	out.float(eps)
	s.done()
}

// Activate records the operation.
func (s *step) Activate(dst kernels.Tensor, gate kernels.Tensor, up kernels.Tensor, f kernels.Activation) {
	out := s.op(opActivate)
	s.tensors(opActivate, dst, gate, up)
	out.int(int(f))
	s.done()
}

// XIELU records the operation.
func (s *step) XIELU(dst kernels.Tensor, x kernels.Tensor, f kernels.XIELU) {
	out := s.op(opXIELU)
	s.tensors(opXIELU, dst, x)
	out.raw([]float32{f.AlphaP, f.AlphaN, f.Beta, f.Eps})
	s.done()
}

// Clamp records the operation.
func (s *step) Clamp(dst kernels.Tensor, x kernels.Tensor, lo float32, hi float32) {
	out := s.op(opClamp)
	s.tensors(opClamp, dst, x)
	out.float(lo)
	out.float(hi)
	s.done()
}

// Rotate records the operation.
func (s *step) Rotate(x kernels.Tensor, r *kernels.RoPE) {
	s.op(opRotate)
	s.tensors(opRotate, x)
	s.rope(opRotate, r)
	s.done()
}

// Store records the operation.
func (s *step) Store(k kernels.Tensor, v kernels.Tensor, layer int, a *kernels.Attention) {
	out := s.op(opStore)
	s.tensors(opStore, k, v)
	out.int(layer)
	s.attention(opStore, a)
	s.done()
}

// Attend records the operation.
func (s *step) Attend(dst kernels.Tensor, q kernels.Tensor, layer int, a *kernels.Attention) {
	out := s.op(opAttend)
	s.tensors(opAttend, dst, q)
	out.int(layer)
	s.attention(opAttend, a)
	s.done()
}

// StoreLatent records the operation.
func (s *step) StoreLatent(x kernels.Tensor, layer int) {
	out := s.op(opStoreLatent)
	s.tensors(opStoreLatent, x)
	out.int(layer)
	s.done()
}

// AttendLatent records the operation.
func (s *step) AttendLatent(dst kernels.Tensor, q kernels.Tensor, layer int, a *kernels.Attention) {
	out := s.op(opAttendLatent)
	s.tensors(opAttendLatent, dst, q)
	out.int(layer)
	s.attention(opAttendLatent, a)
	s.done()
}

// MatMulHeads records the operation.
func (s *step) MatMulHeads(dst kernels.Tensor, x kernels.Tensor, w kernels.Matrix) {
	s.op(opMatMulHeads)
	s.tensors(opMatMulHeads, dst, x)
	s.matrix(opMatMulHeads, w)
	s.done()
}

// CopyHeads records the operation.
func (s *step) CopyHeads(dst kernels.Tensor, x kernels.Tensor, heads int, to int, from int, cols int) {
	out := s.op(opCopyHeads)
	s.tensors(opCopyHeads, dst, x)
	out.int(heads)
	out.int(to)
	out.int(from)
	out.int(cols)
	s.done()
}

// ShortConv records the operation.
func (s *step) ShortConv(dst kernels.Tensor, x kernels.Tensor, w kernels.Vector, layer int) {
	out := s.op(opShortConv)
	s.tensors(opShortConv, dst, x)
	s.vector(opShortConv, w, false)
	out.int(layer)
	s.done()
}

// Scan records the operation.
func (s *step) Scan(dst kernels.Tensor, x kernels.Tensor, dt kernels.Tensor, b kernels.Tensor, c kernels.Tensor, layer int, p *kernels.Scan) {
	out := s.op(opScan)
	s.tensors(opScan, dst, x, dt, b, c)
	out.int(layer)
	s.scan(opScan, p)
	s.done()
}

// DeltaRule records the operation.
func (s *step) DeltaRule(dst kernels.Tensor, q kernels.Tensor, k kernels.Tensor, v kernels.Tensor, decay kernels.Tensor, beta kernels.Tensor, layer int, r *kernels.DeltaRule) {
	out := s.op(opDeltaRule)
	s.tensors(opDeltaRule, dst, q, k, v, decay, beta)
	out.int(layer)
	s.deltaRule(r)
	s.done()
}

// WKV records the operation.
func (s *step) WKV(dst kernels.Tensor, r kernels.Tensor, decay kernels.Tensor, k kernels.Tensor, v kernels.Tensor, a kernels.Tensor, b kernels.Tensor, layer int, heads int) {
	out := s.op(opWKV)
	s.tensors(opWKV, dst, r, decay, k, v, a, b)
	out.int(layer)
	out.int(heads)
	s.done()
}

// Weights records the operation.
func (s *step) Weights(dst kernels.Tensor, q kernels.Tensor, layer int, head int, a *kernels.Attention) {
	out := s.op(opWeights)
	s.tensors(opWeights, dst, q)
	out.int(layer)
	out.int(head)
	s.attention(opWeights, a)
	s.done()
}

// Unfold records the operation.
func (s *step) Unfold(dst kernels.Tensor, x kernels.Tensor, width int, stride int, pad int) {
	out := s.op(opUnfold)
	s.tensors(opUnfold, dst, x)
	out.int(width)
	out.int(stride)
	out.int(pad)
	s.done()
}
