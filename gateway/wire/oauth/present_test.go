package oauth

import (
	"strconv"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

const (
	jws = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJkYXRhIjp7fX0.c2ln"
	hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

type presenter interface {
	Name() string
	Present(*fasthttp.RequestHeader, *token.Presented) token.Presence
}

func present(d presenter, target string, headers ...string) (token.Presented, token.Presence) {
	var h fasthttp.RequestHeader
	h.SetRequestURI(target)
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	var p token.Presented
	presence := d.Present(&h, &p)
	return p, presence
}

// Basic takes the base64 as it stands, and leaves other schemes to others.
func TestBasicPresents(t *testing.T) {
	f := func(authorization, secret string, want token.Presence) {
		t.Helper()
		p, got := present(Basic{}, "/", "Authorization", authorization)
		if got != want || string(p.Secret) != secret || (p.Kind == token.KindPassword) != (want == token.Found) {
			t.Errorf("%q: %v %+v, want %v %q", authorization, got, p, want, secret)
		}
	}
	f("Basic cmFuZG9tQGRvbWFpbi5jb206am9objEyMw==", "cmFuZG9tQGRvbWFpbi5jb206am9objEyMw==", token.Found)
	f("basic YTpi", "YTpi", token.Found)
	f("Basic", "", token.Malformed)
	f("Basic  YTpi", "", token.Malformed)
	f("Basic a:b", "", token.Malformed)
	f("Bearer abc", "", token.Absent)
	f("", "", token.Absent)
}

// The one signature of a query is found wherever it stands, and nothing that
// another reader could take for a second one is let by.
func TestSignedParametersPresent(t *testing.T) {
	f := func(target string, want token.Presence) {
		t.Helper()
		p, got := present(Signature{}, target)
		if got != want || (p.Kind == token.KindSigned) != (want == token.Found) || want == token.Found && string(p.Secret) != jws {
			t.Errorf("%q: %v %+v, want %v", target, got, p, want)
		}
	}
	f("/p?signature="+jws, token.Found)
	f("/p?a=1&signature="+jws+"&b=2", token.Found)
	f("/p?xsignature="+jws, token.Absent)
	f("/p?signaturex="+jws, token.Absent)
	f("/signature="+jws, token.Absent)
	f("/p", token.Absent)
	f("/p?", token.Absent)
	f("/p?signature=", token.Malformed)
	f("/p?signature", token.Malformed)
	f("/p?signature=a.b", token.Malformed)
	f("/p?signature="+jws+"%3D", token.Malformed)
	f("/p?signature="+strings.Replace(jws, ".", "%2E", 1), token.Malformed)
	f("/p?signature="+jws+"&signature="+jws, token.Malformed)
	f("/p?signature="+jws+"&%73ignature="+jws, token.Malformed)
	f("/p?%73ignature="+jws, token.Malformed)
	f("/p?signatur%65="+jws+"&a=1", token.Malformed)
	f("/p?signatur%=1", token.Absent)
}

// A second signature that only the upstream would see is smuggled past what was
// verified: in another case, behind a semicolon, as a member of an array, behind
// a space or before a NUL, escaped or not, before the good one or after it.
func TestNoSecondSignatureIsSmuggled(t *testing.T) {
	for _, second := range []string{
		"Signature=x", "SIGNATUR%45=x", "a=1;signature=x", "a=1;%73ignature=x", "signature[]=x", "signature%5B0%5D=x", "signature.data=x",
		"+signature=x", "%20signature=x", "signature%00=x", "signature%00b=x", ";signature", "signature[",
	} {
		for _, query := range []string{second, second + "&signature=" + jws, "signature=" + jws + "&" + second, "a=1&signature=" + jws + "&" + second + "&b=2"} {
			if p, got := present(Signature{}, "/p?"+query); got != token.Malformed || p.Kind != token.KindNone {
				t.Errorf("%s: %v", query, got)
			}
		}
	}
	for _, other := range []string{"signatures=x", "signature_=x", "signature-x=x", "xsignature=x", "a.signature=x", "signatur=x", "signature%zz=x", "a=signature", "a;b=signature", "%=x"} {
		if _, got := present(Signature{}, "/p?"+other+"&signature="+jws); got != token.Found {
			t.Errorf("%s: %v", other, got)
		}
	}
}

// X-Signature is read in one spelling only, beside the client it is of.
func TestSignedRequestsPresent(t *testing.T) {
	f := func(value, client string, at int64, want token.Presence) {
		t.Helper()
		p, got := present(Signature{}, "/p?a=1", "X-Signature", value, "X-Client-Id", client)
		if got != want || p.At != at || (p.Kind == token.KindMAC) != (want == token.Found) {
			t.Errorf("%q: %v %+v, want %v", value, got, p, want)
		}
		if want == token.Found && (string(p.MAC) != hex || string(p.Name) != client || string(p.Secret) != value) {
			t.Errorf("%q: %+v", value, p)
		}
	}
	f("t=1700000000,v1="+hex, "c", 1_700_000_000, token.Found)
	f("t=999999999999,v1="+hex, "c", 999_999_999_999, token.Found)
	f("t=1700000000,v1="+hex, "", 0, token.Malformed)
	f("t=01700000000,v1="+hex, "c", 0, token.Malformed)
	f("t=1000000000000,v1="+hex, "c", 0, token.Malformed)
	f("t=-1,v1="+hex, "c", 0, token.Malformed)
	f("t=,v1="+hex, "c", 0, token.Malformed)
	f("t=1, v1="+hex, "c", 0, token.Malformed)
	f("v1="+hex+",t=1", "c", 0, token.Malformed)
	f("t=1,v1="+strings.ToUpper(hex), "c", 0, token.Malformed)
	f("t=1,v1="+hex+",v1="+hex, "c", 0, token.Malformed)
	f("t=1,v1="+hex[1:], "c", 0, token.Malformed)
	f("t=1", "c", 0, token.Malformed)
	f("x", "c", 0, token.Malformed)
	f("", "c", 0, token.Absent)
}

// Both kinds of signature in one request are one too many.
func TestTwoSignaturesAreAmbiguous(t *testing.T) {
	for _, query := range []string{"signature=" + jws, "signature=", "%73ignature=x"} {
		p, got := present(Signature{}, "/p?"+query, "X-Signature", "t=1,v1="+hex, "X-Client-Id", "c")
		if got != token.Ambiguous || p.Kind != token.KindNone {
			t.Errorf("%s: %v %+v", query, got, p)
		}
	}
}

// A refusal is oauth's problem; its challenge is one that the caller can meet.
func TestChallengeOfBasic(t *testing.T) {
	f := func(r token.Reason, want string) {
		t.Helper()
		var resp, other fasthttp.Response
		Basic{}.Refuse(&resp, &token.Refusal{Reason: r, RequestID: "id"})
		Dialect{}.Refuse(&other, &token.Refusal{Reason: r, RequestID: "id"})
		if got := string(resp.Header.Peek("WWW-Authenticate")); got != want || string(resp.Body()) != string(other.Body()) {
			t.Errorf("%s: challenge %q, body %s", r, got, resp.Body())
		}
	}
	f(token.CredentialsMissing, `Basic realm="tollgate"`)
	f(token.TokenInvalid, `Basic realm="tollgate"`)
	f(token.PermissionMissing, "")
	f(token.CannotDecide, "")
}

// Reading what was presented allocates nothing.
func TestPresentAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	var h fasthttp.RequestHeader
	h.SetRequestURI("/p?a=1&signature=" + jws)
	h.Set("Authorization", "Bearer "+jws)
	var mac fasthttp.RequestHeader
	mac.SetRequestURI("/p?a=1")
	mac.Set("Authorization", "Basic YTpi")
	mac.Set("X-Signature", "t=1700000000,v1="+hex)
	mac.Set("X-Client-Id", "c")
	var p token.Presented
	found := 0
	if n := testing.AllocsPerRun(1000, func() {
		found = int(Dialect{}.Present(&h, &p) + Signature{}.Present(&h, &p) + Signature{}.Present(&mac, &p) + Basic{}.Present(&mac, &p))
	}); n != 0 || found != 4*int(token.Found) {
		t.Errorf("%v allocations, presence %d", n, found)
	}
}

func BenchmarkSignaturePresent(b *testing.B) {
	var h fasthttp.RequestHeader
	h.SetRequestURI("/p?amount=1000&signature=" + jws)
	var p token.Presented
	b.ReportAllocs()
	for b.Loop() {
		Signature{}.Present(&h, &p)
	}
}

// What is found in a query stands there once, right behind its name, and what
// is found in X-Signature has one spelling.
func FuzzPresent(f *testing.F) {
	f.Add("/p?signature="+jws, "", "")
	f.Add("/p?a=1&%73ignature=x&signature="+jws, "Basic YTpi", "")
	f.Add("/p", "Bearer "+jws, "t=1700000000,v1="+hex)
	f.Fuzz(func(t *testing.T, target, authorization, signature string) {
		var h fasthttp.RequestHeader
		h.SetRequestURI(target)
		h.Set("Authorization", authorization)
		h.Set("X-Signature", signature)
		h.Set("X-Client-Id", "c")
		for _, d := range []presenter{Dialect{}, Basic{}, Signature{}} {
			var p token.Presented
			presence := d.Present(&h, &p)
			if (presence == token.Found) != (p.Kind != token.KindNone) || (presence == token.Absent) != (p.Dialect == "") {
				t.Fatalf("%s: presence %v with %+v", d.Name(), presence, p)
			}
			switch {
			case presence != token.Found:
			case p.Kind == token.KindSigned:
				if strings.Count(target, "signature="+string(p.Secret)) == 0 || strings.Count(target, "&signature=")+strings.Count(target, "?signature=") < 1 {
					t.Fatalf("%q is not a signature of %q", p.Secret, target)
				}
			case p.Kind == token.KindMAC:
				if again := "t=" + strconv.FormatInt(p.At, 10) + ",v1=" + string(p.MAC); again != string(p.Secret) {
					t.Fatalf("%q reads as %q", p.Secret, again)
				}
			}
		}
	})
}
