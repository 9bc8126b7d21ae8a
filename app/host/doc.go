// Package host owns every opened model of the process, chat and speech. A model is opened
// when it is first acquired, shared by all who acquire it, and kept open while it is idle,
// until another model needs its memory.
package host
