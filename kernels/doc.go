// Package kernels is the contract between models and the devices that run them. A
// Device holds weights and state; a Step runs some twenty fused operations on float32
// activations. Model code (engine/arch, asr/whisper) is written once against this
// package and never asks which format a weight has, which instructions the CPU knows,
// or whether a GPU does the work.
//
//	Device ── Load, NewVector, NewState ──▶ Matrix, Vector, state
//	   │
//	   └ Begin(Batch: tokens, positions, spans) ─▶ Step
//	        Embed ─▶ Tensor ─ MatMul ─▶ Tensor ─ Attend ─▶ … ─ Read ─▶ Rows
//	        End ─▶ the rows asked for are in host memory
//
// Everything that an operation reads is on the device: weights, vectors and state are
// made before the step, and the batch goes up once, when the step begins. Results come
// back once, when it ends. A step allocates nothing once its buffers have grown.
//
// One goroutine owns a device: it alone calls the device, its steps, matrices, vectors
// and states. Inside, a device spreads each operation over its own workers.
//
// Shapes are checked by the code that opens a model, so operations panic on a mismatch,
// as on any other misuse: it is a bug, never a file's fault. Package devicetest checks
// that a Device keeps this contract.
package kernels
