package cpu

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// addressError is the panic of a goroutine that read memory which the system can't provide. debug.SetPanicOnFault turns the signal into
// it, for each goroutine by itself.
type addressError interface {
	runtime.Error
	Addr() uintptr
}

// failure is a panic in a chunk of a job.
type failure struct {
	value any
	stack []byte
}

// again raises the panic in another goroutine.
func (f *failure) again() {
	if _, ok := f.value.(addressError); ok {
		panic(f.value)
	}
	panic(fmt.Sprintf("cpu: a worker panicked: %v\n%s", f.value, f.stack))
}

// catch is deferred by what reads files that are mapped. If Options.Lost says that a file can't be read any longer, its error becomes
// d.fault: operations do nothing from then on, and End and Load return it.
func (d *device) catch() {
	v := recover()
	if v == nil {
		return
	}
	if f, ok := v.(addressError); ok && d.onLost != nil {
		if d.fault = d.onLost(f.Addr()); d.fault != nil {
			return
		}
	}
	panic(v)
}

// protect calls f, which may read files that are mapped, in this goroutine.
func (d *device) protect(f func()) {
	if d.fault != nil {
		return
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer d.catch()
	f()
}

// do runs a job on the workers when it is the device's turn.
func (d *device) do(chunks int, fn *job) {
	if d.fault != nil {
		return
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer d.catch()
	d.pool.do(&d.turn, chunks, fn)
}
