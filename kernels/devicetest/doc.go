// Package devicetest checks that a kernels.Device keeps the contract of package kernels:
// every operation against a plain reference in float64, and every misuse that the
// contract names, which must panic with a message that names the operation. A new device
// is begun by making Run pass.
package devicetest
