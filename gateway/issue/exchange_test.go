package issue_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/netip"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/cache"
	"tollgate/gateway/auth"
	"tollgate/gateway/issue"
	"tollgate/policy"
	"tollgate/policy/token"
	"tollgate/store"
	"tollgate/store/sqlite"
	"tollgate/store/storetest"
)

const failures = 20

// counter is a store that counts what it is asked and can be down.
type counter struct {
	*store.Store
	loads atomic.Int64
	down  atomic.Bool
}

func (c *counter) LoadClient(ctx context.Context, id string) (*token.Live, []token.Credential, error) {
	c.loads.Add(1)
	if c.down.Load() {
		return nil, nil, errors.New("the store is down")
	}
	return c.Store.LoadClient(ctx, id)
}

// desk is an exchanger over a real cache and a real database.
type desk struct {
	t        testing.TB
	now      time.Time
	store    *counter
	cache    *cache.Cache
	minter   *issue.Minter
	key      token.SigningKey
	used     []*token.Principal
	using    sync.Mutex
	hear     func(token.Change)
	throttle *auth.Throttle
	exchange *issue.Exchanger
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{t: t, now: noon, key: token.SigningKey{ID: "k1", Alg: token.HS256, Secret: bytes.Repeat([]byte("0123456789abcdef"), 2)}}
	catalogue := storetest.Catalogue()
	s, err := sqlite.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "tollgate.db"), Catalogue: func() *policy.Catalogue { return catalogue },
		Now: func() time.Time { return d.now },
	})
	d.ok(err)
	t.Cleanup(func() { _ = s.Close() })
	d.store = &counter{Store: s}
	d.cache, err = cache.New(cache.Options{MaxBytes: 1 << 20})
	d.ok(err)
	t.Cleanup(func() { _ = d.cache.Close() })
	s.OnChange(func(c token.Change) {
		if d.hear != nil { // before the cache does
			d.hear(c)
		}
		d.cache.Forget(c)
	})
	d.throttle, err = auth.NewThrottle(failures, time.Minute)
	d.ok(err)
	d.exchange, err = issue.NewExchanger(issue.Options{
		Memory: d.cache, Loader: d.store, Throttle: d.throttle, JudgeSource: policy.JudgeSource, Issuer: "https://gateway.example/a&b",
		Signing: func() token.SigningKey { return d.key }, Lifetime: 10 * time.Minute, Rand: rand.Reader,
		Used: func(p *token.Principal, _ *token.Source, _ token.Instant) {
			d.using.Lock()
			defer d.using.Unlock()
			d.used = append(d.used, p)
		},
		Now: func() time.Time { return d.now },
	})
	d.ok(err)
	d.minter = newMinter(t)
	return d
}

func (d *desk) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

var act = token.Act{Actor: token.Actor{Kind: "cli", ID: "test"}, Action: "test"}

type client struct {
	token.Token
	secret []byte
}

// add makes a token with client credentials.
func (d *desk) add(edit ...func(*token.Token)) client {
	d.t.Helper()
	h, err := d.minter.NewHandle()
	d.ok(err)
	id, err := d.minter.NewClientID()
	d.ok(err)
	secret, kept, err := d.minter.Mint(issue.Wanted{Kind: token.KindClient, Environment: token.EnvLive, Handle: h, Generation: 1})
	d.ok(err)
	t := token.Token{Handle: h, Name: "API", Environment: token.EnvLive, Enabled: true, ClientID: id, Credentials: []token.Credential{kept}}
	t.Bounds.Permissions = []string{"payments:read", "payments:write"}
	for _, e := range edit {
		e(&t)
	}
	if t.Merchant == "" {
		m, err := d.store.AddMerchant(d.t.Context(), act, token.Merchant{Name: "Shop", Active: true})
		d.ok(err)
		t.Merchant = m.ID
	}
	t, err = d.store.AddToken(d.t.Context(), act, t, nil)
	d.ok(err)
	return client{t, secret}
}

func (d *desk) order(c client) *token.Order {
	at := netip.MustParseAddr("203.0.113.7")
	return &token.Order{
		Dialect: "oauth", ClientID: []byte(c.ClientID), ClientSecret: c.secret,
		Source: token.Source{Peer: at, Addr: at}, Now: d.now,
	}
}

func (d *desk) want(o *token.Order, want token.Reason) token.Grant {
	d.t.Helper()
	g, got := d.exchange.Exchange(d.t.Context(), o)
	if got != want {
		d.t.Fatalf("reason %v, want %v", got, want)
	}
	if want != token.Allowed && g.AccessToken != "" {
		d.t.Fatalf("an access token comes with %v", want)
	}
	return g
}

// settle exchanges until the client is remembered.
func (d *desk) settle(c client) {
	d.t.Helper()
	for range 100_000 {
		if live, _ := d.cache.RecallClient(c.ClientID); live != nil {
			return
		}
		d.exchange.Exchange(d.t.Context(), d.order(c))
		runtime.Gosched()
	}
	d.t.Fatal("the client is never remembered")
}

// The access token is exactly what the dialects document: header and claims in
// their order, the token's identity and nothing of its policy; and the store
// was not written to.
func TestTheAccessToken(t *testing.T) {
	d := newDesk(t)
	c := d.add()
	before, err := d.store.Head(t.Context())
	d.ok(err)
	for _, key := range []token.SigningKey{d.key, {ID: "ed1", Alg: token.EdDSA, Ed: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}} {
		d.key = key
		d.now = noon.Add(987_654 * time.Microsecond)
		g := d.want(d.order(c), token.Allowed)
		parts := strings.Split(g.AccessToken, ".")
		if len(parts) != 3 {
			t.Fatalf("the token has %d parts", len(parts))
		}
		header, _ := base64.RawURLEncoding.DecodeString(parts[0])
		claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
		if want := `{"typ":"JWT","alg":"` + string(key.Alg) + `","kid":"` + key.ID + `"}`; string(header) != want {
			t.Errorf("header %s, want %s", header, want)
		}
		want := regexp.MustCompile(`^\{"iss":"https://gateway\.example/a&b","sub":"` + string(c.Handle) + `","companyId":"` + c.Merchant +
			`","env":"live","iat":1795262400,"exp":1795263000,"jti":"1\.[0-9A-Za-z]{22}"\}$`)
		if !want.Match(claims) {
			t.Errorf("claims %s\nwant   %s", claims, want)
		}
		if !g.IssuedAt.Equal(noon) || !g.ExpiresAt.Equal(noon.Add(10*time.Minute)) || g.Handle != c.Handle || g.Merchant != c.Merchant || g.Scope != "" {
			t.Errorf("the grant is %+v", g)
		}
		if other := d.want(d.order(c), token.Allowed); other.AccessToken == g.AccessToken {
			t.Error("two access tokens are alike")
		}
	}
	after, err := d.store.Head(t.Context())
	d.ok(err)
	if before != after {
		t.Error("exchanging wrote to the store")
	}
	if len(d.used) == 0 || d.used[0].Kind != token.KindClient || d.used[0].Generation != 1 || d.used[0].Live.Handle != c.Handle {
		t.Errorf("the use of the secret was noted as %+v", d.used)
	}
}

// An access token is promised no longer than its token, its parent or the grace
// of its secret lasts.
func TestTheAccessTokenDoesNotOutliveItsToken(t *testing.T) {
	d := newDesk(t)
	soon := func(t *token.Token) { t.ExpiresAt = token.At(noon.Add(90 * time.Second)) }
	parent := d.add(soon)
	child := d.add(func(t *token.Token) { t.Parent, t.Merchant = parent.Handle, parent.Merchant })
	for name, c := range map[string]client{"token": parent, "parent": child} {
		if g := d.want(d.order(c), token.Allowed); g.ExpiresAt.Sub(g.IssuedAt) != 90*time.Second {
			t.Errorf("%s: expires in %v, want 1m30s", name, g.ExpiresAt.Sub(g.IssuedAt))
		}
	}
	rotated := d.add()
	_, kept, err := d.minter.Mint(issue.Wanted{Kind: token.KindClient, Environment: token.EnvLive, Handle: rotated.Handle, Generation: 2})
	d.ok(err)
	_, err = d.store.RotateCredential(t.Context(), act, rotated.Handle, kept, time.Minute)
	d.ok(err)
	if g := d.want(d.order(rotated), token.Allowed); g.ExpiresAt.Sub(g.IssuedAt) != time.Minute {
		t.Errorf("in grace: expires in %v, want 1m", g.ExpiresAt.Sub(g.IssuedAt))
	}
}

// An access token names the generation of the secret it was traded for, so that
// it ends with that one and not with another.
func TestTheAccessTokenNamesItsGeneration(t *testing.T) {
	d := newDesk(t)
	c := d.add()
	next, kept, err := d.minter.Mint(issue.Wanted{Kind: token.KindClient, Environment: token.EnvLive, Handle: c.Handle, Generation: 2})
	d.ok(err)
	_, err = d.store.RotateCredential(t.Context(), act, c.Handle, kept, time.Hour)
	d.ok(err)
	for generation, secret := range map[string][]byte{"1": c.secret, "2": next} {
		o := d.order(c)
		o.ClientSecret = secret
		claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(d.want(o, token.Allowed).AccessToken, ".")[1])
		if !strings.Contains(string(claims), `"jti":"`+generation+`.`) {
			t.Errorf("traded for generation %s: %s", generation, claims)
		}
	}
}

// Each reason there is for no access token, in words for the log. Before the
// secret was right nothing tells whether the client exists.
func TestExchangeRefuses(t *testing.T) {
	f := func(name string, want token.Reason, prepare func(d *desk, c client, o *token.Order)) {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			c := d.add()
			o := d.order(c)
			prepare(d, c, o)
			o.Now = d.now
			g := d.want(o, want)
			if proven := want != token.TokenInvalid && want != token.TokenExpired; want != token.TokenExpired && (g.Handle == c.Handle) != proven {
				t.Errorf("the grant names %q", g.Handle)
			}
			for _, u := range d.used {
				t.Errorf("a use was noted: %+v", u)
			}
		})
	}
	change := func(d *desk, c client, edit func(*token.Token)) {
		found, err := d.store.FindToken(d.t.Context(), c.Handle)
		d.ok(err)
		edit(&found)
		_, err = d.store.ReplaceToken(d.t.Context(), act, found, found.Version)
		d.ok(err)
	}
	f("unknown id", token.TokenInvalid, func(d *desk, _ client, o *token.Order) { o.ClientID = bytes.Repeat([]byte("0"), 32) })
	f("an id that is none", token.TokenInvalid, func(_ *desk, _ client, o *token.Order) { o.ClientID = []byte("your_key") })
	f("an empty id", token.TokenInvalid, func(_ *desk, _ client, o *token.Order) { o.ClientID = nil })
	f("an upper-case id", token.TokenInvalid, func(_ *desk, _ client, o *token.Order) { o.ClientID = bytes.ToUpper(o.ClientID) })
	f("an empty secret", token.TokenInvalid, func(_ *desk, _ client, o *token.Order) { o.ClientSecret = nil })
	f("a mistyped secret", token.TokenInvalid, func(_ *desk, _ client, o *token.Order) {
		o.ClientSecret = bytes.Clone(o.ClientSecret)
		o.ClientSecret[20] ^= 1
	})
	f("another client's secret", token.TokenInvalid, func(d *desk, _ client, o *token.Order) { o.ClientSecret = d.add().secret })
	f("another client's secret, remembered", token.TokenInvalid, func(d *desk, c client, o *token.Order) {
		d.settle(c)
		d.used = nil
		o.ClientSecret = d.add().secret
	})
	f("the client's key for its secret", token.TokenInvalid, func(d *desk, c client, o *token.Order) {
		key, kept, err := d.minter.Mint(issue.Wanted{Kind: token.KindKey, Environment: token.EnvLive, Handle: c.Handle, Generation: 1})
		d.ok(err)
		_, err = d.store.RotateCredential(d.t.Context(), act, c.Handle, kept, 0)
		d.ok(err)
		o.ClientSecret = key
	})
	f("a rotated secret after its grace", token.TokenExpired, func(d *desk, c client, _ *token.Order) {
		_, kept, err := d.minter.Mint(issue.Wanted{Kind: token.KindClient, Environment: token.EnvLive, Handle: c.Handle, Generation: 2})
		d.ok(err)
		r, err := d.store.RotateCredential(d.t.Context(), act, c.Handle, kept, time.Minute)
		d.ok(err)
		d.now = r.PreviousEndsAt.Time()
	})
	f("revoked", token.TokenRevoked, func(d *desk, c client, _ *token.Order) {
		d.settle(c)
		d.used = nil
		_, err := d.store.RevokeToken(d.t.Context(), act, c.Handle)
		d.ok(err)
	})
	f("disabled", token.TokenDisabled, func(d *desk, c client, _ *token.Order) {
		change(d, c, func(t *token.Token) { t.Enabled = false })
	})
	f("expired", token.TokenExpired, func(d *desk, c client, _ *token.Order) {
		change(d, c, func(t *token.Token) { t.ExpiresAt = token.At(noon.Add(time.Hour)) })
		d.now = noon.Add(time.Hour)
	})
	f("suspended", token.MerchantSuspended, func(d *desk, c client, _ *token.Order) {
		d.settle(c)
		d.used = nil
		m, err := d.store.FindMerchant(d.t.Context(), c.Merchant)
		d.ok(err)
		m.Active = false
		_, err = d.store.ChangeMerchant(d.t.Context(), act, m, m.Version)
		d.ok(err)
	})
	f("the other environment", token.EnvironmentMismatch, func(_ *desk, _ client, o *token.Order) { o.Environment = token.EnvTest })
	f("an address outside", token.IPNotAllowed, func(d *desk, c client, _ *token.Order) {
		change(d, c, func(t *token.Token) {
			t.Bounds.IPRanges, t.Bounds.Restricts.IP = []string{"198.51.100.0/24"}, true
		})
	})
	f("enhanced security", token.UnauthorizedClient, func(d *desk, c client, _ *token.Order) {
		change(d, c, func(t *token.Token) { t.Enhanced = true })
	})
	f("a scope it does not have", token.InvalidScope, func(_ *desk, _ client, o *token.Order) { o.Scope = []byte("payments:read tokens:manage") })
	f("a scope that is none", token.InvalidScope, func(_ *desk, _ client, o *token.Order) { o.Scope = []byte("payments:read  payments:write") })
	f("a scope of a space", token.InvalidScope, func(_ *desk, _ client, o *token.Order) { o.Scope = []byte(" ") })
	f("a scope in another case", token.InvalidScope, func(_ *desk, _ client, o *token.Order) { o.Scope = []byte("PAYMENTS:READ") })
}

// A scope that is asked for is granted as asked, each word once; one that is
// sent empty counts as none.
func TestScope(t *testing.T) {
	d := newDesk(t)
	c := d.add()
	for asked, want := range map[string]string{
		"": "", "payments:write": "payments:write", "payments:write payments:read": "payments:write payments:read",
		"payments:read payments:read": "payments:read",
	} {
		o := d.order(c)
		o.Scope = []byte(asked)
		g := d.want(o, token.Allowed)
		claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(g.AccessToken, ".")[1])
		if g.Scope != want || strings.Contains(string(claims), `"scope"`) != (want != "") || !strings.Contains(string(claims), want) {
			t.Errorf("%q is granted as %q in %s", asked, g.Scope, claims)
		}
	}
	parent := d.add(func(t *token.Token) { t.Bounds.Permissions = []string{"payments:read"} })
	child := d.add(func(t *token.Token) { t.Parent, t.Merchant = parent.Handle, parent.Merchant })
	o := d.order(child)
	o.Scope = []byte("payments:write")
	d.want(o, token.InvalidScope)
}

// Issuing for a client that is remembered goes on while the store is down; for
// another it is no verdict, which counts against nobody.
func TestExchangeWhileTheStoreIsDown(t *testing.T) {
	d := newDesk(t)
	known, fresh := d.add(), d.add()
	d.settle(known)
	d.store.down.Store(true)
	for range 2 * failures {
		d.want(d.order(known), token.Allowed)
		d.want(d.order(fresh), token.CannotDecide)
	}
	wrong := d.order(known)
	wrong.ClientSecret = fresh.secret
	d.want(wrong, token.TokenInvalid)
	d.store.down.Store(false)
	d.want(d.order(fresh), token.Allowed)
}

// Guessing at a client's secret ends in 429 without a look-up; the right secret
// of a client that is remembered is taken all the while, and so is another
// client's. An id that nobody has costs one look-up.
func TestGuessingAtSecrets(t *testing.T) {
	d := newDesk(t)
	c, other := d.add(), d.add()
	d.settle(c)
	wrong := d.order(c)
	wrong.ClientSecret = other.secret
	for range failures {
		d.want(wrong, token.TokenInvalid)
	}
	for range 10 {
		d.want(wrong, token.AuthThrottled)
		d.want(d.order(c), token.Allowed)
	}
	d.want(d.order(other), token.Allowed)

	nobody := d.order(c)
	nobody.ClientID = bytes.Repeat([]byte("0"), 32)
	before := d.store.loads.Load()
	for range failures {
		d.want(nobody, token.TokenInvalid)
	}
	d.want(nobody, token.AuthThrottled)
	if n := d.store.loads.Load() - before; n != 1 {
		t.Errorf("an id that nobody has was looked up %d times", n)
	}
	before = d.store.loads.Load()
	nobody.ClientID = bytes.Repeat([]byte("1"), 32)
	nobody.ClientSecret = []byte("hunter2")
	d.want(nobody, token.TokenInvalid)
	if n := d.store.loads.Load() - before; n != 0 {
		t.Error("a secret that is none was worth a look-up")
	}
}

// Once a client comes into being its id is not taken for unknown any more.
func TestANewClientIsKnownAtOnce(t *testing.T) {
	d := newDesk(t)
	id, err := d.minter.NewClientID()
	d.ok(err)
	early := d.order(d.add())
	early.ClientID = []byte(id)
	d.want(early, token.TokenInvalid)
	d.want(d.order(d.add(func(t *token.Token) { t.ClientID = id })), token.Allowed)
}

// Options that would issue nonsense are refused.
func TestNewExchangerRefuses(t *testing.T) {
	d := newDesk(t)
	good := issue.Options{
		Memory: d.cache, Loader: d.store, Throttle: d.throttle, JudgeSource: policy.JudgeSource, Issuer: "i",
		Signing: func() token.SigningKey { return d.key }, Lifetime: time.Second, Rand: rand.Reader,
	}
	if _, err := issue.NewExchanger(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*issue.Options){
		"memory": func(o *issue.Options) { o.Memory = nil }, "loader": func(o *issue.Options) { o.Loader = nil },
		"throttle": func(o *issue.Options) { o.Throttle = nil }, "key": func(o *issue.Options) { o.Signing = nil },
		"bounds": func(o *issue.Options) { o.JudgeSource = nil }, "randomness": func(o *issue.Options) { o.Rand = nil },
		"issuer": func(o *issue.Options) { o.Issuer = "" }, "lifetime": func(o *issue.Options) { o.Lifetime = 0 },
		"a whole lifetime": func(o *issue.Options) { o.Lifetime = 1500 * time.Millisecond },
	} {
		o := good
		spoil(&o)
		if _, err := issue.NewExchanger(o); err == nil {
			t.Errorf("an exchanger without %s is built", name)
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	d := newDesk(b)
	c := d.add()
	d.settle(c)
	for _, key := range []token.SigningKey{d.key, {ID: "ed1", Alg: token.EdDSA, Ed: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}} {
		d.key = key
		b.Run(string(key.Alg), func(b *testing.B) {
			o := d.order(c)
			b.ReportAllocs()
			for b.Loop() {
				d.used = d.used[:0]
				d.exchange.Exchange(b.Context(), o)
			}
		})
	}
}
