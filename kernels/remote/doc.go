// Package remote runs a kernels.Device in another process, so that a crash or hang of a driver ends that process only.
//
//	Open ─ requests ─▶ connection ─▶ Serve ─▶ the real Device
//	     ◀─ answers ──            ◀──
//
// A step is recorded as bytes: the batch, and every operation with its operands. End sends them in one request, and the answer has the
// rows that were asked for. Weights that lie in a file are sent as its path and their offset; the other process maps the file itself.
// Every request has a deadline. When it passes, the connection is closed, which ends the other process, and the request fails
// with ErrTimeout. After that, or after any other failure of the connection, everything fails with the same error.
//
//	device, state      the device that the engine uses, its matrices, vectors and states
//	step, operations   the recording of a step
//	serve, decode      the other side
//	wire               how values are written as bytes
//	process            a connection to a child process
package remote
