package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// forger makes JWTs about one live token.
type forger struct {
	*attacked
	token credentials
	key   []byte // that JWTs are signed with
	kid   string
}

func newForger(t *testing.T) *forger {
	a := newAttacked(t)
	first := a.house.keys.Signing()
	return &forger{attacked: a, token: a.whole(composed), key: first.Secret, kid: first.ID}
}

func (f *forger) header(more string) string {
	return fmt.Sprintf(`{"typ":"JWT","alg":"HS256","kid":%q%s}`, f.kid, more)
}

// claims are those of a good JWT, with some left out or put in another's place,
// and some more.
func (f *forger) claims(change map[string]string, more string) string {
	now := time.Now().Unix()
	text := ""
	for _, c := range []struct{ name, value string }{
		{"iss", `"tollgate"`}, {"sub", fmt.Sprintf("%q", f.token.Token.ID)}, {"companyId", fmt.Sprintf("%q", f.merchant)}, {"env", `"live"`},
		{"iat", fmt.Sprint(now)}, {"exp", fmt.Sprint(now + 600)}, {"jti", `"1.AAAAAAAAAAAAAAAAAAAAAA"`},
	} {
		if value, is := change[c.name]; is {
			c.value = value
		}
		if c.value != "" {
			text += fmt.Sprintf("%q:%s,", c.name, c.value)
		}
	}
	return "{" + strings.TrimSuffix(text, ",") + more + "}"
}

// No forged, bent or ended JWT reaches the upstream (security.md §5.1, rows 2 to
// 9), whether it is somebody else's work or validly signed.
func TestNoForgedJWTReachesTheUpstream(t *testing.T) {
	f := newForger(t)
	real := f.bearer(&f.token)
	f.reaches("ours", look("Authorization: Bearer "+real), 200, 1)
	f.reaches("one signed in the test", look("Authorization: Bearer "+hs256(t, f.header(""), f.claims(nil, ""), f.key)), 200, 1)
	listener, connections := quietListener(t)
	parts := strings.Split(real, ".")
	other := strings.Split(f.bearer(&f.token), ".")
	forged := map[string]string{
		"alg none": hs256(t, `{"alg":"none"}`, f.claims(nil, ""), f.key), "alg None, no signature": unsigned(`{"alg":"None","kid":"`+f.kid+`"}`, f.claims(nil, "")),
		"alg none, no signature": unsigned(`{"typ":"JWT","alg":"none"}`, f.claims(nil, "")), "alg hs256": hs256(t, strings.Replace(f.header(""), "HS256", "hs256", 1), f.claims(nil, ""), f.key),
		"no alg": hs256(t, `{"typ":"JWT","kid":"`+f.kid+`"}`, f.claims(nil, ""), f.key), "no signature": parts[0] + "." + parts[1] + ".",
		"two parts": parts[0] + "." + parts[1], "four parts": real + ".AAAA", "another's signature": parts[0] + "." + parts[1] + "." + other[2],
		"another's claims": parts[0] + "." + other[1] + "." + parts[2], "empty key": hs256(t, f.header(""), f.claims(nil, ""), nil),
		"the kid as the key": hs256(t, f.header(""), f.claims(nil, ""), []byte(f.kid)), "the client secret as the key": hs256(t, f.header(""), f.claims(nil, ""), []byte(f.token.generated.ClientSecret)),
		"the signing secret as the key": hs256(t, f.header(""), f.claims(nil, ""), []byte(f.token.Credentials.Signing)),
		"padding":                       real + "=", "standard base64": parts[0] + "." + parts[1] + "." + strings.Repeat("+/", 21) + "A", "last letter": real[:len(real)-1] + next(real[len(real)-1]),
		"a space inside": parts[0] + ". " + parts[1] + "." + parts[2], "10000 dots": strings.Repeat(".", 10_000), "two in one": real + "," + real,
		"deep": hs256(t, f.header(""), strings.Repeat("[", 5000), f.key), "an array": hs256(t, f.header(""), "["+f.claims(nil, "")+"]", f.key), "null": hs256(t, f.header(""), "null", f.key),
	}
	for what, header := range map[string]string{
		"crit": `,"crit":["exp"]`, "b64": `,"b64":false,"crit":["b64"]`, "jku": `,"jku":"http://` + listener + `/k"`, "x5u": `,"x5u":"http://` + listener + `/k"`,
		"jwk": `,"jwk":{"kty":"oct","k":"QUFBQQ"}`, "kid twice": `,"kid":"x"`, "alg twice": `,"alg":"none"`,
	} {
		if what == "jku" || what == "x5u" || what == "jwk" {
			// Signed with a key of the attacker's, which the header points to.
			forged[what] = hs256(t, f.header(header), f.claims(nil, ""), []byte("AAAA"))
			continue
		}
		forged[what] = hs256(t, f.header(header), f.claims(nil, ""), f.key)
	}
	for _, kid := range []string{"../../../dev/null", "x' OR '1'='1", strings.Repeat("k", 4000), "", "\\u0000"} {
		forged["kid "+kid[:min(len(kid), 9)]] = hs256(t, `{"alg":"HS256","typ":"JWT","kid":"`+kid+`"}`, f.claims(nil, ""), nil)
	}
	forged["kid an object"] = hs256(t, `{"alg":"HS256","kid":{"a":1}}`, f.claims(nil, ""), f.key)
	forged["typ refresh"] = hs256(t, strings.Replace(f.header(""), `"JWT"`, `"refresh"`, 1), f.claims(nil, ""), f.key)
	f.bend(t, forged)
	for what, jwt := range forged {
		f.refused(what, look("Authorization: Bearer "+jwt), 401)
		f.refused(what+", in the envelope", request("GET", "/v1/paiements/1", "", "Authorization: Bearer "+jwt), 401)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections to where a header pointed", n)
	}
	f.reaches("ours, after all that", look("Authorization: Bearer "+real), 200, 1)
}

// bend adds JWTs that are validly signed, and whose claims are not.
func (f *forger) bend(t *testing.T, forged map[string]string) {
	now := time.Now().Unix()
	for what, change := range map[string]map[string]string{
		"exp a second ago": {"exp": fmt.Sprint(now - 1)}, "exp now": {"exp": fmt.Sprint(now)}, "no exp": {"exp": ""}, "exp 0": {"exp": "0"}, "exp 1e300": {"exp": "1e300"}, "exp a text": {"exp": fmt.Sprintf(`"%d"`, now+600)},
		"exp negative": {"exp": "-1"}, "exp null": {"exp": "null"}, "iat a minute ahead": {"iat": fmt.Sprint(now + 60)}, "iat a text": {"iat": `"now"`},
		"another issuer": {"iss": `"https://accounts.example"`}, "no issuer": {"iss": ""}, "an unknown sub": {"sub": `"tok_000000000000"`}, "no sub": {"sub": ""}, "sub a list": {"sub": `["` + f.token.Token.ID + `"]`},
		"another merchant": {"companyId": `"mer_000000000000"`}, "the other environment": {"env": `"test"`}, "a generation to come": {"jti": `"2.AAAAAAAAAAAAAAAAAAAAAA"`}, "generation 0": {"jti": `"0.AAAAAAAAAAAAAAAAAAAAAA"`}, "no jti": {"jti": ""}, "generation +1": {"jti": `"+1.AAAAAAAAAAAAAAAAAAAAAA"`},
	} {
		forged[what] = hs256(t, f.header(""), f.claims(change, ""), f.key)
	}
	for _, more := range []string{`,"sub":"tok_000000000000"`, `,"exp":99999999999`, `,"fam":"fam_000000000000"`, `,"fam":7`, `,"\u0065xp":99999999999`} {
		forged["with "+more] = hs256(t, f.header(""), f.claims(nil, more), f.key)
	}
	// Names that only a careless reader takes for the right ones.
	for name, folded := range map[string]string{"exp": "EXP", "sub": "SUB", "iss": "Iss"} {
		value := map[string]string{"exp": fmt.Sprint(now + 600), "sub": fmt.Sprintf("%q", f.token.Token.ID), "iss": `"tollgate"`}[name]
		forged["folded "+folded] = hs256(t, f.header(""), f.claims(map[string]string{name: ""}, fmt.Sprintf(",%q:%s", folded, value)), f.key)
	}
}

// A JWT that is signed with HMAC under the published Ed25519 key, in whatever
// form one may hold it, is no JWT (row 3).
func TestPublicKeyIsNoHMACSecret(t *testing.T) {
	a := &attacked{newSite(t, everyDialect+ed25519Keys(t))}
	f := &forger{attacked: a, token: a.whole(composed), kid: "ed"}
	f.reaches("ours", look("Authorization: Bearer "+f.bearer(&f.token)), 200, 1)
	public := f.house.keys.Signing().Ed.Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for what, key := range map[string][]byte{
		"raw": public, "der": der, "pem": block, "pem without its last newline": block[:len(block)-1],
		"base64": []byte(base64.StdEncoding.EncodeToString(public)), "base64url": []byte(base64.RawURLEncoding.EncodeToString(public)), "jwks": f.house.keys.JWKS(),
	} {
		for _, header := range []string{f.header(""), `{"alg":"HS256","typ":"JWT"}`, strings.Replace(f.header(""), "HS256", "EdDSA", 1)} {
			f.refused(what+" "+header, look("Authorization: Bearer "+hs256(t, header, f.claims(nil, ""), key)), 401)
		}
	}
}

// unsigned is a compact JWS without a signature.
func unsigned(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "."
}

// next is the base64url letter whose bits differ in the last one only: the same
// bytes, where a reader does not look at what is left over.
func next(last byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(letters[strings.IndexByte(letters, last)^1])
}

// quietListener counts the connections to a port that nobody should come to.
func quietListener(t *testing.T) (string, *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var n atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			conn.Close()
		}
	}()
	return listener.Addr().String(), &n
}
