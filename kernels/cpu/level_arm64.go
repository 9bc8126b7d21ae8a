package cpu

import "golang.org/x/sys/cpu"

// supports reports whether the CPU and the operating system support level l. Go's own code for
// arm64 requires NEON. The other features are taken from golang.org/x/sys/cpu,
// which reads them from Linux's auxiliary vector, from macOS's sysctl and, unlike
// klauspost/cpuid, from Windows. On Windows it does not detect I8MM (v0.49.0), so the best
// level there is dotprod.
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
