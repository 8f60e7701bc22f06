package cache

import (
	"fmt"
	"testing"

	"tollgate/policy/token"
)

// A cache that is made smaller keeps to its new bound from then on, one that is
// made larger keeps more.
func TestResizeBoundsWhatIsKept(t *testing.T) {
	c, err := New(Options{MaxBytes: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	fill := func(round string) (kept int) {
		const records = 2000
		for i := range records {
			d := token.DigestOf(fmt.Appendf(nil, "%s %d", round, i))
			c.Remember(&d, c.Stamp(&d), keyFor(record(string(handleOf(i)), "mer_a", nil)))
			c.records.Wait()
		}
		for i := range records {
			d := token.DigestOf(fmt.Appendf(nil, "%s %d", round, i))
			if p, _ := c.Recall(&d, 1); p != nil {
				kept++
			}
		}
		return kept
	}
	if kept := fill("large"); kept < 1500 {
		t.Fatalf("%d of 2000 records are kept in 4 MiB", kept)
	}
	if err := c.Resize(leastBytes); err != nil {
		t.Fatal(err)
	}
	if bytes := c.Stats().Bytes; bytes > leastBytes {
		t.Errorf("right after shrinking to %d bytes %d are in use", leastBytes, bytes)
	}
	small := fill("small")
	if bytes := c.Stats().Bytes; bytes > leastBytes || small == 0 || small > 500 {
		t.Errorf("after shrinking to %d bytes %d are in use and %d new records are kept", leastBytes, bytes, small)
	}
	if err := c.Resize(4 << 20); err != nil {
		t.Fatal(err)
	}
	if again := fill("again"); again < 1000 {
		t.Errorf("after growing, %d of 2000 records are kept", again)
	}
	if err := c.Resize(leastBytes - 1); err == nil {
		t.Error("a cache of no size is taken")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Resize(4 << 20); err != nil {
		t.Errorf("after the end: %v", err)
	}
}
