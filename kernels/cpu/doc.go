// Package cpu runs the operations of kernels.Device on the processor: plain Go for
// everything, SIMD assembly for what is hot.
//
//	cpu, step, vector             the device, its steps and vectors
//	matrix, unpack, pack          weights, repacked by Load into panels of 32 rows (layout)
//	packed, packedfile            repacked weights in a file, for the next run
//	matmul, gated → qtile, dtile, ptile, amx
//	                              tiles: 8-bit activations × quantised weights,
//	                              float32 activations × float weights, bfloat16
//	experts, route                products by experts
//	state, pages, keysvalues      what layers keep of a sequence
//	attend, weights               attention over keys and values, by the same tiles
//	shortconv                     short convolutions
//	ops, elem, rope               operations on rows: norms, activations, sums, rotation
//	logits                        host arithmetic on results (methods of Pool)
//	pool, admission               workers, and who may use them
//	arena, memory                 memory of a step, huge pages
//	level, cores                  instruction sets
//	peak, roofline                what kernels reach of the machine's limits
//
// Each kernel is a Go file with its explanation and its plain twin, a ladder of ifs for
// the architecture, and assembly written by gen (go generate).
package cpu

//go:generate go run ./gen
