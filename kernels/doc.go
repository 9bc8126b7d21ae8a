// Package kernels defines the interface between models and the devices that run them. A
// Device holds weights and state; a Step runs some forty operations on float32
// activations. The code of a model (engine/arch, asr/whisper) uses only this
// package and does not depend on the format of a weight, on the instruction set of the CPU,
// or on whether a GPU runs it.
//
//	Device ── Load, NewVector, NewState ──▶ Matrix, Vector, state
//	   │
//	   └ Begin(Batch: tokens, positions, spans) ─▶ Step
//	        Embed ─▶ Tensor ─ MatMul ─▶ Tensor ─ Attend ─▶ … ─ Read ─▶ Rows
//	        End ─▶ the rows asked for are in host memory
//
// All operands of an operation are on the device: weights, vectors and state are
// created before the step, and the batch is transferred once, when the step begins. Results are
// transferred back once, when it ends. A step allocates nothing once its buffers have reached their final size.
//
// Only one goroutine may use a device and its steps, matrices, vectors
// and states. The device itself distributes each operation over its workers.
//
// The code that opens a model checks all shapes, so operations panic on a mismatch,
// as on any other misuse: it is a bug and can't be caused by a file. Package devicetest checks
// that a Device fulfils this contract.
package kernels
