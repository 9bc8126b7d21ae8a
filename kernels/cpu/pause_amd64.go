package cpu

// pause executes PAUSE instructions for about 150 ns.
func pause()
