// Package split is a kernels.Device that divides a network between two devices: a GPU for some layers, say, and the CPU for the others.
//
//	Load       each matrix on the device that Options.Place names; vectors on both
//	NewState   each layer of a state on the device where its operations run
//	Step       recorded; End divides the operations into segments, each a step of one of the devices:
//
//	  embed, layers 0 … k-1 │ layers k …, norm, output          a segment of the first device, then one of the second
//	                        └ x: read when the first step ends, written when the second begins
//
// An operation without a matrix belongs to the segment of the next operation that has one, so that a layer begins with the residual stream and
// nothing else. Between two segments only the values travel that the later one reads.
//
//	device    the device, its matrices and vectors
//	step      the recording of a step
//	record    the operations
//	plan      segments, and what travels between them
//	run       running the segments
//	state     states
//	places    where their layers are
package split
