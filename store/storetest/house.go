package storetest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
)

// Engine makes a new, empty database for one test.
type Engine func(t testing.TB) Database

// Database is what a test needs of a database besides the store's own methods.
type Database struct {
	// Open opens it; several stores may have it open at once, as several
	// processes may.
	Open func(ctx context.Context, o store.Options) (*store.Store, error)

	// Try runs a statement behind the store's back, past no guard.
	Try func(statement string) error

	// Tamper runs a statement behind the store's back, with the guards of the
	// audit table taken off first.
	Tamper func(t testing.TB, statement string, args ...any)
}

// clock is the time of a test. It moves when it is told to, and by a
// microsecond whenever it is read, as time does.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) instant() token.Instant { return token.At(c.Now()) }

// heard collects what a listener was told.
type heard struct {
	mu   sync.Mutex
	list []token.Change
}

func (h *heard) listen(c token.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, c)
}

// take is what was heard since the last time.
func (h *heard) take() []token.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.list
	h.list = nil
	return list
}

// house is one database opened for one test, and what tests do with it.
type house struct {
	*store.Store
	t     testing.TB
	db    Database
	clock *clock
	heard heard
	made  uint64
}

var ctx = context.Background()

func newHouse(t testing.TB, engine Engine, edit ...func(*store.Options)) *house {
	t.Helper()
	h := &house{t: t, db: engine(t), clock: &clock{now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}}
	h.Store = h.open(edit...)
	h.OnChange(h.heard.listen)
	return h
}

// open opens the house's database once more.
func (h *house) open(edit ...func(*store.Options)) *store.Store {
	h.t.Helper()
	s, err := h.tryOpen(edit...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { s.Close() })
	return s
}

func (h *house) tryOpen(edit ...func(*store.Options)) (*store.Store, error) {
	catalogue := Catalogue()
	o := store.Options{Catalogue: func() *policy.Catalogue { return catalogue }, Now: h.clock.Now}
	for _, e := range edit {
		e(&o)
	}
	return h.db.Open(ctx, o)
}

// Catalogue is a small catalogue for tests.
func Catalogue() *policy.Catalogue {
	c, err := policy.NewCatalogue([]policy.Country{
		{Alpha2: "CI", Alpha3: "CIV", Name: "Côte d'Ivoire", Dial: "225", Currency: "XOF", Lengths: []int{10},
			Operators: []policy.Operator{{ID: "ORANGE", Name: "Orange"}, {ID: "MTN", Name: "MTN"}}},
		{Alpha2: "ML", Alpha3: "MLI", Name: "Mali", Dial: "223", Currency: "XOF", Lengths: []int{8},
			Operators: []policy.Operator{{ID: "ORANGE", Name: "Orange"}}},
	}, []string{"collect", "disburse"})
	if err != nil {
		panic("BUG: the catalogue for tests: " + err.Error())
	}
	return c
}

// act is an act of the test's.
func act(action string) token.Act {
	return token.Act{Actor: token.Actor{Kind: "cli", ID: "storetest"}, Action: action, IP: "192.0.2.7", RequestID: "req-1"}
}

// digest makes a digest that was not there before.
func (h *house) digest() token.Digest {
	h.made++
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, h.made))
}

// handle makes a handle that was not there before.
func (h *house) handle() token.Handle {
	h.made++
	return token.Handle(fmt.Sprintf("tok_%012d", h.made))
}

func (h *house) addMerchant() string {
	h.t.Helper()
	m, err := h.AddMerchant(ctx, act(""), token.Merchant{Name: "Shop", Active: true})
	h.ok(err)
	return m.ID
}

// key is a new key's credential.
func (h *house) key() token.Credential {
	return token.Credential{Kind: token.KindKey, Digest: h.digest(), Hint: "abcd"}
}

func (h *house) client() token.Credential {
	return token.Credential{Kind: token.KindClient, Digest: h.digest(), Hint: "efgh"}
}

// wide is a composition of two countries.
func wide() token.Composition {
	return token.Composition{
		"CI": {"ORANGE": {"collect", "disburse"}, "MTN": {"collect"}},
		"ML": {"ORANGE": {"collect"}},
	}
}

// draft is a token that can be added, of a merchant, with a key.
func (h *house) draft(merchant string) token.Token {
	return token.Token{
		Handle: h.handle(), Merchant: merchant, Name: "Checkout", Environment: token.EnvLive, Enabled: true,
		Credentials: []token.Credential{h.key()},
	}
}

// addToken adds a token with a composition to a new merchant.
func (h *house) addToken(edit ...func(*token.Token)) token.Token {
	h.t.Helper()
	t := h.draft("")
	t.Bounds.Composition = wide()
	for _, e := range edit {
		e(&t)
	}
	if t.Merchant == "" {
		t.Merchant = h.addMerchant()
	}
	added, err := h.AddToken(ctx, act(""), t, nil)
	h.ok(err)
	return added
}

// find reads a token that must be there.
func (h *house) find(handle token.Handle) token.Token {
	h.t.Helper()
	t, err := h.FindToken(ctx, handle)
	h.ok(err)
	return t
}

// numbers are all numbers of a token, as a list of E.164 with a "-" before the
// disabled ones, newest first.
func (h *house) numbers(handle token.Handle) []string {
	h.t.Helper()
	list, _, err := h.ListNumbers(ctx, handle, token.Page{Limit: 1000})
	h.ok(err)
	var out []string
	for _, n := range list {
		if !n.Enabled {
			n.E164 = "-" + n.E164
		}
		out = append(out, n.E164)
	}
	return out
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// refused sees that err is the refusal.
func (h *house) refused(err, refusal error) {
	h.t.Helper()
	if !errors.Is(err, refusal) {
		h.t.Fatalf("error %v, want %v", err, refusal)
	}
}

// wrong sees that err names the field.
func (h *house) wrong(err error, field string) {
	h.t.Helper()
	var wrong token.FieldErrors
	if !errors.As(err, &wrong) {
		h.t.Fatalf("error %v, want one about %s", err, field)
	}
	for _, f := range wrong {
		if f.Field == field {
			return
		}
	}
	h.t.Fatalf("error %v, want one about %s", err, field)
}

// anyOrder compares a token's credentials whatever their order.
var anyOrder = cmpopts.SortSlices(func(a, b token.Credential) bool {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Generation, b.Generation)) < 0
})

func (h *house) signing() token.Credential {
	return token.Credential{Kind: token.KindSigning, Digest: h.digest(), Hint: "wxyz", Sealed: []byte{0, 1, 2, 255}}
}

// traces is what a write cannot help leaving behind.
type traces struct{ head, audit int64 }

func (h *house) traces() traces {
	h.t.Helper()
	head, err := h.Head(ctx)
	h.ok(err)
	rows, err := h.VerifyAudit(ctx)
	h.ok(err)
	return traces{head, rows}
}
