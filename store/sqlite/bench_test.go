package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/policy/token"
	"tollgate/store"
)

// filled is a database with a thousand tokens, and a digest of one of them.
func filled(b *testing.B) (*store.Store, string, token.Digest) {
	b.Helper()
	s := open(b, filepath.Join(b.TempDir(), "a.db"))
	m, err := s.AddMerchant(ctx, cli, token.Merchant{Name: "Shop", Active: true, IPRanges: []string{"192.0.2.0/24"}})
	if err != nil {
		b.Fatal(err)
	}
	var last token.Token
	for range 1000 {
		last, err = s.AddToken(ctx, cli, whole(m.ID), []token.Number{randomNumber("CI", "+225")})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s, m.ID, last.Credentials[0].Digest
}

func BenchmarkLoadCredential(b *testing.B) {
	s, _, digest := filled(b)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := s.LoadCredential(ctx, token.KindKey, &digest); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadUnknownCredential(b *testing.B) {
	s, _, _ := filled(b)
	digest := token.DigestOf([]byte("nobody's"))
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := s.LoadCredential(ctx, token.KindKey, &digest); err != token.ErrNotFound {
			b.Fatal(err)
		}
	}
}

// A signed request is recorded; many at once share a flush of the disk.
func BenchmarkRecord(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "a.db"))
	until := token.At(time.Now().Add(time.Hour))
	var n atomic.Uint64
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("%dAtOnce", callers), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			record := func() {
				d := token.DigestOf(binary.BigEndian.AppendUint64(nil, n.Add(1)))
				if fresh, err := s.Record(ctx, d, until); err != nil || !fresh {
					b.Error(fresh, err)
				}
			}
			if callers == 1 {
				for b.Loop() {
					record()
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					record()
				}
			})
		})
	}
}

func BenchmarkRenew(b *testing.B) {
	s, merchant, _ := filled(b)
	added, err := s.AddToken(ctx, cli, whole(merchant), nil)
	if err != nil {
		b.Fatal(err)
	}
	family := token.Family{Token: added.Handle, Generation: 1, EndsAt: token.At(time.Now().Add(time.Hour))}
	if _, err := s.BeginFamily(ctx, cli, family, link(0, 0)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	i := 0
	for b.Loop() {
		_, result, err := s.Renew(ctx, cli, added.Handle, true, token.Renewal{Spent: link(i, 0).Refresh, Next: link(i+1, 0), Generation: 1})
		if err != nil || result != token.Renewed {
			b.Fatal(result, err)
		}
		i++
	}
}

func BenchmarkAddToken(b *testing.B) {
	s, merchant, _ := filled(b)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := s.AddToken(ctx, cli, whole(merchant), nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWarm(b *testing.B) {
	s, _, _ := filled(b)
	b.ReportAllocs()
	b.ResetTimer()
	n := 0
	for b.Loop() {
		n = 0
		err := s.Warm(ctx, 1000, func(token.Kind, token.Digest, *token.Principal) error { n++; return nil })
		if err != nil || n != 1000 {
			b.Fatal(fmt.Sprint(n), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/key")
}
