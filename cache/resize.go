package cache

import "fmt"

// Resize sets how many bytes the records may cost from now on, within the
// bounds of Options.MaxBytes. A smaller cache puts records out as new ones come.
// The memory of how often records are asked for keeps the size it was built
// with: that makes the choice of what to keep a little better or worse, and
// nothing wrong.
func (c *Cache) Resize(maxBytes int64) error {
	if maxBytes < leastBytes {
		return fmt.Errorf("cache: %d bytes hold next to nothing; give it at least %d", maxBytes, leastBytes)
	}
	c.setting.RLock()
	defer c.setting.RUnlock()
	if !c.closed.Load() {
		c.records.UpdateMaxCost(maxBytes)
	}
	return nil
}
