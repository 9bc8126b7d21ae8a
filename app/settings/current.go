package settings

import "sync"

// Current holds the settings that are in use. Its methods may be called by any goroutine.
type Current struct {
	dir string

	saving sync.Mutex // makes the file follow the order of the changes
	mu     sync.RWMutex
	v      Values
}

// NewCurrent holds v, which Load returned for the data folder dir.
func NewCurrent(dir string, v Values) *Current { return &Current{dir: dir, v: v} }

// Values returns the settings as they are.
func (c *Current) Values() Values {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.v
}

// Change applies edit to the settings and saves them. The change is in use even where the
// error says that it could not be saved.
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
