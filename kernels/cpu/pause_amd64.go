package cpu

// pause lets the core rest for about 150 ns.
func pause()
