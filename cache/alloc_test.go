package cache

import (
	"fmt"
	"testing"

	"tollgate/policy/token"
)

// full is a cache with count keys, and their digests.
func full(tb testing.TB, count int) (*Cache, []token.Digest) {
	tb.Helper()
	c, err := New(Options{MaxBytes: 64 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	digests := make([]token.Digest, count)
	for i := range digests {
		digests[i] = token.DigestOf(fmt.Appendf(nil, "key %d", i))
		d := &digests[i]
		c.Remember(d, c.Stamp(d), keyFor(record(string(handleOf(i)), merchantOf(i), nil)))
		if i%1000 == 0 {
			c.records.Wait()
		}
	}
	c.records.Wait()
	return c, digests
}

// A hit allocates nothing, and neither does finding a digest to be unknown.
func TestRecallAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c, digests := full(t, 1024)
	made := token.DigestOf([]byte("made up"))
	c.RememberUnknown(token.KindKey, &made, c.Stamp(&made), 1)
	i := 0
	hits := 0
	n := testing.AllocsPerRun(20_000, func() {
		if _, ok := c.Recall(&digests[i&1023], 1); ok {
			hits++
		}
		i++
	})
	if n != 0 || hits < 19_000 {
		t.Errorf("a hit allocates %v times; %d hits", n, hits)
	}
	if n := testing.AllocsPerRun(1000, func() { c.RecallUnknown(token.KindKey, &made, 1) }); n != 0 {
		t.Errorf("RecallUnknown allocates %v times", n)
	}
}

func BenchmarkRecall(b *testing.B) {
	c, digests := full(b, 1024)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if p, _ := c.Recall(&digests[i&1023], 1); p == nil && i < 0 {
				b.Fail()
			}
		}
	})
}

func BenchmarkRecallUnknown(b *testing.B) {
	c, _ := full(b, 1)
	d := token.DigestOf([]byte("made up"))
	c.RememberUnknown(token.KindKey, &d, c.Stamp(&d), 1)
	b.ReportAllocs()
	for b.Loop() {
		c.RecallUnknown(token.KindKey, &d, 1)
	}
}

func BenchmarkRemember(b *testing.B) {
	c, digests := full(b, 1024)
	p := keyFor(record("tok_a", "mer_a", nil))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		d := &digests[i&1023]
		c.Remember(d, c.Stamp(d), p)
		i++
	}
}

func BenchmarkForget(b *testing.B) {
	c, _ := full(b, 1)
	ch := change(token.EntityToken, "tok_000000000001")
	b.ReportAllocs()
	for b.Loop() {
		c.Forget(ch)
	}
}
