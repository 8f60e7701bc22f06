package auth_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
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

const (
	issuer   = "https://gateway.example"
	failures = 20
	window   = time.Minute
)

// rig is a verifier over a real cache and a real database, with a clock that
// stands still until it is moved.
type rig struct {
	t        testing.TB
	now      atomic.Int64 // microseconds
	store    *store.Store
	cache    *cache.Cache
	keys     *auth.KeySet
	throttle *auth.Throttle
	uses     *auth.Uses
	loader   *loader
	verifier *auth.Verifier
	exchange *issue.Exchanger
	minter   *issue.Minter
	revoked  *auth.Revoked
	hasher   *auth.Hasher
	signs    map[token.Handle][]byte // signing secrets
	source   token.Source
	used     []token.Use
}

// loader counts what the store is asked, and can make it fail.
type loader struct {
	store *store.Store
	loads atomic.Int64
	fault atomic.Pointer[error]
	hook  atomic.Pointer[func(ctx context.Context) error] // called before each load answers
}

func (l *loader) begin(ctx context.Context) error {
	l.loads.Add(1)
	if f := l.hook.Load(); f != nil {
		if err := (*f)(ctx); err != nil {
			return err
		}
	}
	if err := l.fault.Load(); err != nil {
		return *err
	}
	return nil
}

func (l *loader) LoadCredential(ctx context.Context, k token.Kind, d *token.Digest) (*token.Principal, error) {
	p, err := l.store.LoadCredential(ctx, k, d)
	if fault := l.begin(ctx); fault != nil {
		return nil, fault
	}
	return p, err
}

func (l *loader) LoadToken(ctx context.Context, h token.Handle) (*token.Live, error) {
	live, err := l.store.LoadToken(ctx, h)
	if fault := l.begin(ctx); fault != nil {
		return nil, fault
	}
	return live, err
}

func (l *loader) LoadClient(ctx context.Context, id string) (*token.Live, []token.Credential, error) {
	if err := l.begin(ctx); err != nil {
		return nil, nil, err
	}
	return l.store.LoadClient(ctx, id)
}

func (l *loader) LoadUser(ctx context.Context, email string) (*token.Principal, string, error) {
	if err := l.begin(ctx); err != nil {
		return nil, "", err
	}
	return l.store.LoadUser(ctx, email)
}

// hasher is one for all tests: what no user has is hashed once.
var hasher = func() func(testing.TB) *auth.Hasher {
	once := sync.OnceValues(func() (*auth.Hasher, error) { return auth.NewHasher(2) })
	return func(t testing.TB) *auth.Hasher {
		h, err := once()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
}()

// hmacKey and edKey are the keys of every rig, hmacKey the one that signs.
var (
	hmacKey = token.SigningKey{ID: "k1", Alg: token.HS256, Secret: bytes.Repeat([]byte("0123456789abcdef"), 2)}
	edKey   = token.SigningKey{ID: "ed1", Alg: token.EdDSA, Ed: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))}
)

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, source: sourceOf("203.0.113.7")}
	r.now.Store(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC).UnixMicro())
	catalogue := storetest.Catalogue()
	var err error
	r.store, err = sqlite.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "tollgate.db"), Catalogue: func() *policy.Catalogue { return catalogue }, Now: r.time,
	})
	r.ok(err)
	t.Cleanup(func() { _ = r.store.Close() })
	r.cache, err = cache.New(cache.Options{MaxBytes: 8 << 20})
	r.ok(err)
	t.Cleanup(func() { _ = r.cache.Close() })
	r.revoked, err = auth.NewRevoked(t.Context(), r.store, r.time)
	r.ok(err)
	r.store.OnChange(r.revoked.Apply)
	r.store.OnChange(r.cache.Forget)
	r.keys, err = auth.NewKeySet(r.cache.ForgetAll, hmacKey, edKey)
	r.ok(err)
	r.throttle, err = auth.NewThrottle(failures, window)
	r.ok(err)
	r.uses, err = auth.NewUses(func(_ context.Context, batch []token.Use) error {
		r.used = append(r.used, batch...)
		return nil
	}, 1000)
	r.ok(err)
	r.loader = &loader{store: r.store}
	r.hasher = hasher(t)
	r.exchange, err = issue.NewExchanger(issue.Options{
		Memory: r.cache, Loader: r.loader, Throttle: r.throttle, Signing: r.keys.Signing, Issuer: issuer,
		JudgeSource: func(*token.Live, token.Source) token.Reason { return token.Allowed },
		Lifetime:    10 * time.Minute, Rand: rand.Reader,
	})
	r.ok(err)
	master, err := issue.ParseMasterKey(bytes.Repeat([]byte{9}, 32))
	r.ok(err)
	r.minter = &issue.Minter{Rand: rand.Reader, Now: r.time, Master: master}
	r.verifier, err = auth.New(auth.Options{
		Memory: r.cache, Loader: r.loader, Keys: r.keys, Issuer: issuer, Throttle: r.throttle, Uses: r.uses,
		Revoked: r.revoked, Marker: r.store, People: r.loader, Hasher: r.hasher,
		Signatures: &auth.Signatures{
			Secrets: issue.Opener{Finder: r.store, Master: master, Now: r.time}, Clients: r.exchange, Replay: r.store,
		},
		Timeout: 10 * time.Second, // of a busy machine: no test here is about it but where it says so
	})
	r.ok(err)
	return r
}

func sourceOf(addr string) token.Source {
	a := netip.MustParseAddr(addr)
	return token.Source{Peer: a, Addr: a}
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) time() time.Time      { return time.UnixMicro(r.now.Load()).UTC() }
func (r *rig) pass(d time.Duration) { r.now.Add(d.Microseconds()) }

var act = token.Act{Actor: token.Actor{Kind: "cli", ID: "test"}, Action: "test"}

// made is a token with its secrets.
type made struct {
	token.Token
	key    []byte
	secret []byte
}

func (r *rig) addMerchant() token.Merchant {
	r.t.Helper()
	m, err := r.store.AddMerchant(r.t.Context(), act, token.Merchant{Name: "Shop", Active: true})
	r.ok(err)
	return m
}

// add makes a token with a key and client credentials.
func (r *rig) add(edit ...func(*token.Token)) made {
	r.t.Helper()
	h, err := r.minter.NewHandle()
	r.ok(err)
	clientID, err := r.minter.NewClientID()
	r.ok(err)
	key, keptKey, err := r.minter.Mint(issue.Wanted{Kind: token.KindKey, Environment: token.EnvLive, Handle: h, Generation: 1})
	r.ok(err)
	secret, keptSecret, err := r.minter.Mint(issue.Wanted{Kind: token.KindClient, Environment: token.EnvLive, Handle: h, Generation: 1})
	r.ok(err)
	t := token.Token{
		Handle: h, Name: "Checkout", Environment: token.EnvLive, Enabled: true, ClientID: clientID,
		Credentials: []token.Credential{keptKey, keptSecret},
	}
	t.Bounds.Permissions = []string{"payments:read", "payments:write"}
	for _, e := range edit {
		e(&t)
	}
	if t.Merchant == "" {
		t.Merchant = r.addMerchant().ID
	}
	added, err := r.store.AddToken(r.t.Context(), act, t, nil)
	r.ok(err)
	return made{added, key, secret}
}

// grant trades the token's client credentials for a JWT.
func (r *rig) grant(m made, scope string) []byte {
	r.t.Helper()
	g, reason := r.exchange.Exchange(r.t.Context(), &token.Order{
		ClientID: []byte(m.ClientID), ClientSecret: m.secret, Scope: []byte(scope), Source: r.source, Now: r.time(),
	})
	if reason != token.Allowed {
		r.t.Fatalf("no access token: %v", reason)
	}
	return []byte(g.AccessToken)
}

// presented is what a dialect would have read.
func presented(secret []byte) *token.Presented {
	p := &token.Presented{Dialect: "payment", Kind: token.KindKey, Secret: secret}
	if strings.Count(string(secret), ".") > 0 {
		p.Dialect, p.Kind = "oauth", token.KindJWT
	}
	return p
}

func (r *rig) verify(secret []byte) (*token.Principal, token.Reason) {
	return r.verifier.Verify(presented(secret), &r.source, r.time())
}

// want verifies and compares the reason.
func (r *rig) want(secret []byte, want token.Reason) *token.Principal {
	r.t.Helper()
	p, got := r.verify(secret)
	if got != want {
		r.t.Fatalf("reason %v, want %v", got, want)
	}
	return p
}

// settle verifies until the memory answers: it remembers in the background.
func (r *rig) settle(secret []byte) {
	r.t.Helper()
	for range 100_000 {
		before := r.loader.loads.Load()
		old := r.cache.Stats()
		r.verify(secret)
		if now := r.cache.Stats(); r.loader.loads.Load() == before && now.Hits == old.Hits+1 && now.Misses == old.Misses && now.Stale == old.Stale {
			return
		}
		runtime.Gosched()
	}
	r.t.Fatal("the credential is never recalled")
}

// loads is how often f made the store be asked.
func (r *rig) loads(f func()) int64 {
	before := r.loader.loads.Load()
	f()
	return r.loader.loads.Load() - before
}

// madeUp is a well-formed key that was never issued, for a handle of its own or
// for the one given.
func (r *rig) madeUp(h ...token.Handle) []byte {
	r.t.Helper()
	if len(h) == 0 {
		h = make([]token.Handle, 1)
		var err error
		h[0], err = r.minter.NewHandle()
		r.ok(err)
	}
	key, _, err := r.minter.Mint(issue.Wanted{Kind: token.KindKey, Environment: token.EnvLive, Handle: h[0], Generation: 1})
	r.ok(err)
	return key
}

func (r *rig) change(m made, edit func(*token.Token)) {
	r.t.Helper()
	t, err := r.store.FindToken(r.t.Context(), m.Handle)
	r.ok(err)
	edit(&t)
	_, err = r.store.ReplaceToken(r.t.Context(), act, t, t.Version)
	r.ok(err)
}

// throttleAt changes how many failures are allowed.
func (r *rig) throttleAt(n int) {
	r.t.Helper()
	r.ok(r.throttle.Change(n, window))
}

func (r *rig) newRevoked() *auth.Revoked {
	r.t.Helper()
	return r.revokedFrom(r.store)
}

func (r *rig) revokedFrom(from auth.RevokedLoader) *auth.Revoked {
	r.t.Helper()
	set, err := auth.NewRevoked(r.t.Context(), from, r.time)
	r.ok(err)
	return set
}

// verifierWith is a verifier beside the rig's own, with another set.
func (r *rig) verifierWith(set *auth.Revoked) *auth.Verifier {
	r.t.Helper()
	v, err := auth.New(auth.Options{Memory: r.cache, Loader: r.loader, Keys: r.keys, Issuer: issuer, Throttle: r.throttle, Revoked: set})
	r.ok(err)
	return v
}

// jtiOf is the jti of a JWT, whatever has become of it.
func (r *rig) jtiOf(jwt []byte) string {
	r.t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(string(jwt), ".")[1])
	r.ok(err)
	var claims struct{ JTI string }
	r.ok(json.Unmarshal(payload, &claims))
	return claims.JTI
}

// lists is a store of revoked JWTs that can be down.
type lists struct {
	ids []string
	err error
}

func (l *lists) RevokedJTIs(context.Context) (out []token.RevokedJTI, err error) {
	for _, id := range l.ids {
		out = append(out, token.RevokedJTI{JTI: id, EndsAt: 1 << 60})
	}
	return out, l.err
}

var errDown = fmt.Errorf("the store is down")
