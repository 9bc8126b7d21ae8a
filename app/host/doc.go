// Package host owns every opened model of the process, of every kind. A model is opened
// when it is first acquired, shared by all who acquire it, and kept open while it is idle,
// until another model needs its memory.
package host
