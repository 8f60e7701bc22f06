package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tollgate/cache"
	"tollgate/gateway/auth"
	"tollgate/gateway/issue"
	"tollgate/policy/token"
)

// A JWT that was issued is recognised as the token it was issued to, carries
// what it says of itself, and is judged by the token's live record.
func TestAJWTIsRecognised(t *testing.T) {
	r := newRig(t)
	m := r.add()
	issued := r.time()
	raw := r.grant(m, "payments:read")
	for range 3 { // the first time verified, later recalled
		p := r.want(raw, token.Allowed)
		if p.Live.Handle != m.Handle || p.Kind != token.KindJWT || p.Generation != 1 || p.ID == "" ||
			!slices.Equal(p.Scope, []string{"payments:read"}) || p.EndsAt != token.At(issued.Add(10*time.Minute)) {
			t.Fatalf("the principal is %+v", p)
		}
		if !p.Permits("payments:read") || p.Permits("payments:write") {
			t.Error("the scope does not narrow the permissions")
		}
		r.settle(raw)
	}
	r.change(m, func(t *token.Token) { t.Bounds.Permissions = []string{"payments:write"} })
	if p := r.want(raw, token.Allowed); p.Permits("payments:read") || p.Permits("payments:write") {
		t.Error("a JWT permits what its token no longer does, or what it never asked for")
	}
}

// A JWT ends at its exp, exactly, whether it was seen before or not.
func TestAJWTEndsExactly(t *testing.T) {
	r := newRig(t)
	m := r.add()
	seen, unseen := r.grant(m, ""), r.grant(m, "")
	r.settle(seen)
	r.pass(10*time.Minute - time.Microsecond)
	r.want(seen, token.Allowed)
	r.pass(time.Microsecond)
	r.want(seen, token.TokenExpired)
	r.want(unseen, token.TokenExpired)
}

// A JWT is tied to the generation of the client secret it was minted with: it
// ends with that generation's grace, and one of a newer generation lives on.
func TestAJWTEndsWithItsGeneration(t *testing.T) {
	r := newRig(t)
	m := r.add()
	old := r.grant(m, "")
	r.settle(old)
	next, kept, err := r.minter.Mint(issue.Wanted{Kind: token.KindClient, Environment: token.EnvLive, Handle: m.Handle, Generation: 2})
	r.ok(err)
	rotation, err := r.store.RotateCredential(t.Context(), act, m.Handle, kept, time.Minute)
	r.ok(err)
	r.want(old, token.Allowed)
	m.secret = next
	fresh := r.grant(m, "")
	r.now.Store(int64(rotation.PreviousEndsAt))
	r.want(old, token.TokenRevoked)
	r.want(fresh, token.Allowed)

	_, kept, err = r.minter.Mint(issue.Wanted{Kind: token.KindClient, Environment: token.EnvLive, Handle: m.Handle, Generation: 3})
	r.ok(err)
	_, err = r.store.RotateCredential(t.Context(), act, m.Handle, kept, 0)
	r.ok(err)
	r.want(fresh, token.TokenRevoked)
}

// A signing key that is removed stops verifying at once, also for JWTs that
// were seen before, and a key that is added verifies at once.
func TestSigningKeysRotate(t *testing.T) {
	r := newRig(t)
	m := r.add()
	old := r.grant(m, "")
	r.settle(old)
	r.ok(r.keys.Swap(edKey, hmacKey))
	r.want(old, token.Allowed)
	next := r.grant(m, "")
	if header, _ := base64.RawURLEncoding.DecodeString(string(next[:strings.IndexByte(string(next), '.')])); string(header) != `{"typ":"JWT","alg":"EdDSA","kid":"ed1"}` {
		t.Errorf("the first key does not sign: %s", header)
	}
	r.settle(next)
	r.settle(old)
	r.ok(r.keys.Swap(edKey))
	r.want(old, token.SignatureInvalid)
	r.want(next, token.Allowed)
	if err := r.keys.Swap(); err == nil {
		t.Error("a set without keys is accepted")
	}
	r.want(next, token.Allowed)
}

// hooked is a memory that something happens to just before a stamp is taken.
type hooked struct {
	*cache.Cache
	before func()
}

func (h *hooked) Stamp(d *token.Digest) token.Stamp {
	h.before()
	return h.Cache.Stamp(d)
}

// A JWT is verified after the stamp that it is remembered under: a key that is
// removed at the worst moment, when one is done and the other is to come, does
// not live on in memory.
func TestASigningKeyRemovedBetweenStampAndSignature(t *testing.T) {
	r := newRig(t)
	m := r.add()
	swap := func() {}
	memory := &hooked{r.cache, func() { swap() }}
	verifier, err := auth.New(auth.Options{Memory: memory, Loader: r.loader, Keys: r.keys, Issuer: issuer, Throttle: r.throttle})
	r.ok(err)
	r.verifier = verifier
	r.settle(r.grant(m, "")) // its live record is in memory
	raw := r.grant(m, "")
	swap = func() { r.ok(r.keys.Swap(edKey)) }
	for range 1000 {
		r.verifier.Verify(presented(raw), nil, r.time())
		runtime.Gosched()
	}
	r.want(raw, token.SignatureInvalid)
}

// When the memory is told of a swap, the keys that are gone do not verify any
// more: what is remembered from then on is verified by the new ones.
func TestASwapIsToldAfterItIsInForce(t *testing.T) {
	r := newRig(t)
	m := r.add()
	told := func() {}
	var err error
	r.keys, err = auth.NewKeySet(func() { r.cache.ForgetAll(); told() }, hmacKey, edKey)
	r.ok(err)
	r.verifier, err = auth.New(auth.Options{Memory: r.cache, Loader: r.loader, Keys: r.keys, Issuer: issuer, Throttle: r.throttle})
	r.ok(err)
	raw := r.grant(m, "")
	r.settle(raw)
	told = func() {
		for range 1000 {
			r.verifier.Verify(presented(raw), nil, r.time())
			runtime.Gosched()
		}
	}
	r.ok(r.keys.Swap(edKey))
	r.want(raw, token.SignatureInvalid)
}

// forge signs any header and payload with a key of ours.
func forge(key token.SigningKey, header, payload string) []byte {
	text := part(header) + "." + part(payload)
	return append([]byte(text+"."), part(string(signature(key, text)))...)
}

func part(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func signature(key token.SigningKey, text string) []byte {
	var s []byte
	var err error
	switch key.Alg {
	case token.HS256:
		s, err = jwt.SigningMethodHS256.Sign(text, key.Secret)
	case token.EdDSA:
		s, err = jwt.SigningMethodEdDSA.Sign(text, key.Ed)
	}
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return s
}

const (
	hsHeader = `{"typ":"JWT","alg":"HS256","kid":"k1"}`
	edHeader = `{"typ":"JWT","alg":"EdDSA","kid":"ed1"}`
)

// payload is a good set of claims for the token, each replaced by an edit
// ("name" to `"raw JSON"`), or left out by "".
func (r *rig) payload(m made, edits map[string]string) string {
	now := r.time().Unix()
	claims := []struct{ name, value string }{
		{"iss", quoted(issuer)}, {"sub", quoted(string(m.Handle))}, {"companyId", quoted(m.Merchant)},
		{"env", `"live"`}, {"iat", fmt.Sprint(now)}, {"exp", fmt.Sprint(now + 600)}, {"jti", `"1.abcdefghijklmnop"`},
	}
	var members []string
	for _, c := range claims {
		if value, edited := edits[c.name]; !edited {
			members = append(members, quoted(c.name)+":"+c.value)
		} else if value != "" {
			members = append(members, quoted(c.name)+":"+value)
		}
	}
	var more []string
	for name, value := range edits {
		if !slices.ContainsFunc(claims, func(c struct{ name, value string }) bool { return c.name == name }) {
			more = append(more, quoted(name)+":"+value)
		}
	}
	slices.Sort(more)
	return "{" + strings.Join(append(members, more...), ",") + "}"
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// The forger is right where nothing is wrong: both algorithms, an iat as far in
// the future as is allowed, an unusual order and white space.
func TestGoodForgeriesPass(t *testing.T) {
	r := newRig(t)
	m := r.add()
	now := r.time().Unix()
	r.want(forge(hmacKey, hsHeader, r.payload(m, nil)), token.Allowed)
	r.want(forge(edKey, edHeader, r.payload(m, nil)), token.Allowed)
	r.want(forge(hmacKey, ` { "kid" : "k1" , "alg":"HS256","typ":"JWT" } `, r.payload(m, nil)), token.Allowed)
	r.want(forge(hmacKey, hsHeader, r.payload(m, map[string]string{"iat": fmt.Sprint(now + 5)})), token.Allowed)
	r.want(forge(hmacKey, hsHeader, r.payload(m, map[string]string{"scope": `"payments:read"`})), token.Allowed)
	p := r.want(forge(hmacKey, hsHeader, r.payload(m, map[string]string{"scope": `""`})), token.Allowed)
	if p.Scope == nil || p.Permits("payments:read") {
		t.Error("an empty scope permits something")
	}
}
