package cache

import "fmt"

// Resize sets how many bytes the records may cost from now on, within the
// bounds of Options.MaxBytes. A cache that holds more than that forgets all of
// it: ristretto would put old records out for new ones only when those are asked
// for more often, and so might stay too large for good.
// The memory of how often records are asked for keeps the size it was built
// with: that makes the choice of what to keep a little better or worse, and
// nothing wrong.
func (c *Cache) Resize(maxBytes int64) error {
	if maxBytes < leastBytes {
		return fmt.Errorf("cache: %d bytes hold next to nothing; give it at least %d", maxBytes, leastBytes)
	}
	c.setting.Lock() // nothing is set meanwhile; recalls go on
	defer c.setting.Unlock()
	if c.closed.Load() {
		return nil
	}
	used := c.records.MaxCost() - c.records.RemainingCost()
	c.records.UpdateMaxCost(maxBytes)
	if used > maxBytes {
		c.records.Clear()
	}
	return nil
}
