package auth

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate/policy/token"
)

const (
	handleA = "tok_0123456789ab"
	handleB = "tok_abcdefghijkl"
)

// unsigned is a compact JWS whose signature says nothing.
func unsigned(header, payload string) []byte {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return []byte(text + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 32)))
}

// The two spellings of seed 4's header, PHP's and Node's, carry the signatures
// that the vectors of domain.md §8.5 say, and both are read.
func TestSignedParametersVectors(t *testing.T) {
	const payload = "eyJkYXRhIjp7Im1lcmNoYW50VWlkIjoibWVyX3Rlc3QiLCJ0aXRsZSI6Ik9yZGVyIDEiLCJyZWZlcmVuY2UiOiJyZWZfMSIsImFtb3VudENlbnRzIjoyMDAwLCJlbWFpbCI6ImphbmVAZXhhbXBsZS5jb20ifX0"
	key := &verifying{alg: token.HS256, secret: []byte("SECRET")}
	for header, mac := range map[string]string{
		"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9": "eylpfl-IAYcN7Dk2UNgnKIzJ4TzlzUz4ZRRBgJkx8Os",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9": "GBcZzjQT1GBDBwn5xZHse6s7Z9S0W0g6VnC3AbgPXfo",
	} {
		c, ok := cutUpTo([]byte(header+"."+payload+"."+mac), mostSigned)
		if !ok {
			t.Fatal("the vector is not taken apart")
		}
		text, err := spelling.AppendDecode(nil, c.header)
		if _, read := readSignedHeader(text); err != nil || !read {
			t.Errorf("header %s is refused", text)
		}
		signature, err := spelling.AppendDecode(nil, c.signature)
		if err != nil || !key.signed(c.signed, signature) {
			t.Errorf("header %s: the signature is refused", text)
		}
		if macOf(key.secret, c.signed, signature) {
			t.Error("a secret of 6 bytes proves something")
		}
		if _, ok := readJWS([]byte(header + "." + payload + "." + mac)); ok {
			t.Error("parameters that name no token of ours are read")
		}
	}
}

// A header that says anything we do not understand, another algorithm, or
// something twice is refused; so is a payload without data, with a claim of
// another type, or that could be read in two ways.
func TestSignedParametersAreReadInOneWay(t *testing.T) {
	const head, good = `{"alg":"HS256","typ":"JWT"}`, `{"data":{"merchantUid":"` + handleA + `"},"exp":1700000000}`
	f := func(header, payload string, want token.Handle) {
		t.Helper()
		j, ok := readJWS(unsigned(header, payload))
		if got := j.handle; ok != (want != "") || ok && got != want {
			t.Errorf("%s %s: read %v %q, want %q", header, payload, ok, got, want)
		}
	}
	f(head, good, handleA)
	f(`{"typ":"JWT","alg":"HS256"}`, good, handleA)
	f(`{"alg":"HS256"}`, good, handleA)
	f(`{"alg":"HS256","kid":"`+handleB+`"}`, `{"data":{}}`, handleB)
	f(`{"alg":"HS256","kid":"`+handleB+`"}`, `{"data":{"merchantUid":"mer_test"}}`, handleB)
	f(`{"alg":"HS256","kid":"key-1"}`, good, handleA)
	f(`{"alg":"HS256","kid":"`+handleA+`"}`, good, handleA)
	f(head, `{"note":[1,{"x":null}],"data":{"merchantUid":"`+handleA+`","amountCents":2000}}`, handleA)

	f(`{"alg":"HS256","kid":"`+handleB+`"}`, good, "") // two tokens
	f(head, `{"data":{}}`, "")
	f(head, `{"data":{"merchantUid":"mer_test"}}`, "")
	f(head, `{"merchantUid":"`+handleA+`"}`, "")
	for _, header := range []string{
		`{"alg":"none"}`, `{"alg":"None"}`, `{"alg":"hs256"}`, `{"alg":"HS384"}`, `{"alg":"RS256"}`, `{"typ":"JWT"}`, `{}`, `null`, `[]`, ``,
		`{"alg":"HS256","typ":"at+jwt"}`, `{"alg":"HS256","crit":["b64"],"b64":false}`, `{"alg":"HS256","jku":"http://127.0.0.1/"}`,
		`{"alg":"HS256","jwk":{}}`, `{"alg":"HS256","x5u":"http://127.0.0.1/"}`, `{"alg":"HS256","alg":"HS256"}`, `{"Alg":"HS256"}`,
		`{"alg":["HS256"]}`, `{"alg":"HS256","kid":7}`, `{"alg":"HS256","kid":{}}`, `{"alg":"HS256"}{}`, `{"alg":"HS256"} x`, "{\"alg\":\"HS256\",\"kid\":\"\xff\"}",
	} {
		f(header, good, "")
	}
	for _, extra := range []string{
		`"exp":1700000001`, `"iat":0`, `"iat":-1`, `"iat":1.5`, `"iat":1e9`, `"iat":"1700000000"`, `"iat":null`, `"nbf":"soon"`, `"iat":99999999999999999999`,
		`"data":{}`, `"x":{"a":1,"a":2}`, "\"x\":\"\xff\"", `"x":[`, `"x":01`,
	} {
		f(head, `{"data":{"merchantUid":"`+handleA+`"},"exp":1700000000,`+extra+`}`, "")
	}
	f(head, `{"data":{"merchantUid":["`+handleA+`"]}}`, "")
	f(head, `{"data":{"merchantUid":"`+handleA+`","merchantUid":"`+handleA+`"}}`, "")
	f(head, `{"data":["`+handleA+`"]}`, "")
	f(head, `{"data":{"merchantUid":"`+handleA+`"}}`+"\x00", "")
	f(head, strings.Repeat(`{"data":`, 20_000), "")
}

// One set of signed parameters has one spelling, and a bounded one.
func TestSignedParametersHaveOneSpelling(t *testing.T) {
	good := string(unsigned(`{"alg":"HS256"}`, `{"data":{"merchantUid":"`+handleA+`"}}`))
	if _, ok := readJWS([]byte(good)); !ok {
		t.Fatal("refused")
	}
	for _, text := range []string{
		good + "=", good + "\n", " " + good, good + ".", "." + good, strings.ReplaceAll(good, ".", "%2E"), good[:len(good)-1],
		good[:len(good)-1] + "B", // a loose bit behind the last whole byte
		strings.Repeat(".", 100_000), "", "..", "a.b.c", good + strings.Repeat("A", mostSigned),
	} {
		if _, ok := readJWS([]byte(text)); ok {
			t.Errorf("%.80q is read as well", text)
		}
	}
}

// The life of signed parameters is bounded: an exp at most seven days away, or
// an iat of the last 24 hours; neither iat nor nbf may lie ahead of us by more
// than the clocks do.
func TestSignedParametersEnd(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	f := func(c signedClaim, want time.Duration, ok bool) {
		t.Helper()
		ends, got := c.ends(token.At(now))
		if got != ok || ok && ends != token.At(now.Add(want)) {
			t.Errorf("%+v: %v %v, want %v %v", c, ends.Time().Sub(now), got, want, ok)
		}
	}
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	f(signedClaim{exp: at(time.Hour)}, time.Hour, true)
	f(signedClaim{exp: at(7 * 24 * time.Hour)}, 7*24*time.Hour, true)
	f(signedClaim{exp: at(7*24*time.Hour + time.Second)}, 0, false)
	f(signedClaim{exp: at(-time.Second)}, -time.Second, true)
	f(signedClaim{exp: at(time.Hour), iat: at(-48 * time.Hour)}, time.Hour, true)
	f(signedClaim{iat: at(0)}, 24*time.Hour, true)
	f(signedClaim{iat: at(-25 * time.Hour)}, -time.Hour, true)
	f(signedClaim{}, 0, false)
	f(signedClaim{iat: at(5 * time.Second)}, 24*time.Hour+5*time.Second, true)
	f(signedClaim{iat: at(6 * time.Second)}, 0, false)
	f(signedClaim{exp: at(time.Hour), iat: at(time.Minute)}, 0, false)
	f(signedClaim{exp: at(time.Hour), nbf: at(time.Minute)}, 0, false)
	f(signedClaim{exp: at(time.Hour), nbf: at(-time.Minute)}, time.Hour, true)
}

// Signed parameters as a stranger sends them: no input makes the reader panic;
// what it reads is bounded, names a token, and is spelled as we spell.
func FuzzSignedParameters(f *testing.F) {
	f.Add(unsigned(`{"alg":"HS256","typ":"JWT"}`, `{"data":{"merchantUid":"`+handleA+`","reference":"ref_1"},"exp":1700000000}`))
	f.Add(unsigned(`{"alg":"HS256","kid":"`+handleB+`"}`, `{"data":{},"iat":1700000000,"nbf":1}`))
	f.Add([]byte("a.b.c"))
	f.Add([]byte("..."))
	f.Fuzz(func(t *testing.T, raw []byte) {
		j, ok := readJWS(raw)
		if !ok {
			return
		}
		if _, ours := token.ParseHandle(string(j.handle)); !ours || len(raw) > mostSigned {
			t.Fatalf("%q is read, for %q", raw, j.handle)
		}
		if again := fmt.Sprintf("%s.%s", j.signed, base64.RawURLEncoding.EncodeToString(j.mac)); again != string(raw) {
			t.Fatalf("%q is also spelled %q", again, raw)
		}
	})
}
