package cpu

import "golang.org/x/sys/cpu"

// hasAES reports whether the processor has the instructions of checksumAES, which are optional.
var hasAES = cpu.ARM64.HasAES
