// Package devicetest checks that a kernels.Device fulfils the contract of package kernels.
// It compares every operation with a reference implementation in float64, and checks that every misuse that the
// contract names panics with a message that names the operation. The first goal of a new device
// is that Run passes.
package devicetest
