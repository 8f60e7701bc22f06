package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"tollgate/cache"
	"tollgate/configs"
	"tollgate/gateway/auth"
	"tollgate/gateway/facts"
	"tollgate/gateway/wire"
	"tollgate/gateway/wire/oauth"
	"tollgate/policy"
	"tollgate/policy/token"
)

// The verifier is taken for what proves signatures where Options name nobody.
var _ Signatures = (*auth.Verifier)(nil)

// oneSecret is the signing secret of oneToken, and a memory that is never asked.
type oneSecret struct{ secret []byte }

func (o oneSecret) LiveSecrets(context.Context, token.Handle) ([]token.SigningSecret, error) {
	return []token.SigningSecret{{Secret: bytes.Clone(o.secret)}}, nil
}

func (o oneSecret) Client(context.Context, string) (*token.Live, error) {
	return nil, token.ErrNotFound
}

func (o oneSecret) Record(context.Context, token.Digest, token.Instant) (bool, error) {
	return true, nil
}

// newSignedWalker is newWalker with a request whose parameters are signed, and
// the real verifier of them.
func newSignedWalker(t testing.TB) *walker {
	t.Helper()
	catalogue, err := configs.ShippedCatalogue()
	fatal(t, err)
	bounds := token.Bounds{Composition: token.Composition{"CI": {"ORANGE": {"collect"}}}, Restricts: token.Restricts{Composition: true, Phones: true}}
	rules, err := policy.Compile(catalogue, bounds, []token.Number{{Country: "CI", E164: "+2250707070707", Enabled: true}}, nil)
	fatal(t, err)
	const handle = "tok_abcdefghijkl"
	principal := &token.Principal{Kind: token.KindKey, Live: &token.Live{Handle: handle, Merchant: "mer_1", Environment: token.EnvLive,
		Enabled: true, MerchantActive: true, Restricts: bounds.Restricts, Rules: rules, Bounds: bounds}}
	secret := bytes.Repeat([]byte("s"), 32)

	w := &walker{}
	w.cache, err = cache.New(cache.Options{MaxBytes: 1 << 20})
	fatal(t, err)
	keys, err := auth.NewKeySet(nil, token.SigningKey{ID: "k1", Alg: token.HS256, Secret: secret})
	fatal(t, err)
	throttle, err := auth.NewThrottle(20, time.Minute)
	fatal(t, err)
	verifier, err := auth.New(auth.Options{Memory: w.cache, Loader: oneToken{principal}, Keys: keys, Issuer: "tollgate", Throttle: throttle,
		Signatures: &auth.Signatures{Secrets: oneSecret{secret}, Clients: oneSecret{secret}, Replay: oneSecret{secret}}})
	fatal(t, err)
	w.gateway, err = New(Options{Verifier: verifier, Dialects: []Dialect{oauth.Dialect{}, oauth.Signature{}}, Problem: wire.Problem{},
		AccessLog: io.Discard, Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(), Now: time.Now, Rand: rand.Reader})
	fatal(t, err)
	spec, faults := policy.ParseFacts(policy.FactsText{Country: []string{"signed:/data/country"}, Operator: []string{"signed:/data/operator"},
		Method: []string{"const:collect"}, Phone: []string{"signed:/data/payer/phone"}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	program, err := facts.Compile(spec, catalogue)
	fatal(t, err)
	fatal(t, w.gateway.Apply(Plan{
		Upstreams: map[string]UpstreamSpec{"payments": {Targets: []string{"http://127.0.0.1:1"}}},
		Routes: []RouteSpec{{Path: "/buy", Methods: []string{"GET"}, Upstream: "payments", Dialects: []string{"oauth", "signature"}, Facts: program,
			Rule: policy.RouteRule{Environment: token.EnvLive, Facts: policy.FactsRead}}},
	}))
	t.Cleanup(func() { w.gateway.Shutdown(context.Background()) })

	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64(fmt.Appendf(nil,
		`{"data":{"merchantUid":%q,"country":"CI","operator":"ORANGE","payer":{"phone":"+2250707070707"}},"exp":%d}`, handle, time.Now().Add(time.Hour).Unix()))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	var req fasthttp.Request
	fatal(t, req.Read(bufio.NewReaderSize(strings.NewReader("GET /buy?lang=fr&signature="+text+"."+b64(mac.Sum(nil))+" HTTP/1.1\r\nHost: a\r\n\r\n"), 8192)))
	w.ctx.Init(&req, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4000}, nil)
	if r := w.judge(); r != token.Allowed {
		t.Fatalf("refused: %v", r)
	}
	return w
}

// Signed parameters that were verified before cost no allocation of ours either:
// not their look-up, nor their decoding, nor their facts.
func TestSignedWalkAllocatesNothing(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates on its own")
	}
	w := newSignedWalker(t)
	_, jws, _ := bytes.Cut(w.ctx.Request.Header.RequestURI(), signaturePair)
	until(t, "the cache holds the parameters", func() bool {
		d := token.DigestOf(jws)
		_, ok := w.cache.Recall(&d, token.At(time.Now()))
		return ok
	})
	if n := testing.AllocsPerRun(500, func() {
		if r := w.judge(); r != token.Allowed {
			t.Fatalf("refused: %v", r)
		}
	}); n != 0 {
		t.Errorf("the walk allocates %v times", n)
	}
	var room []byte
	target := w.ctx.Request.Header.RequestURI()
	if n := testing.AllocsPerRun(500, func() { _, room = cutSignature(target, room) }); n != 0 {
		t.Errorf("cutting allocates %v times", n)
	}
}

// What was decoded for one request is gone from the passage after it.
func TestSignedPayloadDoesNotSurvive(t *testing.T) {
	w := newSignedWalker(t)
	p := w.gateway.begin(&w.ctx)
	p.admit()
	p.identify(&p.source)
	p.bounds(&p.source)
	if r := p.subject(); r != token.Allowed || len(p.input.Signed) == 0 {
		t.Fatalf("%v, read %q", r, p.input.Signed)
	}
	p.finish()
	if p.input.Signed != nil || len(p.payload) != 0 || p.message.Presented != nil || p.proven {
		t.Errorf("left behind: %+v", p)
	}
}
