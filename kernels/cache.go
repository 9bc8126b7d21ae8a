package kernels

// Cache holds the keys and values of one sequence, for all its layers.
type Cache interface {
	// Cap is the number of positions that fit.
	Cap() int
	// Copy makes the first n positions of every layer equal to src's, which must be of the same shape.
	Copy(src Cache, n int)
	// Bytes is the memory the cache takes.
	Bytes() int64
}

// CacheShape is the shape of a Cache.
type CacheShape struct {
	Layers, KVHeads, HeadDim, Cap int
	// Fine asks for at least 16 bits a value, where 8 would do otherwise.
	Fine bool
}
