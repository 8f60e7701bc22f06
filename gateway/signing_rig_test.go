package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate/gateway"
	"tollgate/gateway/wire/apikey"
	"tollgate/gateway/wire/envelope"
	"tollgate/gateway/wire/oauth"
	"tollgate/gateway/wire/payment"
	"tollgate/gateway/wire/service"
	"tollgate/policy"
	"tollgate/policy/token"
)

// notary is the part of package auth that proves signatures: over one secret,
// with a memory that a test can look into.
type notary struct {
	*roster
	mu       sync.Mutex
	secret   []byte
	clients  map[string]*token.Principal
	used     map[string]bool
	away     bool // the memory of what was used is
	examined int
	verified int
}

func (n *notary) Verify(p *token.Presented, src *token.Source, now time.Time) (*token.Principal, token.Reason) {
	if p.Kind == token.KindMAC {
		return n.client(p)
	}
	return n.roster.Verify(p, src, now)
}

func (n *notary) Examine(p *token.Presented, now time.Time) (*token.Principal, token.Reason) {
	if p.Kind == token.KindMAC {
		return n.client(p)
	}
	return n.roster.Examine(p, now)
}

func (n *notary) client(p *token.Presented) (*token.Principal, token.Reason) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if q := n.clients[string(p.Name)]; q != nil {
		return q, token.Allowed
	}
	return nil, token.TokenInvalid
}

func (n *notary) VerifyBody(q *token.Principal, m *token.Message, src *token.Source, now time.Time) token.Reason {
	n.mu.Lock()
	n.verified++
	n.mu.Unlock()
	return n.prove(m)
}

func (n *notary) ExamineBody(q *token.Principal, m *token.Message) token.Reason {
	n.mu.Lock()
	n.examined++
	n.mu.Unlock()
	return n.prove(m)
}

func (n *notary) prove(m *token.Message) token.Reason {
	if string(m.Presented.MAC) != n.mac(m.Presented.At, m.Method, string(m.Target), string(m.Body)) {
		return token.SignatureInvalid
	}
	return token.Allowed
}

func (n *notary) mac(at int64, method, target, body string) string {
	h := hmac.New(sha256.New, n.secret)
	fmt.Fprintf(h, "%d.%s\n%s\n%x", at, method, target, sha256.Sum256([]byte(body)))
	return hex.EncodeToString(h.Sum(nil))
}

func (n *notary) Once(q *token.Principal, p *token.Presented) token.Reason {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := string(p.Secret)
	if p.Kind == token.KindMAC {
		key = string(p.MAC)
	}
	switch {
	case n.away:
		return token.CannotDecide
	case n.used[key]:
		return token.Replayed
	}
	n.used[key] = true
	return token.Allowed
}

func (n *notary) count() (used, verified, examined int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.used), n.verified, n.examined
}

// signed writes a request down with its X-Signature.
func (n *notary) signed(at int64, method, target, body string, headers ...string) string {
	headers = append(headers, "X-Client-Id: "+client, fmt.Sprintf("X-Signature: t=%d,v1=%s", at, n.mac(at, method, target, body)))
	return request(method, target, body, headers...)
}

const client = "0123456789abcdef0123456789abcdef"

// jws enrols the JWS of a payload as one that proves q.
func (n *notary) jws(q *token.Principal, payload string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"HS256"}`)) + "." + b64([]byte(payload))
	h := hmac.New(sha256.New, n.secret)
	h.Write([]byte(text))
	text += "." + b64(h.Sum(nil))
	signed := *q
	signed.Kind = token.KindSigned
	n.set(func(r *roster) { r.known[text] = &signed })
	return text
}

// principalOf is whom a key proves.
func (r *roster) principalOf(key string) *token.Principal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[key]
}

func allDialects() []gateway.Dialect {
	return []gateway.Dialect{payment.Dialect{}, oauth.Dialect{}, envelope.Dialect{}, service.Dialect{}, apikey.Dialect{}, oauth.Basic{}, oauth.Signature{}}
}

// signedFacts are facts that parameters, signed or not, and bodies can hold.
var signedFacts = policy.FactsText{
	Country:  []string{"signed:/data/country", "json:/country"},
	Operator: []string{"signed:/data/payment/operator", "json:/operator"},
	Method:   []string{"const:collect"},
	Phone:    []string{"signed:/data/payer/phone", "query:msisdn", "json:/phone"},
}

// newSignedRig serves the two routes of newRig to every dialect, the first with
// signedFacts.
func newSignedRig(t testing.TB, options ...rigOption) (*rig, *notary, *token.Principal) {
	t.Helper()
	var n *notary
	all := append([]rigOption{func(r *rig) {
		n = &notary{roster: r.roster, secret: []byte(strings.Repeat("s", 32)), clients: map[string]*token.Principal{}, used: map[string]bool{}}
		r.options.Verifier, r.options.Examiner, r.options.Dialects = n, n, allDialects()
		r.plan.Routes[0].Dialects = []string{"payment", "oauth", "service", "apikey", "signature"}
		r.plan.Routes[0].Facts = r.roster.program(t, signedFacts)
		r.plan.Routes[1].Dialects = []string{"envelope", "payment", "service", "apikey", "basic", "signature"}
	}}, options...)
	r := newRig(t, all...)
	q := *r.roster.principalOf(r.roster.add(t, "signer", nil))
	q.Kind = token.KindMAC
	n.clients[client] = &q
	return r, n, &q
}

// reset forgets what was written.
func (s *sink) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Reset()
}
