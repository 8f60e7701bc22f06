package auth_test

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/gateway/auth"
	"tollgate/policy/token"
)

func basicOf(email, password string) *token.Presented {
	return &token.Presented{Dialect: "basic", Kind: token.KindPassword, Secret: []byte(base64.StdEncoding.EncodeToString([]byte(email + ":" + password)))}
}

// person adds a dashboard user of a merchant of its own.
func (r *rig) person(email, password string, edit ...func(*token.User)) token.User {
	r.t.Helper()
	phc, err := r.hasher.Hash(r.t.Context(), password)
	r.ok(err)
	u := token.User{Email: email, Role: token.RoleMerchant, Enabled: true, PasswordHash: phc}
	for _, e := range edit {
		e(&u)
	}
	if u.Merchant == "" && u.Role == token.RoleMerchant {
		u.Merchant = r.addMerchant().ID
	}
	u, err = r.store.AddUser(r.t.Context(), act, u)
	r.ok(err)
	return u
}

func (r *rig) changeUser(u token.User, edit func(*token.User)) {
	r.t.Helper()
	u, err := r.store.FindUser(r.t.Context(), u.ID)
	r.ok(err)
	edit(&u)
	_, err = r.store.ChangeUser(r.t.Context(), act, u, u.Version)
	r.ok(err)
}

// hashes is how many passwords f made be hashed.
func (r *rig) hashes(f func()) uint64 {
	before := r.hasher.Hashed()
	f()
	return r.hasher.Hashed() - before
}

// A dashboard user is recognised by email, in any case, and password; the
// principal names the user and the merchant, no token, and permits nothing.
func TestADashboardUserIsRecognised(t *testing.T) {
	r := newRig(t)
	u := r.person("ama@example.com", "correct: horse")
	for _, email := range []string{"ama@example.com", "Ama@Example.COM"} {
		q := r.wantOf(basicOf(email, "correct: horse"), token.Allowed)
		if q.User != u.ID || q.Kind != token.KindPassword || q.Live.Merchant != u.Merchant || q.Live.Handle != "" || q.Permits("payments:read") {
			t.Errorf("the principal is %+v", q)
		}
	}
	r.person("boss@example.com", "correct horse", func(u *token.User) { u.Role = token.RoleAdmin })
	r.wantOf(basicOf("boss@example.com", "correct horse"), token.TokenInvalid) // has no merchant
	r.wantOf(basicOf("ama@example.com", "Correct: horse"), token.TokenInvalid)
	good := basicOf("ama@example.com", "correct: horse")
	for _, text := range []string{
		"", "!", string(good.Secret) + "=", string(good.Secret[:len(good.Secret)-2]), string(good.Secret) + "\n", "\r\n" + string(good.Secret),
		base64.StdEncoding.EncodeToString([]byte("ama@example.com")), base64.StdEncoding.EncodeToString([]byte(":x")),
		base64.StdEncoding.EncodeToString([]byte("ama@example.com:")), base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 255) + ":x")),
		base64.StdEncoding.EncodeToString([]byte("ama@example.com:" + strings.Repeat("x", 4096))),
		base64.RawStdEncoding.EncodeToString([]byte("ama@example.com:correct: horse!")),
	} {
		r.source.Addr = r.source.Addr.Next()
		if n := r.hashes(func() { r.wantOf(&token.Presented{Kind: token.KindPassword, Secret: []byte(text)}, token.TokenInvalid) }); n != 0 {
			t.Errorf("%.60q cost %d hashes", text, n)
		}
	}
	r.wantOf(&token.Presented{Kind: token.KindKey, Secret: good.Secret}, token.TokenInvalid)
}

// A pair that was right costs one hash a minute, whoever brings it how often;
// also when many bring it at once, and while other things change.
func TestARightPasswordIsHashedOnceAMinute(t *testing.T) {
	r := newRig(t)
	u := r.person("ama@example.com", "correct horse")
	good := func() *token.Presented { return basicOf("ama@example.com", "correct horse") }
	if n := r.hashes(func() {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { r.verifier.Verify(good(), &r.source, r.time()) })
		}
		all.Wait()
		r.settleOf(good())
	}); n < 1 || n > 3 {
		t.Errorf("20 at once cost %d hashes", n)
	}
	if n := r.hashes(func() { r.pass(59 * time.Second); r.wantOf(good(), token.Allowed) }); n != 0 {
		t.Errorf("within the minute: %d hashes", n)
	}
	if n := r.hashes(func() { r.pass(time.Second); r.wantOf(good(), token.Allowed); r.settleOf(good()) }); n != 1 {
		t.Errorf("after the minute: %d hashes", n)
	}
	loads := atomic.Int64{}
	hook := func() { // a change of somebody else's while the user is loaded
		if loads.Add(1) == 2 {
			r.addMerchant()
		}
	}
	r.changeUser(u, func(*token.User) {})
	r.hook(hook)
	if n := r.hashes(func() { r.wantOf(good(), token.Allowed); r.settleOf(good()) }); n != 1 {
		t.Errorf("while other things change: %d hashes", n)
	}
}

// A changed password, a disabled or removed user and a suspended merchant hold
// from the next request, though the pair was remembered; so does a password that
// changes while the old one is being hashed.
func TestARememberedPasswordIsForgottenAtOnce(t *testing.T) {
	f := func(name string, want token.Reason, change func(*rig, token.User)) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			u := r.person("ama@example.com", "correct horse")
			r.settleOf(basicOf("ama@example.com", "correct horse"))
			change(r, u)
			r.wantOf(basicOf("ama@example.com", "correct horse"), want)
		})
	}
	change := func(r *rig, u token.User) {
		phc, err := r.hasher.Hash(r.t.Context(), "another horse")
		r.ok(err)
		r.changeUser(u, func(u *token.User) { u.PasswordHash = phc })
	}
	f("password changed", token.TokenInvalid, func(r *rig, u token.User) {
		r.wantOf(basicOf("ama@example.com", "another horse"), token.TokenInvalid)
		change(r, u)
		r.wantOf(basicOf("ama@example.com", "another horse"), token.Allowed)
	})
	f("disabled", token.TokenDisabled, func(r *rig, u token.User) { r.changeUser(u, func(u *token.User) { u.Enabled = false }) })
	f("removed", token.TokenInvalid, func(r *rig, u token.User) { r.ok(r.store.EndUser(r.t.Context(), act, u.ID)) })
	f("another email", token.TokenInvalid, func(r *rig, u token.User) { r.changeUser(u, func(u *token.User) { u.Email = "b@example.com" }) })
	f("merchant suspended", token.MerchantSuspended, func(r *rig, u token.User) {
		shop, err := r.store.FindMerchant(r.t.Context(), u.Merchant)
		r.ok(err)
		shop.Active = false
		_, err = r.store.ChangeMerchant(r.t.Context(), act, shop, 0)
		r.ok(err)
	})
	f("changed in between", token.TokenInvalid, func(r *rig, u token.User) {
		r.pass(time.Minute)
		loads := 0
		r.hook(func() {
			if loads++; loads == 2 { // the hash was made; the user is found again
				change(r, u)
			}
		})
	})
}

// hook has f called before each answer of the loader.
func (r *rig) hook(f func()) {
	h := func(context.Context) error { f(); return nil }
	r.loader.hook.Store(&h)
}

// Nobody can tell by the work whether a user exists: an unknown one, one who may
// not log in here and a wrong password cost one hash and one look-up each.
func TestAnUnknownUserCostsWhatAWrongPasswordDoes(t *testing.T) {
	r := newRig(t)
	r.person("ama@example.com", "correct horse")
	r.person("off@example.com", "correct horse", func(u *token.User) { u.Enabled = false })
	r.person("boss@example.com", "correct horse", func(u *token.User) { u.Role = token.RoleAdmin })
	for _, p := range []*token.Presented{
		basicOf("ama@example.com", "wrong"), basicOf("off@example.com", "wrong"), basicOf("nobody@example.com", "wrong"),
		basicOf("boss@example.com", "correct horse"), basicOf("ama@example.com", strings.Repeat("x", 2000)), basicOf("nobody@example.com", strings.Repeat("x", 2000)),
	} {
		var loads int64
		n := r.hashes(func() { loads = r.loads(func() { r.wantOf(p, token.TokenInvalid) }) })
		if n != 1 || loads != 1 {
			t.Errorf("%s: %d hashes, %d look-ups", p.Secret, n, loads)
		}
	}
}

// The throttle comes before the hash: what is over it costs none, in the header
// phase too; a remembered pair meets no throttle, and another user of the same
// name's source is not locked out by it.
func TestTheThrottleComesBeforeTheHash(t *testing.T) {
	r := newRig(t)
	r.person("ama@example.com", "correct horse")
	r.person("kofi@example.com", "correct horse")
	r.settleOf(basicOf("ama@example.com", "correct horse"))
	for i := range failures {
		r.wantOf(basicOf("ama@example.com", "wrong"+strconv.Itoa(i)), token.TokenInvalid)
	}
	n := r.hashes(func() {
		for range 10 {
			r.wantOf(basicOf("ama@example.com", "guess"), token.AuthThrottled)
			if _, reason := r.verifier.Verify(basicOf("AMA@example.com", "guess"), nil, r.time()); reason != token.AuthThrottled {
				t.Fatal(reason)
			}
			r.wantOf(basicOf("ama@example.com", "correct horse"), token.Allowed)
		}
	})
	if n != 0 {
		t.Errorf("%d hashes behind the throttle", n)
	}
	r.wantOf(basicOf("kofi@example.com", "correct horse"), token.Allowed)
	r.source = sourceOf("203.0.113.8")
	r.wantOf(basicOf("ama@example.com", "guess"), token.TokenInvalid)
}

// The header phase hashes for nothing only so often, and counts nobody.
func TestTheHeaderPhaseHashesWithinABudget(t *testing.T) {
	r := newRig(t)
	r.throttleAt(2)
	n := r.hashes(func() {
		for i := range 60 {
			_, reason := r.verifier.Verify(basicOf("u"+strconv.Itoa(i)+"@example.com", "wrong"), nil, r.time())
			if want := i >= 20; (reason == token.AuthThrottled) != want {
				t.Fatalf("attempt %d: %v", i, reason)
			}
		}
	})
	if n != 20 {
		t.Errorf("%d hashes", n)
	}
	r.wantOf(basicOf("u1@example.com", "wrong"), token.TokenInvalid)
}

// A pool that is full, a store that cannot be asked and a row that is no hash
// are no verdict, and never counted.
func TestNoVerdictOnAPasswordIsNoFailure(t *testing.T) {
	r := newRig(t)
	r.person("ama@example.com", "correct horse")
	odd := r.person("odd@example.com", "correct horse")
	r.changeUser(odd, func(u *token.User) {
		u.PasswordHash = "$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	})
	for range 2 * failures {
		r.wantOf(basicOf("odd@example.com", "correct horse"), token.CannotDecide)
	}
	down := errDown
	r.loader.fault.Store(&down)
	for range 2 * failures {
		r.wantOf(basicOf("ama@example.com", "correct horse"), token.CannotDecide)
	}
	r.loader.fault.Store(nil)
	r.wantOf(basicOf("ama@example.com", "correct horse"), token.Allowed)
}

// More who log in at once than the pool has room for wait a little and are then
// told that nothing could be decided; who is remembered passes all the while.
func TestAFullPoolIsNoVerdict(t *testing.T) {
	r := newRig(t)
	r.person("ama@example.com", "correct horse")
	r.settleOf(basicOf("ama@example.com", "correct horse"))
	h, err := auth.NewHasher(1)
	r.ok(err)
	v, err := auth.New(auth.Options{
		Memory: r.cache, Loader: r.loader, Keys: r.keys, Issuer: issuer, Throttle: r.throttle, People: r.store, Hasher: h,
	})
	r.ok(err)
	var undecided, invalid atomic.Int64
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			src := sourceOf("203.0.113." + strconv.Itoa(i%256))
			switch _, reason := v.Verify(basicOf("u"+strconv.Itoa(i)+"@example.com", "wrong"), &src, r.time()); reason {
			case token.CannotDecide:
				undecided.Add(1)
			case token.TokenInvalid:
				invalid.Add(1)
			default:
				t.Error(reason)
			}
		})
	}
	all.Wait()
	if undecided.Load() == 0 || invalid.Load() == 0 || undecided.Load()+invalid.Load() != 200 {
		t.Errorf("%d undecided, %d invalid", undecided.Load(), invalid.Load())
	}
	if n := r.hashes(func() { r.wantOf(basicOf("ama@example.com", "correct horse"), token.Allowed) }); n != 0 {
		t.Errorf("a remembered pair cost %d hashes", n)
	}
}

// Explain tells a password without a trace.
func TestExamineTellsAPassword(t *testing.T) {
	r := newRig(t)
	u := r.person("ama@example.com", "correct horse")
	f := func(password string, want token.Reason) {
		t.Helper()
		if _, got := r.verifier.Examine(basicOf("ama@example.com", password), r.time()); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	f("correct horse", token.Allowed)
	for range 2 * failures {
		f("", token.TokenInvalid)
	}
	f("wrong", token.TokenInvalid)
	r.changeUser(u, func(u *token.User) { u.Enabled = false })
	f("correct horse", token.TokenDisabled)
	if s := r.cache.Stats(); s.Remembered != 0 {
		t.Errorf("%d records were remembered", s.Remembered)
	}
}
