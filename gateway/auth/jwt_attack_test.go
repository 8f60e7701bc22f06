package auth_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"tollgate/policy/token"
)

// The attacks of security.md §5.1 rows 2 to 9 at the level of the verifier. No
// attack ever makes the store be asked, but for those that a good signature
// vouches for.
func TestJWTAttacks(t *testing.T) {
	r := newRig(t)
	m := r.add()
	other := r.add(func(t *token.Token) { t.Environment = token.EnvTest; t.Credentials = nil; t.ClientID = "" })
	good := r.payload(m, nil)
	hs := func(header string) []byte { return forge(hmacKey, header, good) }
	claims := func(edits map[string]string) []byte { return forge(hmacKey, hsHeader, r.payload(m, edits)) }
	public := edKey.Ed.Public().(ed25519.PublicKey)
	der, _ := x509.MarshalPKIXPublicKey(public)
	withPublic := func(secret []byte) []byte {
		return forge(token.SigningKey{ID: "ed1", Alg: token.HS256, Secret: secret}, `{"typ":"JWT","alg":"HS256","kid":"ed1"}`, good)
	}
	unsigned := func(header string) []byte { return []byte(part(header) + "." + part(good) + ".") }
	now := r.time().Unix()

	f := func(name string, raw []byte, want token.Reason) {
		t.Run(name, func(t *testing.T) {
			p := &token.Presented{Kind: token.KindJWT, Secret: raw} // no source: nothing is counted
			if q, got := r.verifier.Verify(p, nil, r.time()); got != want || q != nil {
				t.Errorf("Verify = %+v, %v; want %v", q, got, want)
			}
		})
	}
	// Row 2: algorithms and signatures that are none.
	f("alg none, unsigned", unsigned(`{"typ":"JWT","alg":"none","kid":"k1"}`), token.TokenInvalid)
	f("alg none, signed", hs(`{"typ":"JWT","alg":"none","kid":"k1"}`), token.SignatureInvalid)
	f("alg None", hs(`{"typ":"JWT","alg":"None","kid":"k1"}`), token.SignatureInvalid)
	f("alg hs256", hs(`{"typ":"JWT","alg":"hs256","kid":"k1"}`), token.SignatureInvalid)
	f("alg HS384", hs(`{"typ":"JWT","alg":"HS384","kid":"k1"}`), token.SignatureInvalid)
	f("alg empty", hs(`{"typ":"JWT","alg":"","kid":"k1"}`), token.TokenInvalid)
	f("alg missing", hs(`{"typ":"JWT","kid":"k1"}`), token.TokenInvalid)
	f("alg twice", hs(`{"typ":"JWT","alg":"none","alg":"HS256","kid":"k1"}`), token.TokenInvalid)
	f("alg a number", hs(`{"typ":"JWT","alg":256,"kid":"k1"}`), token.TokenInvalid)
	f("ALG", hs(`{"typ":"JWT","ALG":"HS256","kid":"k1"}`), token.TokenInvalid)
	f("no signature", unsigned(hsHeader), token.TokenInvalid)
	f("a short signature", []byte(part(hsHeader)+"."+part(good)+".AAAA"), token.SignatureInvalid)
	f("another token's signature", append([]byte(part(hsHeader)+"."+part(good)+"."), part(string(signature(hmacKey, part(hsHeader)+"."+part("{}"))))...), token.SignatureInvalid)
	f("signed with an empty key", forge(token.SigningKey{Alg: token.HS256, Secret: nil}, hsHeader, good), token.SignatureInvalid)
	// Row 3: the public key as an HMAC secret.
	f("HS256 with the raw public key", withPublic(public), token.SignatureInvalid)
	f("HS256 with its PEM", withPublic(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), token.SignatureInvalid)
	f("HS256 with its base64", withPublic([]byte(base64.StdEncoding.EncodeToString(public))), token.SignatureInvalid)
	f("HS256 with its base64url", withPublic([]byte(base64.RawURLEncoding.EncodeToString(public))), token.SignatureInvalid)
	f("EdDSA under the kid of an HS256 key", forge(edKey, `{"typ":"JWT","alg":"EdDSA","kid":"k1"}`, good), token.SignatureInvalid)
	// Row 4: keys that the token names.
	f("kid of a path", hs(`{"typ":"JWT","alg":"HS256","kid":"../../dev/null"}`), token.TokenInvalid)
	f("kid of SQL", hs(`{"typ":"JWT","alg":"HS256","kid":"k1' OR '1'='1"}`), token.TokenInvalid)
	f("kid an object", hs(`{"typ":"JWT","alg":"HS256","kid":{"k1":1}}`), token.TokenInvalid)
	f("kid null", hs(`{"typ":"JWT","alg":"HS256","kid":null}`), token.TokenInvalid)
	f("kid of 3 KiB", hs(`{"typ":"JWT","alg":"HS256","kid":"`+strings.Repeat("a", 3000)+`"}`), token.TokenInvalid)
	f("kid of 65 letters", hs(`{"typ":"JWT","alg":"HS256","kid":"`+strings.Repeat("a", 65)+`"}`), token.TokenInvalid)
	f("kid unknown", hs(`{"typ":"JWT","alg":"HS256","kid":"k2"}`), token.SignatureInvalid)
	f("kid missing", hs(`{"typ":"JWT","alg":"HS256"}`), token.TokenInvalid)
	for _, member := range []string{
		`"jku":"http://127.0.0.1:1/keys"`, `"x5u":"http://127.0.0.1:1/cert"`, `"jwk":{"kty":"oct","k":"AAAA"}`, `"x5c":["AAAA"]`,
		`"crit":["exp"]`, `"crit":[]`, `"b64":false`, `"crit":["b64"],"b64":false`, `"cty":"JWT"`, `"zip":"DEF"`, `"kid ":"k1"`,
	} { // rows 4 and 5: a member we do not understand
		f("header with "+member, hs(`{"typ":"JWT","alg":"HS256","kid":"k1",`+member+`}`), token.TokenInvalid)
	}
	// Row 5: tokens of another type, issuer, merchant or environment.
	f("typ at+jwt", hs(`{"typ":"at+jwt","alg":"HS256","kid":"k1"}`), token.TokenInvalid)
	f("typ refresh", hs(`{"typ":"refresh","alg":"HS256","kid":"k1"}`), token.TokenInvalid)
	f("typ jwt", hs(`{"typ":"jwt","alg":"HS256","kid":"k1"}`), token.TokenInvalid)
	f("typ missing", hs(`{"alg":"HS256","kid":"k1"}`), token.TokenInvalid)
	f("another issuer", claims(map[string]string{"iss": `"https://evil.example"`}), token.TokenInvalid)
	f("the issuer and more", claims(map[string]string{"iss": quoted(issuer + "/")}), token.TokenInvalid)
	f("no issuer", claims(map[string]string{"iss": ""}), token.TokenInvalid)
	f("an issuer among others", claims(map[string]string{"iss": `["` + issuer + `"]`}), token.TokenInvalid)
	f("an ID token's claims", claims(map[string]string{"aud": `"app"`, "nonce": `"n"`}), token.TokenInvalid)
	f("another merchant", claims(map[string]string{"companyId": quoted(other.Merchant)}), token.TokenInvalid)
	f("no merchant", claims(map[string]string{"companyId": ""}), token.TokenInvalid)
	f("another environment", claims(map[string]string{"env": `"test"`}), token.TokenInvalid)
	f("no environment", claims(map[string]string{"env": ""}), token.TokenInvalid)
	f("environment any", claims(map[string]string{"env": `"any"`}), token.TokenInvalid)
	f("another token's handle", claims(map[string]string{"sub": quoted(string(other.Handle))}), token.TokenInvalid)
	f("a handle that is none", claims(map[string]string{"sub": `"alice"`}), token.TokenInvalid)
	f("a handle of nobody", claims(map[string]string{"sub": `"tok_zzzzzzzzzzzz"`}), token.TokenInvalid)
	// Row 6: claims that two readers could read differently.
	for _, name := range []string{"sub", "exp", "iss", "jti", "env", "companyId", "iat"} {
		f("duplicate "+name, forge(hmacKey, hsHeader, strings.Replace(good, "{", `{"`+name+`":1,`, 1)), token.TokenInvalid)
		f("upper-case "+name, claims(map[string]string{strings.ToUpper(name): `"x"`}), token.TokenInvalid)
	}
	f("long s in sub", claims(map[string]string{"ſub": `"tok_zzzzzzzzzzzz"`}), token.TokenInvalid)
	f("an escaped duplicate", forge(hmacKey, hsHeader, strings.Replace(good, "{", `{"\u0073ub":"`+string(other.Handle)+`",`, 1)), token.TokenInvalid)
	f("bad UTF-8", forge(hmacKey, hsHeader, strings.Replace(good, "1.abc", "1.\xff", 1)), token.TokenInvalid)
	// Row 7: times.
	for name, value := range map[string]string{
		"missing": "", "0": "0", "1e300": "1e300", "a string": fmt.Sprintf(`"%d"`, now+600), "null": "null", "negative": "-1",
		"a fraction": fmt.Sprintf("%d.0", now+600), "an exponent": "2e9", "beyond 9999": "253402300800", "2^64": "18446744073709551616", "an array": fmt.Sprintf("[%d]", now+600),
	} {
		f("exp "+name, claims(map[string]string{"exp": value}), token.TokenInvalid)
		f("iat "+name, claims(map[string]string{"iat": value}), token.TokenInvalid)
	}
	f("iat in six seconds", claims(map[string]string{"iat": fmt.Sprint(now + 6)}), token.TokenInvalid)
	f("an nbf", claims(map[string]string{"nbf": fmt.Sprint(now)}), token.TokenInvalid)
	f("an nbf in a minute", claims(map[string]string{"nbf": fmt.Sprint(now + 60)}), token.TokenInvalid)
	for _, jti := range []string{"", `""`, `"1"`, `"1."`, `".x"`, `"0.x"`, `"01.x"`, `"-1.x"`, `"+1.x"`, `"1.x y"`, `"9999999999.x"`, `1`, `null`, `"1.` + strings.Repeat("x", 65) + `"`} {
		f("jti "+jti, claims(map[string]string{"jti": jti}), token.TokenInvalid)
	}
	f("scope null", claims(map[string]string{"scope": "null"}), token.TokenInvalid)
	f("scope an array", claims(map[string]string{"scope": `["payments:read"]`}), token.TokenInvalid)
	f("a family nothing could end", claims(map[string]string{"fam": `"f1"`}), token.TokenInvalid)
	f("payload null", forge(hmacKey, hsHeader, "null"), token.TokenInvalid)
	f("payload an array", forge(hmacKey, hsHeader, "["+good+"]"), token.TokenInvalid)
	f("two payloads", forge(hmacKey, hsHeader, good+good), token.TokenInvalid)
	f("payload empty", []byte(part(hsHeader)+".."+part(string(signature(hmacKey, part(hsHeader)+".")))), token.TokenInvalid)
	// Row 8: sizes.
	f("a megabyte", bytes.Repeat([]byte("a"), 1<<20), token.TokenInvalid)
	f("100,000 dots", bytes.Repeat([]byte("."), 100_000), token.TokenInvalid)
	f("4,000 dots", bytes.Repeat([]byte("."), 4000), token.TokenInvalid)
	f("3,000 brackets deep", forge(hmacKey, hsHeader, strings.Repeat("[", 2900)), token.TokenInvalid)
	f("a header 2,900 deep", forge(hmacKey, strings.Repeat(`{"typ":`, 400), good), token.TokenInvalid)
	f("two parts", []byte(part(hsHeader)+"."+part(good)), token.TokenInvalid)
	f("four parts", append(claims(nil), ".AAAA"...), token.TokenInvalid)
	f("five parts", append(claims(nil), ".AAAA.AAAA"...), token.TokenInvalid)
}

// Row 9: one token has one spelling. Whatever is done to its text, another text
// is another credential, and none of them is accepted.
func TestAJWTHasOneSpelling(t *testing.T) {
	r := newRig(t)
	m := r.add()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, raw := range [][]byte{forge(hmacKey, hsHeader, r.payload(m, nil)), forge(edKey, edHeader, r.payload(m, nil))} {
		tried := 0
		f := func(text string) {
			t.Helper()
			if text == string(raw) {
				return
			}
			tried++
			if q, reason := r.verifier.Verify(&token.Presented{Kind: token.KindJWT, Secret: []byte(text)}, nil, r.time()); q != nil || reason == token.Allowed {
				t.Errorf("%q is accepted", text)
			}
		}
		s := string(raw)
		for i := range len(s) { // every character, by its neighbours in the alphabet and by what decoders skip
			for _, c := range []byte("\n\r =.+/\x00") {
				f(s[:i] + string(c) + s[i:])
				f(s[:i] + string(c) + s[i+1:])
			}
			if at := strings.IndexByte(alphabet, s[i]); at >= 0 {
				f(s[:i] + string(alphabet[at^1]) + s[i+1:])
				f(s[:i] + string(alphabet[at^2]) + s[i+1:])
			}
			f(s[:i] + s[i+1:])
		}
		for _, c := range alphabet { // the last character of the signature carries loose bits
			f(s[:len(s)-1] + string(c))
		}
		for _, tail := range []string{"=", "==", "\n", "\r\n", " ", "A", ".", "\x00"} {
			f(s + tail)
		}
		r.want(raw, token.Allowed)
		if tried < 5000 {
			t.Errorf("only %d spellings were tried", tried)
		}
	}
}

// A wrong token never costs much: what is too long is not even hashed, and
// nothing in it makes work grow faster than its length.
func TestHostileJWTsAllocateLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := newRig(t)
	for name, raw := range map[string][]byte{
		"1 MiB": bytes.Repeat([]byte("a"), 1<<20), "100,000 dots": bytes.Repeat([]byte("."), 100_000),
		"4 KiB of brackets": forge(hmacKey, hsHeader, strings.Repeat("[", 2900)),
	} {
		p := &token.Presented{Kind: token.KindJWT, Secret: raw}
		const runs = 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			r.verifier.Verify(p, nil, r.time())
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > 64<<10 {
			t.Errorf("%s: %d bytes", name, each)
		}
	}
}
