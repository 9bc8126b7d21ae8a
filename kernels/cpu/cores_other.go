//go:build !linux

package cpu

import "runtime"

func physical() int { return perThreads(runtime.NumCPU()) }
