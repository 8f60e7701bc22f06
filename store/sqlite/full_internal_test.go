package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"tollgate/policy/token"
	"tollgate/store"
)

// A full disk refuses writes whole, as a fault and never as an answer; reads go
// on, and when there is room again so do writes.
func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a.db")
	f, err := prepare(path)
	if err != nil {
		t.Fatal(err)
	}
	writer, err := open(path, writers, 1)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := open(path, readers, 2)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.New(ctx, engine(f, writer, reader), testOptions(path))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	limit := func(pages string) {
		t.Helper()
		var now int
		if err := writer.QueryRow("PRAGMA max_page_count = " + pages).Scan(&now); err != nil {
			t.Fatal(err)
		}
	}
	act := token.Act{Actor: token.Actor{Kind: "cli", ID: "test"}}
	add := func() (token.Merchant, error) {
		return s.AddMerchant(ctx, act, token.Merchant{Name: "Shop", Active: true})
	}
	limit("60")
	var last token.Merchant
	added := 0
	for {
		m, err := add()
		if err != nil {
			var fields token.FieldErrors
			var word token.Error
			if errors.As(err, &fields) || errors.As(err, &word) {
				t.Fatalf("a full disk is told as a refusal: %v", err)
			}
			break
		}
		if last, added = m, added+1; added > 10_000 {
			t.Fatal("the disk never fills")
		}
	}
	if _, err := s.FindMerchant(ctx, last.ID); err != nil {
		t.Errorf("a read while the disk is full: %v", err)
	}
	if err := s.Poll(ctx); err != nil || s.Applied() != int64(added) {
		t.Errorf("the log of %d changes is applied up to %d, %v", added, s.Applied(), err)
	}
	limit("1000000")
	if _, err := add(); err != nil {
		t.Errorf("a write when there is room again: %v", err)
	}
	rows, err := s.VerifyAudit(ctx)
	if err != nil || rows != int64(added)+1 {
		t.Errorf("%d audit rows after %d writes, %v", rows, added+1, err)
	}
	if err := s.CheckIntegrity(ctx); err != nil {
		t.Error(err)
	}
}
