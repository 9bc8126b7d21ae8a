package settings

import "sync"

// Current holds the settings that are in use. Its methods may be called by any goroutine.
type Current struct {
	dir string

	saving sync.Mutex // held while saving, so that the file is written in the order of the changes
	mu     sync.RWMutex
	v      Values
}

// NewCurrent holds v, which Load returned for the data folder dir.
func NewCurrent(dir string, v Values) *Current { return &Current{dir: dir, v: v} }

// Values returns a copy of the settings.
func (c *Current) Values() Values {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.v
}

// Change applies edit to the settings and saves them. The change takes effect even if the returned error says that it could
// not be saved.
func (c *Current) Change(edit func(*Values)) error {
	c.saving.Lock()
	defer c.saving.Unlock()
	v := c.Values()
	edit(&v)
	c.mu.Lock()
	c.v = v
	c.mu.Unlock()
	return Save(c.dir, v)
}
