package token

import (
	"net/netip"
	"testing"
	"time"
)

// Every reason has a code of its own, a status and an outcome; verdicts are
// 401 or 403 only where spec/policies.md §3 says so, and "cannot decide" is 503.
func TestReasonsAreComplete(t *testing.T) {
	seen := map[string]Reason{}
	for _, r := range Reasons() {
		if r.Code() == "" || r.Status() < 400 || r.Outcome() == "" || r.Outcome() == OutcomeAllowed {
			t.Errorf("reason %d is incomplete: %q %d %q", r, r.Code(), r.Status(), r.Outcome())
		}
		if other, twice := seen[r.Code()]; twice {
			t.Errorf("reasons %d and %d share the code %s", r, other, r.Code())
		}
		seen[r.Code()] = r
		verdict := r.Status() == 401 || r.Status() == 403
		if verdict && (r.Row() < 4 || r.Row() > 14) {
			t.Errorf("%s answers %d but is no verdict", r, r.Status())
		}
		if r.Row() == 5 && r.Status() != 401 {
			t.Errorf("%s is of row 5 and answers %d", r, r.Status())
		}
	}
	if CannotDecide.Status() != 503 || CannotDecide.Outcome() != OutcomeUndecided {
		t.Error("cannot_decide is not a 503 that counts as undecided")
	}
	if Reason(250) != 250 || Reason(250).Code() != InternalError.Code() {
		t.Error("a reason out of range is not an internal error")
	}
}

// Monitor mode lets pass rows 9, 10, 12 to 14 and an unreadable body, and never
// a request that is not authenticated, comes from a wrong address or is too large.
func TestMonitorCoversPolicyOnly(t *testing.T) {
	for _, r := range Reasons() {
		want := r.Row() == 9 || r.Row() == 10 || r.Row() >= 12 && r.Row() <= 14 || r == BodyAmbiguous || r == BodyUnsupported
		if r.Monitored() != want {
			t.Errorf("%s.Monitored() = %v", r, r.Monitored())
		}
	}
}

// A token stands only while it, its merchant and its parent do; revoked is said
// before expired, expired before disabled, disabled before suspended.
func TestStanding(t *testing.T) {
	const now = Instant(1_000)
	good := Live{Enabled: true, MerchantActive: true}
	f := func(name string, change func(*Live), want Reason) {
		t.Helper()
		l := good
		change(&l)
		if got := l.Standing(now); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	f("good", func(l *Live) {}, Allowed)
	f("expires later", func(l *Live) { l.ExpiresAt = now + 1 }, Allowed)
	f("expires now", func(l *Live) { l.ExpiresAt = now }, TokenExpired)
	f("suspended", func(l *Live) { l.MerchantActive = false }, MerchantSuspended)
	f("disabled and suspended", func(l *Live) { l.Enabled, l.MerchantActive = false, false }, TokenDisabled)
	f("expired and disabled", func(l *Live) { l.ExpiresAt, l.Enabled = now, false }, TokenExpired)
	f("revoked and expired", func(l *Live) { l.Revoked, l.ExpiresAt = true, now }, TokenRevoked)
	f("parent revoked", func(l *Live) { l.Parent = &Live{Enabled: true, MerchantActive: true, Revoked: true} }, TokenRevoked)
}

// A JWT ends with the client-secret generation it was minted under; another
// credential with its own end.
func TestPrincipalStanding(t *testing.T) {
	const now = Instant(1_000)
	live := &Live{Enabled: true, MerchantActive: true, Generations: []Generation{{Number: 2}, {Number: 1, EndsAt: now}}}
	f := func(p Principal, want Reason) {
		t.Helper()
		p.Live = live
		if got := p.Standing(now); got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
	f(Principal{Kind: KindKey}, Allowed)
	f(Principal{Kind: KindKey, EndsAt: now}, TokenExpired)
	f(Principal{Kind: KindJWT, Generation: 2, EndsAt: now + 1}, Allowed)
	f(Principal{Kind: KindJWT, Generation: 2, EndsAt: now}, TokenExpired)
	f(Principal{Kind: KindJWT, Generation: 1, EndsAt: now + 1}, TokenRevoked)
	f(Principal{Kind: KindJWT, Generation: 9, EndsAt: now + 1}, TokenRevoked)
}

// A scope narrows and never widens; a child never has what its parent lacks.
func TestPermitsOnlyNarrows(t *testing.T) {
	parent := &Live{Permissions: []string{"a", "b"}}
	child := &Live{Permissions: []string{"b", "c"}, Parent: parent}
	f := func(p Principal, permission string, want bool) {
		t.Helper()
		if got := p.Permits(permission); got != want {
			t.Errorf("%v permits %s = %v", p, permission, got)
		}
	}
	f(Principal{Live: parent}, "a", true)
	f(Principal{Live: parent, Scope: []string{"b"}}, "a", false)
	f(Principal{Live: parent, Scope: []string{"b", "z"}}, "z", false)
	f(Principal{Live: parent, Scope: []string{}}, "a", false)
	f(Principal{Live: child}, "b", true)
	f(Principal{Live: child}, "c", false)
	f(Principal{Live: child}, "a", false)
}

// One IPv6 customer cannot walk through a /64 to escape the throttle.
func TestThrottleCutsIPv6(t *testing.T) {
	a := Source{Addr: netip.MustParseAddr("2001:db8:1:2::1")}
	b := Source{Addr: netip.MustParseAddr("2001:db8:1:2:ffff::9")}
	c := Source{Addr: netip.MustParseAddr("2001:db8:1:3::1")}
	if a.Throttle() != b.Throttle() || a.Throttle() == c.Throttle() {
		t.Errorf("%v %v %v", a.Throttle(), b.Throttle(), c.Throttle())
	}
	if v4 := netip.MustParseAddr("192.0.2.1"); (Source{Addr: v4}).Throttle() != v4 {
		t.Error("an IPv4 address is not counted by itself")
	}
}

// A masked number keeps two digits, however short the number is.
func TestMaskPhone(t *testing.T) {
	for number, want := range map[string]string{
		"+2250707070707": "+***********07", "0707070707": "********07", "": "**", "7": "**", "07": "**", "123": "*23",
	} {
		if got := MaskPhone(number); got != want {
			t.Errorf("MaskPhone(%q) = %q, want %q", number, got, want)
		}
	}
}

// Instants keep microseconds and the meaning of never.
func TestInstant(t *testing.T) {
	at := time.Date(2026, 11, 21, 20, 9, 34, 123_456_789, time.UTC)
	if got := At(at).Time(); !got.Equal(at.Truncate(time.Microsecond)) {
		t.Errorf("At(%v).Time() = %v", at, got)
	}
	if At(time.Time{}) != 0 || !Instant(0).Time().IsZero() || Instant(0).Reached(1<<62) {
		t.Error("zero is not never")
	}
	if got := At(at).Add(time.Millisecond) - At(at); got != 1000 {
		t.Errorf("a millisecond is %d", got)
	}
}

// Only words the design knows are read.
func TestWordsAreClosed(t *testing.T) {
	if _, ok := ParseEnvironment("LIVE"); ok {
		t.Error("LIVE is read")
	}
	if _, ok := ParseMode("off"); ok {
		t.Error("off is a mode")
	}
	if _, ok := ParseRole("root"); ok {
		t.Error("root is a role")
	}
	for _, s := range []string{"tok_", "tok_abc", "tok_abcdefghijk-", "TOK_abcdefghijkl", "tok_abcdefghijklm"} {
		if _, ok := ParseHandle(s); ok {
			t.Errorf("%q is a handle", s)
		}
	}
	if h, ok := ParseHandle("tok_abcdefghijkl"); !ok || h.ID() != "abcdefghijkl" {
		t.Error("a good handle is refused")
	}
}
