package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate/gateway/issue"
	"tollgate/policy/token"
)

// signing gives a token a signing secret as well; signingOf has it again.
func (r *rig) signing(t *token.Token) {
	secret, kept, err := r.minter.Mint(issue.Wanted{Kind: token.KindSigning, Environment: token.EnvLive, Handle: t.Handle, Generation: 1})
	r.ok(err)
	t.Credentials = append(t.Credentials, kept)
	if r.signs == nil {
		r.signs = map[token.Handle][]byte{}
	}
	r.signs[t.Handle] = secret
}

func (r *rig) signingOf(m made) []byte { return r.signs[m.Handle] }

func signed(jws []byte) *token.Presented {
	return &token.Presented{Dialect: "signature", Kind: token.KindSigned, Secret: jws}
}

// jws signs parameters for the token. edit may change header and payload.
func (r *rig) jws(m made, edit func(header, payload map[string]any)) []byte {
	r.t.Helper()
	header := map[string]any{"alg": "HS256", "typ": "JWT"}
	payload := map[string]any{
		"data": map[string]any{"merchantUid": string(m.Handle), "reference": "ref_1", "amountCents": 2000}, "exp": r.time().Add(time.Hour).Unix(),
	}
	if edit != nil {
		edit(header, payload)
	}
	return r.sign(r.signingOf(m), header, payload)
}

func (r *rig) sign(secret []byte, header, payload map[string]any) []byte {
	r.t.Helper()
	h, err := json.Marshal(header)
	r.ok(err)
	p, err := json.Marshal(payload)
	r.ok(err)
	text := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(p)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return []byte(text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
}

// Parameters signed with a token's signing secret are the token's; with another
// token's secret, a client secret, or changed by one bit anywhere they are
// nobody's.
func TestSignedParametersAreTheTokensOwn(t *testing.T) {
	r := newRig(t)
	m, other := r.add(r.signing), r.add(r.signing)
	good := r.jws(m, nil)
	q := r.wantOf(signed(good), token.Allowed)
	if q.Live.Handle != m.Handle || q.Kind != token.KindSigned || q.EndsAt != token.At(r.time().Add(time.Hour).Truncate(time.Second)) {
		t.Errorf("the principal is %+v", q)
	}
	r.wantOf(signed(r.jws(m, func(h, p map[string]any) { h["kid"] = string(m.Handle); p["data"] = map[string]any{} })), token.Allowed)
	r.source = sourceOf("203.0.113.9")
	r.wantOf(signed(r.jws(m, func(_, p map[string]any) { p["data"] = map[string]any{"merchantUid": string(other.Handle)} })), token.SignatureInvalid)
	header := map[string]any{"alg": "HS256"}
	payload := map[string]any{"data": map[string]any{"merchantUid": string(m.Handle)}, "exp": r.time().Add(time.Hour).Unix()}
	r.wantOf(signed(r.sign(m.secret, header, payload)), token.SignatureInvalid)
	r.wantOf(signed(r.sign(nil, header, payload)), token.SignatureInvalid)
	r.wantOf(signed(r.sign(m.key, header, payload)), token.SignatureInvalid)
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 1
		r.source = sourceOf("2001:db8:" + strconv.FormatInt(int64(i), 16) + "::1")
		if q, reason := r.verifier.Verify(signed(bad), &r.source, r.time()); q != nil || reason != token.SignatureInvalid && reason != token.TokenInvalid {
			t.Fatalf("byte %d changed: %v", i, reason)
		}
	}
	for _, kind := range []token.Kind{token.KindJWT, token.KindKey, token.KindPassword, token.KindAccess} {
		r.source = sourceOf("203.0.113." + strconv.Itoa(20+int(kind)))
		r.wantOf(&token.Presented{Dialect: "oauth", Kind: kind, Secret: good}, token.TokenInvalid)
	}
	r.source = sourceOf("203.0.113.40")
	r.wantOf(signed(r.grant(m, "")), token.TokenInvalid)
}

// Remembered parameters are forgotten with their token and with the signing
// secret; two secrets are good while it rotates; and they end by themselves.
func TestRememberedSignedParametersEnd(t *testing.T) {
	r := newRig(t)
	m := r.add(r.signing)
	old := r.jws(m, nil)
	r.settleOf(signed(old))
	r.signs[m.Handle] = r.rotate(m, token.KindSigning, time.Minute)
	r.wantOf(signed(r.jws(m, nil)), token.Allowed)
	r.wantOf(signed(old), token.Allowed)
	r.rotateTo(m, 3)
	r.wantOf(signed(old), token.SignatureInvalid)
	now := r.jws(m, nil)
	r.settleOf(signed(now))
	r.pass(time.Hour)
	r.wantOf(signed(now), token.TokenExpired)
	now = r.jws(m, nil)
	r.settleOf(signed(now))
	r.change(m, func(t *token.Token) { t.Enabled = false })
	r.wantOf(signed(now), token.TokenDisabled)
}

func (r *rig) rotateTo(m made, generation int) {
	r.t.Helper()
	secret, kept, err := r.minter.Mint(issue.Wanted{Kind: token.KindSigning, Environment: token.EnvLive, Handle: m.Handle, Generation: generation})
	r.ok(err)
	_, err = r.store.RotateCredential(r.t.Context(), act, m.Handle, kept, 0)
	r.ok(err)
	r.signs[m.Handle] = secret
}

// Well-signed parameters that live too long, or have no end, are refused and
// not counted; a wrong signature is, under the token it names.
func TestWhatCountsOfSignedParameters(t *testing.T) {
	r := newRig(t)
	m := r.add(r.signing)
	r.want(m.key, token.Allowed)
	for range 3 * failures {
		r.wantOf(signed(r.jws(m, func(_, p map[string]any) { p["exp"] = r.time().Add(8 * 24 * time.Hour).Unix() })), token.TokenInvalid)
		r.wantOf(signed(r.jws(m, func(_, p map[string]any) { delete(p, "exp") })), token.TokenInvalid)
		r.wantOf(signed(r.jws(m, func(_, p map[string]any) { p["exp"] = r.time().Unix() })), token.TokenExpired)
	}
	r.wantOf(signed(r.jws(m, func(_, p map[string]any) { delete(p, "exp"); p["iat"] = r.time().Unix() })), token.Allowed)
	for i := range failures + 1 {
		want := token.SignatureInvalid
		if i == failures {
			want = token.AuthThrottled
		}
		header, payload := map[string]any{"alg": "HS256"}, map[string]any{"data": map[string]any{"merchantUid": string(m.Handle)}, "exp": r.time().Unix() + int64(i)}
		r.wantOf(signed(r.sign(make([]byte, 32), header, payload)), want)
	}
}

// mac signs a request as X-Signature does.
func (r *rig) mac(m made, method, target, body string) (*token.Presented, *token.Message) {
	return r.macAt(m, r.time().Unix(), method, target, body)
}

func (r *rig) macAt(m made, at int64, method, target, body string) (*token.Presented, *token.Message) {
	sum := sha256.Sum256([]byte(body))
	mac := hmac.New(sha256.New, r.signingOf(m))
	_, _ = fmt.Fprintf(mac, "%d.%s\n%s\n%x", at, method, target, sum)
	text := hex.EncodeToString(mac.Sum(nil))
	p := &token.Presented{
		Dialect: "signature", Kind: token.KindMAC, Secret: fmt.Appendf(nil, "t=%d,v1=%s", at, text),
		Name: []byte(m.ClientID), At: at, MAC: []byte(text),
	}
	return p, &token.Message{Presented: p, Method: method, Target: []byte(target), Body: []byte(body)}
}

// A signed request is its client's, with every part as it was signed: another
// method, path, spelling or order of the query, body, time or client proves
// nothing (security.md §5.1 rows 16 and 18).
func TestASignedRequestIsProvenWhole(t *testing.T) {
	r := newRig(t)
	m, other := r.add(r.signing), r.add(r.signing)
	f := func(name string, want token.Reason, edit func(*token.Presented, *token.Message)) {
		t.Helper()
		p, message := r.mac(m, "POST", "/pay%2fnow?a=1&b=%2F", `{"amount":1}`)
		edit(p, message)
		r.source.Addr = r.source.Addr.Next()
		q := r.wantOf(p, token.Allowed)
		for range 2 {
			if got := r.verifier.ExamineBody(q, message); got != want {
				t.Errorf("%s: examined %v, want %v", name, got, want)
			}
		}
		if got := r.verifier.VerifyBody(q, message, &r.source, r.time()); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("as it was signed", token.Allowed, func(*token.Presented, *token.Message) {})
	f("method", token.SignatureInvalid, func(_ *token.Presented, m *token.Message) { m.Method = "PUT" })
	f("path", token.SignatureInvalid, func(_ *token.Presented, m *token.Message) { m.Target = []byte("/pay%2Fnow?a=1&b=%2F") })
	f("query spelled", token.SignatureInvalid, func(_ *token.Presented, m *token.Message) { m.Target = []byte("/pay%2fnow?a=1&b=/") })
	f("query order", token.SignatureInvalid, func(_ *token.Presented, m *token.Message) { m.Target = []byte("/pay%2fnow?b=%2F&a=1") })
	f("body", token.SignatureInvalid, func(_ *token.Presented, m *token.Message) { m.Body = []byte(`{"amount":2}`) })
	f("no body", token.SignatureInvalid, func(_ *token.Presented, m *token.Message) { m.Body = nil })
	f("time", token.SignatureInvalid, func(p *token.Presented, _ *token.Message) { p.At++ })
	f("client", token.SignatureInvalid, func(p *token.Presented, _ *token.Message) { p.Name = []byte(other.ClientID) })
	f("mac", token.SignatureInvalid, func(p *token.Presented, _ *token.Message) {
		p.MAC = []byte(hex.EncodeToString(make([]byte, 32)))
	})
	p, message := r.mac(m, "GET", "/", "")
	if got := r.verifier.VerifyBody(r.want(m.key, token.Allowed), message, &r.source, r.time()); got != token.SignatureInvalid {
		t.Errorf("the MAC of a request whose key was presented: %v", got)
	}
	q := r.wantOf(p, token.Allowed)
	r.source = sourceOf("203.0.113.99")
	r.rotateTo(m, 2)
	if got := r.verifier.VerifyBody(q, message, &r.source, r.time()); got != token.SignatureInvalid {
		t.Errorf("under a secret that was rotated away: %v", got)
	}
}

// t is good for 300 seconds either side of now, to the second.
func TestASignedRequestHasAWindow(t *testing.T) {
	r := newRig(t)
	m := r.add(r.signing)
	for off, want := range map[int64]token.Reason{
		0: token.Allowed, 300: token.Allowed, -300: token.Allowed, 301: token.SignatureInvalid, -301: token.SignatureInvalid,
		-r.time().Unix(): token.SignatureInvalid, 1 << 60: token.SignatureInvalid, -1 << 60: token.SignatureInvalid,
	} {
		p, _ := r.macAt(m, r.time().Unix()+off, "GET", "/", "")
		r.wantOf(p, want)
	}
	for _, mac := range []string{"", "00", hex.EncodeToString(make([]byte, 31)), hex.EncodeToString(make([]byte, 33))} {
		p, _ := r.mac(m, "GET", "/", "")
		p.MAC = []byte(mac)
		r.wantOf(p, token.SignatureInvalid)
	}
}

// Each v1 is accepted once, exactly: of 50 at a time, after a restart, and for
// as long as its t is in the window; a wrong one spends nothing. A JWS is
// likewise, where a route asks (rows 16 and 17).
func TestASignatureIsAcceptedOnce(t *testing.T) {
	r := newRig(t)
	m := r.add(r.signing)
	p, message := r.mac(m, "POST", "/pay", "{}")
	q := r.wantOf(p, token.Allowed)
	forged := *message
	forged.Body = []byte("[]")
	if got := r.verifier.VerifyBody(q, &forged, &r.source, r.time()); got != token.SignatureInvalid {
		t.Fatal(got)
	}
	once := func(q *token.Principal, p *token.Presented) {
		t.Helper()
		var fresh, again atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				switch r.verifier.Once(q, p) {
				case token.Allowed:
					fresh.Add(1)
				case token.Replayed:
					again.Add(1)
				}
			})
		}
		all.Wait()
		if fresh.Load() != 1 || again.Load() != 49 {
			t.Errorf("accepted %d times, replayed %d times", fresh.Load(), again.Load())
		}
	}
	once(q, p)
	r.pass(300 * time.Second)
	if got := r.verifier.Once(q, p); got != token.Replayed {
		t.Errorf("at the end of the window: %v", got)
	}
	jws := signed(r.jws(m, nil))
	once(r.wantOf(jws, token.Allowed), jws)
	second := signed(r.jws(m, func(_, p map[string]any) { p["exp"] = r.time().Add(time.Minute).Unix() }))
	if got := r.verifier.Once(r.wantOf(second, token.Allowed), second); got != token.Allowed {
		t.Errorf("another JWS: %v", got)
	}
}

// Unknown clients and wrong MACs are counted under the client id; what is
// known and does not stand is not. Without the store there is no verdict.
func TestWhatCountsOfASignedRequest(t *testing.T) {
	r := newRig(t)
	m, revoked := r.add(r.signing), r.add(r.signing)
	_, err := r.store.RevokeToken(t.Context(), act, revoked.Handle)
	r.ok(err)
	for range 3 * failures {
		p, _ := r.mac(revoked, "GET", "/", "")
		if q := r.wantOf(p, token.TokenRevoked); q == nil {
			t.Fatal("no principal for the log")
		}
	}
	for i := range failures + 1 {
		p, message := r.mac(m, "GET", "/", strconv.Itoa(i))
		message.Body = nil
		want, wantBody := token.Allowed, token.SignatureInvalid
		if i == failures {
			want = token.AuthThrottled
		}
		q := r.wantOf(p, want)
		if q == nil {
			break
		}
		if got := r.verifier.VerifyBody(q, message, &r.source, r.time()); got != wantBody {
			t.Fatal(got)
		}
	}
	r.source = sourceOf("203.0.113.8")
	p, _ := r.mac(m, "GET", "/", "")
	for i := range failures + 1 {
		p.Name = []byte("0123456789abcdef0123456789abcdef")
		want := token.TokenInvalid
		if i == failures {
			want = token.AuthThrottled
		}
		r.wantOf(p, want)
	}
	late := r.add(r.signing)
	down := errDown
	r.loader.fault.Store(&down)
	p, _ = r.mac(late, "GET", "/", "")
	for range 3 * failures {
		r.wantOf(p, token.CannotDecide)
	}
}
