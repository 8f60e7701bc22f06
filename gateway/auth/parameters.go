package auth

import (
	"bytes"
	"crypto/sha256"

	"github.com/go-json-experiment/json/jsontext"

	"tollgate/policy/token"
)

// jws is what a compact JWS says of itself. Until its MAC was verified nothing
// but the handle may be used, and that only to choose the key.
type jws struct {
	signed []byte // what the MAC is over; aliases what was read
	mac    []byte
	handle token.Handle
	claim  signedClaim
}

// readJWS takes signed parameters apart: one spelling, a header we understand
// every member of, and a payload that says when it ends.
func readJWS(text []byte) (j jws, ok bool) {
	c, ok := cutUpTo(text, mostSigned)
	if !ok {
		return jws{}, false
	}
	header, err := spelling.AppendDecode(nil, c.header)
	if err != nil {
		return jws{}, false
	}
	payload, err := spelling.AppendDecode(nil, c.payload)
	if err != nil {
		return jws{}, false
	}
	j.signed = c.signed
	if j.mac, err = spelling.AppendDecode(nil, c.signature); err != nil || len(j.mac) != sha256.Size {
		return jws{}, false
	}
	kid, ok := readSignedHeader(header)
	if !ok {
		return jws{}, false
	}
	if j.claim, ok = readSignedPayload(payload); !ok {
		return jws{}, false
	}
	j.handle, ok = whose(kid, j.claim.merchantUID)
	return j, ok
}

// whose is the token that a JWS names: by kid, by data.merchantUid, or by both
// when they agree. Either may hold something of the merchant's own instead.
func whose(kid, merchantUID string) (token.Handle, bool) {
	byKid, isKid := token.ParseHandle(kid)
	byUID, isUID := token.ParseHandle(merchantUID)
	switch {
	case isKid && isUID:
		return byKid, byKid == byUID
	case isKid:
		return byKid, true
	}
	return byUID, isUID
}

// readSignedHeader reads {"alg":"HS256"} with typ and kid at most; PHP and Node
// write them in different orders.
func readSignedHeader(text []byte) (kid string, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if !reads(d, '{') {
		return "", false
	}
	alg, typ := "", "JWT"
	for d.PeekKind() == '"' {
		name, _ := readString(d)
		field := map[string]*string{"alg": &alg, "typ": &typ, "kid": &kid}[name]
		if field == nil {
			return "", false
		}
		if *field, ok = readString(d); !ok {
			return "", false
		}
	}
	return kid, reads(d, '}') && ended(d) && alg == "HS256" && typ == "JWT"
}

// signedClaim is what of a signed payload concerns its verification.
type signedClaim struct {
	merchantUID string
	exp, iat    int64 // seconds since the Unix epoch; 0: not there
	nbf         int64 // likewise
}

// readSignedPayload reads an object that has data and, of the registered
// claims, exp, iat and nbf. Other members are the merchant's own.
func readSignedPayload(text []byte) (c signedClaim, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if !reads(d, '{') {
		return c, false
	}
	data := false
	for d.PeekKind() == '"' {
		name, named := readString(d)
		if !named {
			return c, false
		}
		switch name {
		case "exp":
			c.exp, ok = readSeconds(d)
		case "iat":
			c.iat, ok = readSeconds(d)
		case "nbf":
			c.nbf, ok = readSeconds(d)
		case "data":
			data = true
			c.merchantUID, ok = readMerchantUID(d)
		default:
			ok = d.SkipValue() == nil
		}
		if !ok {
			return c, false
		}
	}
	return c, data && reads(d, '}') && ended(d)
}

func readMerchantUID(d *jsontext.Decoder) (uid string, ok bool) {
	if !reads(d, '{') {
		return "", false
	}
	for d.PeekKind() == '"' {
		name, named := readString(d)
		switch {
		case !named:
			return "", false
		case name == "merchantUid":
			if uid, ok = readString(d); !ok {
				return "", false
			}
		case d.SkipValue() != nil:
			return "", false
		}
	}
	return uid, reads(d, '}')
}

// ends is when the JWS stops counting: its exp, at most seven days away; or,
// without one, a day after the iat that it then must have.
func (c *signedClaim) ends(now token.Instant) (token.Instant, bool) {
	if ahead := now.Add(futureLeeway); seconds(c.iat) > ahead || seconds(c.nbf) > ahead {
		return 0, false
	}
	if c.exp != 0 {
		return seconds(c.exp), seconds(c.exp) <= now.Add(longestExp)
	}
	return seconds(c.iat).Add(longestIat), c.iat != 0
}
