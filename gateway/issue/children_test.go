package issue_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tollgate/gateway/issue"
	"tollgate/policy"
	"tollgate/policy/token"
)

func manager(t *token.Token) {
	t.Bounds.Permissions = append(t.Bounds.Permissions, "tokens:manage")
}

func (o *office) call(key []byte) *token.Call {
	at := netip.MustParseAddr("203.0.113.7")
	return &token.Call{Dialect: "service", Key: key, Source: token.Source{Peer: at, Addr: at}, Now: o.now, RequestID: "req_1"}
}

func (o *office) create(h holder, want token.Reason, order token.ChildOrder) token.Child {
	o.t.Helper()
	if order.Merchant == "" {
		order.Merchant = h.Merchant
	}
	call := o.call(h.key)
	c, got := o.nursery.Create(o.t.Context(), call, &order)
	if got != want || want != token.Allowed && (c.Key != "" || c.Secret != "") {
		o.t.Fatalf("%v (%s), want %v", got, call.Detail, want)
	}
	if want == token.InvalidRequest && call.Detail == "" {
		o.t.Error("the caller is not told what was wrong")
	}
	return c
}

func (o *office) list(h holder) []token.Child {
	o.t.Helper()
	c, got := o.nursery.List(o.t.Context(), o.call(h.key))
	if got != token.Allowed {
		o.t.Fatal(got)
	}
	return c
}

var reading = token.ChildOrder{Methods: []string{"GET"}}

// A child has what it asked for, its parent's permissions but the one to
// manage, and its parent's environment; it is enforced, knows its parent, ends
// after a calendar year, and its key and signing secret are shown once.
func TestAChildIsMade(t *testing.T) {
	o := newOffice(t)
	h := o.hold(manager)
	sent := []string{"203.0.113.7", "2001:DB8::1", "203.0.113.7"}
	c := o.create(h, token.Allowed, token.ChildOrder{Methods: []string{"POST", "GET"}, IPRanges: sent})
	got := c
	got.Key, got.Secret, got.Handle = "", "", ""
	if want := (token.Child{
		Merchant: h.Merchant, Active: true, IPRanges: sent, Methods: []string{"POST", "GET"},
		CreatedAt: token.At(o.now), UpdatedAt: token.At(o.now), ExpiresAt: token.At(o.now.AddDate(1, 0, 0)),
	}); !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	q := o.keyed(c.Key, token.Allowed)
	if q.Live.Handle != c.Handle || q.Live.Parent == nil || q.Live.Parent.Handle != h.Handle || q.Live.Mode != token.Enforce ||
		q.Live.Environment != token.EnvLive || !slices.Equal(q.Live.Permissions, []string{"payments:read", "payments:write"}) || q.Permits("tokens:manage") {
		t.Errorf("its record is %+v", q.Live)
	}
	secrets, err := issue.Opener{Finder: o.store, Master: o.minter.Master, Now: o.minter.Now}.SigningSecrets(t.Context(), c.Handle)
	if err != nil || len(secrets) != 1 || string(secrets[0]) != c.Secret {
		t.Errorf("its signing secret is %q, %v", secrets, err)
	}
	for _, listed := range o.list(h) {
		if listed.Key != "" || listed.Secret != "" {
			t.Error("a secret is shown twice")
		}
	}
	if o.audited("token.create") != 1 {
		t.Error("its making is not in the audit log")
	}
	o.now = time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)
	soon := o.hold(manager, func(t *token.Token) { t.ExpiresAt = token.At(o.now.Add(time.Hour)) })
	if c := o.create(soon, token.Allowed, reading); c.ExpiresAt != token.At(o.now.Add(time.Hour)) {
		t.Errorf("it ends at %v, later than its parent", c.ExpiresAt.Time())
	}
}

// A child is never freer than its parent: neither in what it asks for, nor
// because of what it does not ask for, nor when the parent is narrowed later.
func TestAChildIsNeverFreerThanItsParent(t *testing.T) {
	o := newOffice(t)
	f := func(want token.Reason, methods, held, ranges, from string) {
		t.Helper()
		h := o.hold(manager, func(t *token.Token) {
			t.Bounds.Methods, t.Bounds.IPRanges = strings.Fields(held), append(strings.Fields(from), "203.0.113.7")
			if from == "" {
				t.Bounds.IPRanges = nil
			}
		})
		o.create(h, want, token.ChildOrder{Methods: strings.Fields(methods), IPRanges: strings.Fields(ranges)})
	}
	f(token.Allowed, "GET POST", "", "", "")
	f(token.Allowed, "GET", "GET POST", "", "")
	f(token.Allowed, "GET HEAD", "GET", "", "")
	f(token.InvalidRequest, "GET", "HEAD", "", "")
	f(token.InvalidRequest, "GET POST", "GET", "", "")
	f(token.InvalidRequest, "", "GET", "", "")
	f(token.Allowed, "GET", "", "192.0.2.1 192.0.2.128/25", "192.0.2.0/24")
	f(token.Allowed, "GET", "", "192.0.2.0/24", "192.0.2.0/25 192.0.2.128/25")
	f(token.Allowed, "GET", "", "::ffff:192.0.2.1", "192.0.2.0/24")
	f(token.InvalidRequest, "GET", "", "192.0.2.0/23", "192.0.2.0/24")
	f(token.InvalidRequest, "GET", "", "192.0.2.1 198.51.100.1", "192.0.2.0/24")
	f(token.InvalidRequest, "GET", "", "0.0.0.0/0", "192.0.2.0/24")
	f(token.InvalidRequest, "GET", "", "::/0", "0.0.0.0/0")
	f(token.InvalidRequest, "GET", "", "0.0.0.0/0", "::/0")
	f(token.Allowed, "GET", "", "2001:db8::1", "2001:db8::/32")
	for _, bad := range []string{"x", "192.0.2.1/33", "010.0.0.1", "192.0.2.1/24", "0.0.0.0", "fe80::1%eth0"} {
		f(token.InvalidRequest, "GET", "", bad, "")
	}

	h := o.hold(manager)
	c := o.create(h, token.Allowed, reading)
	o.change(h.Handle, func(t *token.Token) { t.Bounds.IPRanges = []string{"203.0.113.0/24"} })
	if q := o.keyed(c.Key, token.Allowed); policy.JudgeSource(q.Live, token.Source{Addr: netip.MustParseAddr("198.51.100.1")}) != token.IPNotAllowed {
		t.Error("the child is let in from where its parent is not")
	}
	for _, listed := range o.list(h) {
		if !slices.Equal(listed.IPRanges, []string{"203.0.113.0/24"}) {
			t.Errorf("%s is shown with the addresses %v", listed.Handle, listed.IPRanges)
		}
	}
}

// What ends, disables or suspends the parent does the same to its children, at
// the next request, and they are not shown as active.
func TestAChildEndsWithItsParent(t *testing.T) {
	f := func(name string, want token.Reason, end func(*office, holder)) {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			h := o.hold(manager)
			other := o.hold(manager, func(t *token.Token) { t.Merchant = h.Merchant })
			c := o.create(h, token.Allowed, reading)
			o.keyed(c.Key, token.Allowed)
			end(o, h)
			o.keyed(c.Key, want)
			at := slices.IndexFunc(o.list(other), func(l token.Child) bool { return l.Handle == c.Handle })
			if at < 0 || o.list(other)[at].Active {
				t.Error("it is shown as active")
			}
		})
	}
	f("revoked", token.TokenRevoked, func(o *office, h holder) {
		_, err := o.store.RevokeToken(o.t.Context(), act, h.Handle)
		o.ok(err)
	})
	f("disabled", token.TokenDisabled, func(o *office, h holder) { o.change(h.Handle, func(t *token.Token) { t.Enabled = false }) })
	f("disabled itself", token.TokenDisabled, func(o *office, h holder) {
		o.change(o.list(h)[0].Handle, func(t *token.Token) { t.Enabled = false })
	})
	f("expired", token.TokenExpired, func(o *office, h holder) {
		o.change(h.Handle, func(t *token.Token) { t.ExpiresAt = token.At(o.now.Add(time.Second)) })
		o.now = o.now.Add(time.Second)
	})
}

// Only a token that may manage does, only for its own merchant, never a child,
// never an enhanced one, never from elsewhere.
func TestOnlyAManagerManages(t *testing.T) {
	o := newOffice(t)
	h := o.hold(manager)
	c := o.create(h, token.Allowed, reading)
	f := func(key []byte, want token.Reason) {
		t.Helper()
		call := o.call(key)
		if _, got := o.nursery.List(t.Context(), call); got != want {
			t.Errorf("list: %v, want %v", got, want)
		}
		if _, got := o.nursery.Create(t.Context(), o.call(key), &token.ChildOrder{Merchant: h.Merchant, Methods: []string{"GET"}}); got != want {
			t.Errorf("create: %v, want %v", got, want)
		}
		if got := o.nursery.Delete(t.Context(), o.call(key), []byte(c.Handle)); got != want {
			t.Errorf("delete: %v, want %v", got, want)
		}
		if want.Row() >= 7 && call.Client.Handle == "" {
			t.Error("whose call it was is not told for the log")
		}
	}
	f(o.hold(func(t *token.Token) { t.Merchant = h.Merchant }).key, token.PermissionMissing)
	f([]byte(c.Key), token.PermissionMissing)
	o.change(c.Handle, func(t *token.Token) { t.Bounds.Permissions = []string{"tokens:manage"} })
	f([]byte(c.Key), token.PermissionMissing) // whatever it was given later
	f(h.secret, token.TokenInvalid)
	f(nil, token.TokenInvalid)
	f(o.hold(manager, enhanced).key, token.AccessTokenRequired)
	f(o.hold(manager, func(t *token.Token) { t.Bounds.IPRanges = []string{"198.51.100.1"} }).key, token.IPNotAllowed)
	o.create(o.hold(manager), token.NotFound, token.ChildOrder{Merchant: h.Merchant, Methods: []string{"GET"}})
	o.create(h, token.NotFound, token.ChildOrder{Merchant: "mer_nobody000000", Methods: []string{"GET"}})
	o.keyed(c.Key, token.Allowed)
}

// A list has the tokens of the caller's merchant and environment, the newest
// first and revoked ones left out; delete reaches just these, by handle or by
// the whole key. Anything else is as good as unknown.
func TestListAndDeleteReachTheOwnOnly(t *testing.T) {
	o := newOffice(t)
	h := o.hold(manager)
	test := o.hold(manager, func(t *token.Token) { t.Merchant, t.Environment = h.Merchant, token.EnvTest })
	stranger := o.hold(manager)
	a, b := o.create(h, token.Allowed, reading), o.create(h, token.Allowed, reading)
	handles := func(h holder) (list []token.Handle) {
		for _, c := range o.list(h) {
			list = append(list, c.Handle)
		}
		return list
	}
	if got := handles(h); !slices.Equal(got, []token.Handle{b.Handle, a.Handle, h.Handle}) {
		t.Errorf("listed %v", got)
	}
	if got := handles(test); !slices.Equal(got, []token.Handle{test.Handle}) {
		t.Errorf("of the other environment %v", got)
	}
	remove := func(by holder, id string, want token.Reason) {
		t.Helper()
		if got := o.nursery.Delete(t.Context(), o.call(by.key), []byte(id)); got != want {
			t.Errorf("%.12s: %v, want %v", id, got, want)
		}
	}
	for _, by := range []holder{stranger, test} {
		remove(by, string(a.Handle), token.NotFound)
		remove(by, a.Key, token.NotFound)
	}
	for _, id := range []string{"", "x", "tok_000000000000", a.Key[:len(a.Key)-1], a.Secret, string(h.secret), a.Key[:20]} {
		remove(h, id, token.NotFound)
	}
	o.keyed(a.Key, token.Allowed)
	remove(h, a.Key, token.Allowed)
	o.keyed(a.Key, token.TokenRevoked)
	remove(h, a.Key, token.NotFound)
	remove(h, string(b.Handle), token.Allowed)
	if got := handles(h); !slices.Equal(got, []token.Handle{h.Handle}) {
		t.Errorf("listed %v", got)
	}
	if o.audited("token.revoke") != 2 {
		t.Error("what was ended is not in the audit log")
	}
}

// What the store refuses, and that it cannot tell, is said in the right words.
func TestTheNurseryIsHonestAboutFaults(t *testing.T) {
	o := newOffice(t)
	h := o.hold(manager)
	for err, want := range map[error]token.Reason{
		token.ErrTooMany: token.QuotaExceeded, token.ErrRevoked: token.TokenRevoked, errors.New("down"): token.CannotDecide,
	} {
		o.records.err = err
		o.create(h, want, reading)
	}
}
