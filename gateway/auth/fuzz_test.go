package auth

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"tollgate/policy/token"
)

// fuzzKeys are the keys that the fuzzer's tokens are signed with.
func fuzzKeys(tb testing.TB) (*KeySet, []token.SigningKey) {
	keys := []token.SigningKey{
		{ID: "k1", Alg: token.HS256, Secret: bytes.Repeat([]byte("0123456789abcdef"), 2)},
		{ID: "ed1", Alg: token.EdDSA, Ed: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))},
	}
	set, err := NewKeySet(nil, keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return set, keys
}

func fuzzSigned(tb testing.TB, key token.SigningKey, header, payload string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	signature, err := jwt.SigningMethodHS256.Sign(text, key.Secret)
	if key.Alg == token.EdDSA {
		signature, err = jwt.SigningMethodEdDSA.Sign(text, key.Ed)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

const (
	fuzzHeader  = `{"typ":"JWT","alg":"HS256","kid":"k1"}`
	fuzzPayload = `{"iss":"i","sub":"tok_0123456789ab","companyId":"mer_0123456789ab","env":"live","iat":1700000000,"exp":1700000600,"jti":"1.abc","scope":"a b"}`
)

// Credentials as a stranger sends them: no input makes a screen panic, and what
// is accepted is written again byte for byte, so that one credential has one
// spelling.
func FuzzCredential(f *testing.F) {
	set, keys := fuzzKeys(f)
	f.Add([]byte("tg_live_0123456789ab0123456789012345678901234567000000"))
	f.Add(token.Compose(token.KindKey, token.EnvTest, bytes.Repeat([]byte("a1Z9"), 10)))
	f.Add([]byte(fuzzSigned(f, keys[0], fuzzHeader, fuzzPayload)))
	f.Add([]byte(fuzzSigned(f, keys[1], `{"typ":"JWT","alg":"EdDSA","kid":"ed1"}`, fuzzPayload)))
	f.Add([]byte("a.b.c"))
	f.Add([]byte(".."))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, ok := token.Parse(raw); ok {
			body := raw[len(token.Prefix(s.Kind, s.Environment)):]
			if again := token.Compose(s.Kind, s.Environment, body[:40]); !bytes.Equal(again, raw) {
				t.Errorf("%q is accepted and written as %q", raw, again)
			}
		}
		c, ok := cut(raw)
		if ok {
			var decoded [3][]byte
			for i, part := range [][]byte{c.header, c.payload, c.signature} {
				text, err := spelling.AppendDecode(nil, part)
				if err != nil {
					ok = false
					break
				}
				decoded[i] = text
			}
			if again := spelling.EncodeToString(decoded[0]) + "." + spelling.EncodeToString(decoded[1]) + "." + spelling.EncodeToString(decoded[2]); ok && again != string(raw) {
				t.Errorf("%q decodes, and is written as %q", raw, again)
			}
		}
		if _, reason := set.verify(raw); reason == token.Allowed && !ok {
			t.Errorf("%q is accepted and has another spelling", raw)
		}
	})
}

// Header and claims under a good signature, whatever is in them: what we accept
// the library that signs accepts too, under its strictest options, and reads
// the same identity; and it holds no name twice, in whichever case.
func FuzzSignedJWT(f *testing.F) {
	set, keys := fuzzKeys(f)
	f.Add(fuzzHeader, fuzzPayload)
	f.Add(`{"typ":"JWT","alg":"HS256","kid":"k1","crit":["exp"]}`, fuzzPayload)
	f.Add(`{"typ":"JWT","alg":"none","kid":"k1"}`, `{"sub":"a","SUB":"b"}`)
	f.Add(fuzzHeader, strings.Replace(fuzzPayload, `"iss"`, `"\u0069ss"`, 1))
	f.Add(fuzzHeader, strings.Replace(fuzzPayload, `1700000600`, `1.7e9`, 1))
	f.Add(fuzzHeader, strings.Replace(fuzzPayload, `"a b"`, `""`, 1))
	f.Fuzz(func(t *testing.T, header, payload string) {
		raw := fuzzSigned(t, keys[0], header, payload)
		got, reason := set.verify([]byte(raw))
		if reason != token.Allowed {
			return
		}
		parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
		claims := jwt.MapClaims{}
		parsed, err := parser.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) { return keys[0].Secret, nil })
		if err != nil || !parsed.Valid {
			t.Fatalf("accepted, though the library says %v: %s %s", err, header, payload)
		}
		if parsed.Header["kid"] != "k1" || parsed.Header["typ"] != "JWT" || len(parsed.Header) != 3 {
			t.Errorf("header %s is accepted", header)
		}
		if claims["iss"] != got.issuer || claims["sub"] != string(got.handle) || claims["companyId"] != got.merchant ||
			claims["env"] != got.environment.String() || claims["jti"] != got.id ||
			claims["exp"] != float64(got.expiresAt) || claims["iat"] != float64(got.issuedAt) {
			t.Errorf("payload %s is read as %+v", payload, got)
		}
		if _, scoped := claims["scope"]; scoped != (got.scope != nil) {
			t.Errorf("payload %s: scope read as %v", payload, got.scope)
		}
		folded := map[string]bool{}
		for name := range claims {
			if lower := strings.ToLower(name); folded[lower] {
				t.Errorf("payload %s has %s twice", payload, lower)
			} else {
				folded[lower] = true
			}
		}
		var again any
		if err := json.Unmarshal([]byte(payload), &again); err != nil {
			t.Errorf("payload %q is accepted and is no JSON: %v", payload, err)
		}
	})
}
