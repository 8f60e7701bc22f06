package storetest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tollgate/policy/token"
)

// RunModel plays random acts on a store and on a model small enough to be
// obviously right, and compares them after each. It is about numbers and
// restrictions: whatever happens, a number has one owner, and nothing but
// saying so ever widens a token.
func RunModel(t *testing.T, engine Engine) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHouse(sub{t, r}, engine)
		defer h.Close()
		m := newModel(h)
		r.Repeat(map[string]func(*rapid.T){
			"":        m.compare,
			"add":     m.add,
			"change":  m.change,
			"end":     m.end,
			"country": m.country,
			"methods": m.methods,
			"certs":   m.certs,
			"clear":   m.clear,
			"revoke":  m.revoke,
			"expire":  m.expire,
		})
	})
}

// sub is a test whose failures are a rapid run's, so that it can be shrunk.
type sub struct {
	testing.TB
	r *rapid.T
}

func (s sub) Helper()                   {}
func (s sub) Fatal(args ...any)         { s.r.Fatal(args...) }
func (s sub) Fatalf(f string, a ...any) { s.r.Fatalf(f, a...) }
func (s sub) Error(args ...any)         { s.r.Error(args...) }
func (s sub) Errorf(f string, a ...any) { s.r.Errorf(f, a...) }
func (s sub) Cleanup(func())            {} // the run closes its store itself

// modelToken is what the model knows of a token.
type modelToken struct {
	handle    token.Handle
	countries map[string]bool
	methods   bool
	certs     bool
	numbers   map[string]bool // E.164 → enabled
	restricts token.Restricts
	expires   bool // in an hour of the test's clock
	expired   bool
	revoked   bool
}

type model struct {
	h      *house
	tokens []*modelToken
}

// pool are few numbers, so that tokens meet over them.
var pool = []token.Number{
	{Country: "CI", E164: "+2250707070707"}, {Country: "CI", E164: "+2250101010101"}, {Country: "ML", E164: "+22370000000"},
}

func newModel(h *house) *model {
	m := &model{h: h}
	merchant := h.addMerchant()
	for i := range 3 {
		t := h.addToken(func(t *token.Token) {
			t.Merchant = merchant
			if i == 2 {
				t.ExpiresAt = h.clock.instant().Add(time.Hour)
			}
		})
		m.tokens = append(m.tokens, &modelToken{
			handle: t.Handle, countries: map[string]bool{"CI": true, "ML": true}, numbers: map[string]bool{},
			restricts: token.Restricts{Composition: true}, expires: i == 2,
		})
	}
	return m
}

func (m *model) pick(r *rapid.T) *modelToken { return rapid.SampledFrom(m.tokens).Draw(r, "token") }

// holder is the token that has the number, or nil.
func (m *model) holder(e164 string) *modelToken {
	for _, t := range m.tokens {
		if _, has := t.numbers[e164]; has {
			return t
		}
	}
	return nil
}

// answered compares an answer of the store's with the model's word for it.
func (m *model) answered(r *rapid.T, err error, want string) {
	r.Helper()
	got := "done"
	var held *token.HeldError
	var wrong token.FieldErrors
	switch {
	case err == nil:
	case errors.As(err, &held):
		got = "held"
	case errors.As(err, &wrong):
		got = "wrong"
	default:
		got = err.Error()
	}
	if got != want {
		r.Fatalf("the store says %q (%v), the model %q", got, err, want)
	}
}

func (m *model) add(r *rapid.T) {
	t, n := m.pick(r), rapid.SampledFrom(pool).Draw(r, "number")
	n.Enabled = rapid.Bool().Draw(r, "enabled")
	holder := m.holder(n.E164)
	_, err := m.h.AddNumber(ctx, act(""), t.handle, n)
	switch {
	case t.revoked:
		m.answered(r, err, token.ErrRevoked.Error())
	case !t.countries[n.Country]:
		m.answered(r, err, "wrong")
	case holder == t:
		m.answered(r, err, token.ErrExists.Error())
	case holder != nil && !holder.expired:
		m.answered(r, err, "held")
	default:
		m.answered(r, err, "done")
		if holder != nil {
			delete(holder.numbers, n.E164)
		}
		t.numbers[n.E164], t.restricts.Phones = n.Enabled, true
	}
}

func (m *model) change(r *rapid.T) {
	t, n := m.pick(r), rapid.SampledFrom(pool).Draw(r, "number")
	enabled := rapid.Bool().Draw(r, "enabled")
	_, err := m.h.ChangeNumber(ctx, act(""), t.handle, n.E164, enabled)
	if m.owns(r, t, n.E164, err) {
		t.numbers[n.E164] = enabled
	}
}

func (m *model) end(r *rapid.T) {
	t, n := m.pick(r), rapid.SampledFrom(pool).Draw(r, "number")
	if m.owns(r, t, n.E164, m.h.EndNumber(ctx, act(""), t.handle, n.E164)) {
		delete(t.numbers, n.E164)
	}
}

func (m *model) owns(r *rapid.T, t *modelToken, e164 string, err error) bool {
	_, has := t.numbers[e164]
	switch {
	case t.revoked:
		m.answered(r, err, token.ErrRevoked.Error())
	case !has:
		m.answered(r, err, token.ErrNotFound.Error())
	default:
		m.answered(r, err, "done")
		return true
	}
	return false
}

// replace writes a token with what edit makes of its bounds.
func (m *model) replace(r *rapid.T, t *modelToken, want string, edit func(*token.Bounds)) bool {
	now := m.h.find(t.handle)
	edit(&now.Bounds)
	_, err := m.h.ReplaceToken(ctx, act(""), now, now.Version)
	if t.revoked {
		want = token.ErrRevoked.Error()
	}
	m.answered(r, err, want)
	return want == "done"
}

// country puts a country into the composition or takes it out.
func (m *model) country(r *rapid.T) {
	t, c := m.pick(r), rapid.SampledFrom([]string{"CI", "ML"}).Draw(r, "country")
	in := rapid.Bool().Draw(r, "in")
	done := m.replace(r, t, "done", func(b *token.Bounds) {
		b.Composition = maps.Clone(b.Composition)
		if b.Composition == nil {
			b.Composition = token.Composition{}
		}
		if delete(b.Composition, c); in {
			b.Composition[c] = wide()[c]
		}
	})
	if !done {
		return
	}
	if delete(t.countries, c); in {
		t.countries[c], t.restricts.Composition = true, true
		return
	}
	for _, n := range pool {
		if n.Country == c {
			delete(t.numbers, n.E164)
		}
	}
}

// methods gives the token methods or takes them away.
func (m *model) methods(r *rapid.T) {
	t, given := m.pick(r), rapid.Bool().Draw(r, "given")
	done := m.replace(r, t, "done", func(b *token.Bounds) {
		if b.Methods = nil; given {
			b.Methods = []string{"GET"}
		}
	})
	if done {
		t.methods, t.restricts.Methods = given, t.restricts.Methods || given
	}
}

// certs gives the token a client certificate or takes it away.
func (m *model) certs(r *rapid.T) {
	t, given := m.pick(r), rapid.Bool().Draw(r, "given")
	done := m.replace(r, t, "done", func(b *token.Bounds) {
		if b.ClientCerts = nil; given {
			b.ClientCerts = []string{someCert}
		}
	})
	if done {
		t.certs, t.restricts.ClientCert = given, t.restricts.ClientCert || given
	}
}

// clear asks for flags to be cleared, which works where nothing is left.
func (m *model) clear(r *rapid.T) {
	t := m.pick(r)
	ask := token.Restricts{
		Composition: rapid.Bool().Draw(r, "composition"), Phones: rapid.Bool().Draw(r, "phones"),
		Methods: rapid.Bool().Draw(r, "methods"), ClientCert: rapid.Bool().Draw(r, "client cert"),
	}
	is, want := t.restricts, "done"
	blocked := func(asked, flag, there bool) {
		if asked && flag && there {
			want = "wrong"
		}
	}
	blocked(ask.Composition, is.Composition, len(t.countries) > 0)
	blocked(ask.Phones, is.Phones, len(t.numbers) > 0)
	blocked(ask.Methods, is.Methods, t.methods)
	blocked(ask.ClientCert, is.ClientCert, t.certs)
	is.Composition = is.Composition && !ask.Composition
	is.Phones = is.Phones && !ask.Phones
	is.Methods = is.Methods && !ask.Methods
	is.ClientCert = is.ClientCert && !ask.ClientCert
	if m.replace(r, t, want, func(b *token.Bounds) { b.Restricts = is }) {
		t.restricts = is
	}
}

func (m *model) revoke(r *rapid.T) {
	if rapid.IntRange(0, 9).Draw(r, "rarely") > 0 {
		return
	}
	t := m.pick(r)
	_, err := m.h.RevokeToken(ctx, act(""), t.handle)
	m.answered(r, err, "done")
	t.revoked, t.numbers = true, map[string]bool{}
}

// expire lets an hour pass.
func (m *model) expire(r *rapid.T) {
	if rapid.IntRange(0, 4).Draw(r, "rarely") > 0 {
		return
	}
	m.h.clock.advance(time.Hour)
	for _, t := range m.tokens {
		t.expired = t.expired || t.expires
	}
}

// compare sees that every record is what the model has, as it is listed and as
// it is loaded to judge by.
func (m *model) compare(r *rapid.T) {
	for _, t := range m.tokens {
		found := m.h.find(t.handle)
		live, err := m.h.LoadToken(ctx, t.handle)
		if err != nil {
			r.Fatal(err)
		}
		listed, loaded := map[string]bool{}, map[string]bool{}
		for _, n := range m.h.numbers(t.handle) {
			e164, disabled := strings.CutPrefix(n, "-")
			listed[e164] = !disabled
		}
		for _, n := range live.Numbers {
			loaded[n.E164] = n.Enabled
		}
		if !maps.Equal(listed, t.numbers) || !maps.Equal(loaded, t.numbers) || found.Numbers != len(t.numbers) {
			r.Fatalf("%s lists %v, loads %v, counts %d; the model has %v", t.handle, listed, loaded, found.Numbers, t.numbers)
		}
		if found.Bounds.Restricts != t.restricts || live.Restricts != t.restricts {
			r.Fatalf("%s restricts %+v, loads %+v; the model has %+v", t.handle, found.Bounds.Restricts, live.Restricts, t.restricts)
		}
		if got, want := slices.Sorted(maps.Keys(live.Bounds.Composition)), slices.Sorted(maps.Keys(t.countries)); !slices.Equal(got, want) {
			r.Fatalf("%s has %v; the model %v", t.handle, got, want)
		}
	}
}
