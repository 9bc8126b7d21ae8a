// Package contract implements the parts of the contract of kernels.Device that do not depend on where a device computes: it finds
// misuse of steps, tensors and states, and counts the positions and pages of states.
//
//	step, tensors  whether a step is open, what Read asked for, which tensors an operation may read and write
//	plan, state    what the states of one shape have in common; positions, pages, forks, truncation
//	extend         pages for new positions
//	save           the content of a state as bytes
//	spans          whether a span fits the state and the tensors of an operation
//
// Devices embed Step and State in their own types. Misuse panics with a message that names the operation.
package contract

// Misuse panics with a message that names the operation.
func Misuse(op, what string) { panic("kernels: " + op + ": " + what) }
