package issue

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tollgate/policy/token"
)

// jwtOrder is what goes into one access token.
type jwtOrder struct {
	now    time.Time
	ends   int64    // exp, in seconds
	scope  []string // nil: not asked for
	jti    string
	family string // "": it comes from no family
}

// jwtHeader and jwtClaims are written in the order of their fields, which is
// the order the dialects document.
type jwtHeader struct {
	Type      string          `json:"typ"`
	Algorithm token.Algorithm `json:"alg"`
	Key       string          `json:"kid"`
}

type jwtClaims struct {
	Issuer      string       `json:"iss"`
	Subject     token.Handle `json:"sub"`
	Merchant    string       `json:"companyId"`
	Environment string       `json:"env"`
	IssuedAt    int64        `json:"iat"`
	ExpiresAt   int64        `json:"exp"`
	ID          string       `json:"jti"`
	Scope       *string      `json:"scope,omitempty"`
	Family      string       `json:"fam,omitempty"`
}

// randomID is how many base62 characters make a jti unique: 131 bits.
const randomID = 22

// mintID draws a jti, which names the generation of the client secret that the
// token is issued under.
func (x *Exchanger) mintID(generation int) (string, error) {
	jti, err := appendBase62(append(strconv.AppendInt(nil, int64(generation), 10), '.'), randomID, x.o.Rand)
	return string(jti), err
}

// ends is the exp of an access token that is issued now.
func (x *Exchanger) ends(live *token.Live, secret *token.Credential, now time.Time) int64 {
	issued := now.Unix()
	ends := min(issued+int64(x.o.Lifetime/time.Second), wholeSeconds(last(live, secret)))
	return max(ends, issued+1)
}

// write fills in the grant with a JWT for the token: identity, never policy.
func (x *Exchanger) write(grant *token.Grant, live *token.Live, o jwtOrder) (err error) {
	issued := o.now.Unix()
	claims := jwtClaims{
		Issuer: x.o.Issuer, Subject: live.Handle, Merchant: live.Merchant, Environment: live.Environment.String(),
		IssuedAt: issued, ExpiresAt: o.ends, ID: o.jti, Family: o.family,
	}
	if o.scope != nil {
		grant.Scope = strings.Join(o.scope, " ")
		claims.Scope = &grant.Scope
	}
	if grant.AccessToken, err = signed(x.o.Signing(), &claims); err != nil {
		return err
	}
	grant.IssuedAt, grant.ExpiresAt = time.Unix(issued, 0).UTC(), time.Unix(o.ends, 0).UTC()
	return nil
}

// last is when the token or the secret ends, whichever is first: the answer must
// not promise more time than there is.
func last(live *token.Live, secret *token.Credential) token.Instant {
	last := token.Instant(1<<63 - 1)
	for l := live; l != nil; l = l.Parent {
		if l.ExpiresAt != 0 {
			last = min(last, l.ExpiresAt)
		}
	}
	if secret.EndsAt != 0 {
		last = min(last, secret.EndsAt)
	}
	return last
}

// wholeSeconds is the last whole second before an instant, or at it.
func wholeSeconds(i token.Instant) int64 { return int64(i) / int64(time.Second/time.Microsecond) }

// signed writes header and claims and signs them. The library's own header is
// a map, written in another order; its signing methods are what is used.
func signed(key token.SigningKey, claims *jwtClaims) (string, error) {
	header, err := compactJSON(jwtHeader{Type: "JWT", Algorithm: key.Alg, Key: key.ID})
	if err != nil {
		return "", err
	}
	payload, err := compactJSON(claims)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	var signature []byte
	switch key.Alg {
	case token.HS256:
		signature, err = jwt.SigningMethodHS256.Sign(text, key.Secret)
	case token.EdDSA:
		signature, err = jwt.SigningMethodEdDSA.Sign(text, key.Ed)
	default:
		err = fmt.Errorf("issue: %v wants an algorithm there is none of", key)
	}
	if err != nil {
		return "", fmt.Errorf("issue: an access token cannot be signed with %v: %w", key, err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func compactJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// narrow is the scope that is granted: the words asked for, in their order and
// each once, or nil when none was. Every one of them must be a permission of
// the token and of its parents. An empty parameter counts as none (RFC 6749
// §3.2).
func narrow(live *token.Live, asked []byte) (scope []string, ok bool) {
	if len(asked) == 0 {
		return nil, true
	}
	for word := range strings.SplitSeq(string(asked), " ") {
		for l := live; l != nil; l = l.Parent {
			if !slices.Contains(l.Permissions, word) {
				return nil, false
			}
		}
		if !slices.Contains(scope, word) {
			scope = append(scope, word)
		}
	}
	return scope, true
}

// isClientID reports whether b has the form of a client id.
func isClientID(b []byte) bool {
	if len(b) != clientIDLength {
		return false
	}
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isClientSecret reports whether b is a well-formed client secret: a mistyped
// one is refused without a look-up, whomever it is for.
func isClientSecret(b []byte) bool {
	s, ok := token.Parse(b)
	return ok && s.Kind == token.KindClient
}

func flight(id string, changes uint64) string {
	return string(binary.LittleEndian.AppendUint64(make([]byte, 0, len(id)+8), changes)) + id
}
