package sqlite_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tollgate/policy/token"
	"tollgate/store"
	"tollgate/store/sqlite"
)

// Migrating is what opening does unless it is told to leave it to the operator,
// who can look first.
func TestMigrationsAreAppliedRequiredOrShown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	o := options(path)
	o.Schema = store.SchemaRequire
	if s, err := sqlite.Open(ctx, o); err == nil || !strings.Contains(err.Error(), "run tollgate migrate") {
		t.Errorf("opened %v without its schema: %v", s, err)
	}
	o.Schema = store.SchemaAny
	s, err := sqlite.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	status := func(want bool) {
		t.Helper()
		list, err := s.Status(ctx)
		if err != nil || len(list) == 0 || list[0].Name != "0001_first.sql" || list[0].Version != 1 || list[0].Applied != want {
			t.Errorf("status %+v, %v", list, err)
		}
	}
	status(false)
	if applied, err := s.Migrate(ctx); err != nil || len(applied) == 0 || !applied[0].Applied {
		t.Errorf("applied %+v, %v", applied, err)
	}
	status(true)
	if applied, err := s.Migrate(ctx); err != nil || len(applied) != 0 {
		t.Errorf("applied again %+v, %v", applied, err)
	}
	o.Schema = store.SchemaRequire
	ready, err := sqlite.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ready.Close()
}

// An old binary on a new schema could write rows that lack what they need.
func TestANewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	open(t, path)
	if err := behind(path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(ctx, options(path)); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("opened %v on schema 999: %v", s, err)
	}
}

// What the migrations after the first one made, undone, newest first.
var undone = [][]string{
	{
		`DROP TABLE quota_uses`, `ALTER TABLE tokens DROP COLUMN quota`, `ALTER TABLE tokens DROP COLUMN restrict_client_cert`,
		`ALTER TABLE tokens DROP COLUMN client_certs`, `DELETE FROM goose_db_version WHERE version_id = 3`,
	},
	{
		`DROP INDEX tokens_by_expiry`, `ALTER TABLE merchants DROP COLUMN webhook_url`, `ALTER TABLE merchants DROP COLUMN webhook_format`,
		`DROP TABLE pairs`, `DROP TABLE families`, `DROP TABLE users`, `DROP TABLE revoked_jtis`, `DROP TABLE replays`, `DROP TABLE hooks`,
		`DROP TABLE expiry_notices`, `DELETE FROM goose_db_version WHERE version_id = 2`,
	},
}

// A database of an earlier release, with what it holds, is brought up to date.
func TestADatabaseOfAnEarlierSchemaIsMigrated(t *testing.T) {
	for back := range undone {
		t.Run(strconv.Itoa(len(undone)-back), func(t *testing.T) { migratesFrom(t, undone[:back+1]) })
	}
}

func migratesFrom(t *testing.T, undone [][]string) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path)
	m, err := s.AddMerchant(ctx, cli, token.Merchant{Name: "Shop", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	added, err := s.AddToken(ctx, cli, whole(m.ID), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, statement := range slices.Concat(undone...) {
		if err := behind(path, statement); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, path)
	list, err := s.Status(ctx)
	if err != nil || len(list) != 3 || list[1].Name != "0002_dialects.sql" || !list[1].Applied || list[2].Name != "0003_edge.sql" || !list[2].Applied {
		t.Errorf("status %+v, %v", list, err)
	}
	if kept, err := s.FindMerchant(ctx, m.ID); err != nil || kept.Name != m.Name || kept.Webhook != (token.Webhook{}) {
		t.Errorf("the merchant became %+v, %v", kept, err)
	}
	p, err := s.LoadCredential(ctx, token.KindKey, &added.Credentials[0].Digest)
	if err != nil || len(p.Live.Families) != 0 {
		t.Errorf("the key: %+v, %v", p, err)
	}
	if b, was := p.Live.Bounds, added.Bounds; b.ClientCerts != nil || b.Quota != "" || b.Restricts.ClientCert || !reflect.DeepEqual(b, was) {
		t.Errorf("the bounds became %+v, they were %+v", b, was)
	}
	if day, month, err := s.Uses(ctx, added.Handle, 1); day != 0 || month != 0 || err != nil {
		t.Errorf("used %d and %d, %v", day, month, err)
	}
	if _, err := s.VerifyAudit(ctx); err != nil {
		t.Error(err)
	}
	if err := s.CheckIntegrity(ctx); err != nil {
		t.Error(err)
	}
}

// "tollgate serve" and "tollgate admin create-key" may both be the first.
func TestManyProcessesMayBeTheFirst(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "a.db")
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				s, err := sqlite.Open(ctx, options(path))
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if _, err := s.AddMerchant(ctx, cli, token.Merchant{Name: "x"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		s := open(t, path)
		if head, err := s.Head(ctx); err != nil || head != 6 {
			t.Errorf("head %d, %v; want 6", head, err)
		}
	}
}
