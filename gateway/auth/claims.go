package auth

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tollgate/policy/token"
)

// futureLeeway is how far ahead of ours the clock of the node that issued a JWT
// may be. There is none at its end: exp is exact.
const futureLeeway = 5 * time.Second

// latest is the last second of the year 9999; later times would not fit where
// they are kept.
const latest = 253402300799

// claims are what a JWT of ours says: identity, never policy.
type claims struct {
	issuer      string
	handle      token.Handle
	merchant    string
	environment token.Environment
	issuedAt    int64 // seconds since the Unix epoch
	expiresAt   int64
	id          string   // jti
	generation  int      // the first part of jti
	scope       []string // nil: not narrowed
	family      string   // "": it comes from no family
}

// readClaims reads the claims that we issue, each at most once and of the type
// it has. A claim we do not issue is refused: a name that differs in case only,
// an nbf we would not heed.
func readClaims(text []byte) (c claims, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(text)) // refuses duplicate names and bad UTF-8
	if !reads(d, '{') {
		return claims{}, false
	}
	for d.PeekKind() == '"' {
		name, ok := readString(d)
		if !ok || !c.read(name, d) {
			return claims{}, false
		}
	}
	return c, reads(d, '}') && ended(d) && c.complete()
}

func (c *claims) read(name string, d *jsontext.Decoder) (ok bool) {
	var text string
	switch name {
	case "iat":
		c.issuedAt, ok = readSeconds(d)
		return ok
	case "exp":
		c.expiresAt, ok = readSeconds(d)
		return ok
	}
	if text, ok = readString(d); !ok {
		return false
	}
	switch name {
	case "iss":
		c.issuer = text
	case "sub":
		c.handle, ok = token.ParseHandle(text)
	case "companyId":
		c.merchant = text
	case "env":
		c.environment, ok = token.ParseEnvironment(text)
	case "jti":
		c.id = text
		c.generation, ok = generationOf(text)
	case "scope":
		c.scope = strings.Fields(text)
		if c.scope == nil { // a scope of nothing permits nothing
			c.scope = []string{}
		}
	case "fam":
		c.family, ok = text, strings.HasPrefix(text, "fam_") && len(text) <= 64
	default:
		ok = false
	}
	return ok
}

// complete reports whether every claim but scope was there.
func (c *claims) complete() bool {
	return c.issuer != "" && c.handle != "" && c.merchant != "" && c.environment != token.EnvAny &&
		c.issuedAt != 0 && c.expiresAt != 0 && c.id != ""
}

// acceptable reports whether we issued this, and not in the future. Whether it
// has ended is told later, with everything else that may have ended.
func (c *claims) acceptable(issuer string, now token.Instant) bool {
	return c.issuer == issuer && seconds(c.issuedAt) <= now.Add(futureLeeway)
}

// principal puts the claims' identity on the token's live record. The error is
// token.ErrNotFound for a token that is not the one the JWT was issued to.
func (c *claims) principal(live *token.Live) (*token.Principal, error) {
	if live.Handle != c.handle || live.Merchant != c.merchant || live.Environment != c.environment {
		return nil, token.ErrNotFound
	}
	return &token.Principal{
		Live: live, Kind: token.KindJWT, Generation: c.generation,
		EndsAt: seconds(c.expiresAt), Scope: c.scope, ID: c.id, Family: c.family,
	}, nil
}

func seconds(s int64) token.Instant {
	return token.Instant(s) * token.Instant(time.Second/time.Microsecond)
}

// readSeconds reads a time as we write it: digits only, neither sign, fraction
// nor exponent, from 1 to the end of the year 9999.
func readSeconds(d *jsontext.Decoder) (int64, bool) {
	v, err := d.ReadValue()
	if err != nil || v.Kind() != '0' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	return n, err == nil && n >= 1 && n <= latest
}

// generationOf reads the client-secret generation out of a jti, which is
// <generation>.<random>: decimal without leading zeros, a dot, base64url.
func generationOf(jti string) (int, bool) {
	digits, random, found := strings.Cut(jti, ".")
	if !found || random == "" || len(random) > 64 || len(digits) > 9 || strings.HasPrefix(digits, "0") {
		return 0, false
	}
	for i := range len(random) {
		if !base64URL(random[i]) {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), err == nil && digits[0] != '+'
}
