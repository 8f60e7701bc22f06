package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

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
