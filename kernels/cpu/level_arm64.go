package cpu

import "golang.org/x/sys/cpu"

// supports reports whether CPU and operating system run level l. Go's own code for
// arm64 takes NEON for granted. What lies beyond is asked of golang.org/x/sys/cpu,
// which reads it from Linux's auxiliary vector, from macOS's sysctl and, unlike
// klauspost/cpuid, from Windows; there it does not know of I8MM (v0.49.0), so the best
// level is dotprod.
func supports(l level) bool {
	switch l {
	case generic, neon:
		return true
	case dotprod:
		return cpu.ARM64.HasASIMDDP
	case i8mm:
		return cpu.ARM64.HasASIMDDP && cpu.ARM64.HasI8MM
	}
	return false
}
