package auth

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"tollgate/policy/token"
)

// A JWT is verified by code of our own. The library that signs them is lenient
// where it matters here: it skips crit, reads claims before the signature is
// checked, folds the case of their names and takes the last of two. The order
// below is the point: size and alphabet, then a header of exactly three
// members, then the key that kid names, which alone says what the algorithm is,
// then the signature over the raw bytes, and only then the claims.

// spelling is base64url without padding and without loose trailing bits, so
// that one token has one spelling (RFC 7515 §2, RFC 4648 §3.5).
var spelling = base64.RawURLEncoding.Strict()

// compact is a JWS in compact form, cut at its two dots. It aliases its input.
type compact struct {
	signed    []byte // header, dot, payload: what the signature is over
	header    []byte
	payload   []byte
	signature []byte
}

// cut takes a compact JWS apart: exactly two dots, no empty part, and nothing
// but base64url between them.
func cut(b []byte) (c compact, ok bool) { return cutUpTo(b, mostJWT) }

func cutUpTo(b []byte, most int) (c compact, ok bool) {
	if len(b) > most {
		return compact{}, false
	}
	var dots [2]int
	n := 0
	for i, char := range b {
		switch {
		case char == '.':
			if n == len(dots) {
				return compact{}, false
			}
			dots[n] = i
			n++
		case !base64URL(char):
			return compact{}, false
		}
	}
	if n != len(dots) {
		return compact{}, false
	}
	c = compact{signed: b[:dots[1]], header: b[:dots[0]], payload: b[dots[0]+1 : dots[1]], signature: b[dots[1]+1:]}
	return c, len(c.header) > 0 && len(c.payload) > 0 && len(c.signature) > 0
}

func base64URL(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// verify checks the form and the signature of a JWT and reads its claims.
func (s *KeySet) verify(raw []byte) (claims, token.Reason) {
	c, ok := cut(raw)
	if !ok {
		return claims{}, token.TokenInvalid
	}
	text, err := spelling.AppendDecode(nil, c.header)
	if err != nil {
		return claims{}, token.TokenInvalid
	}
	h, ok := readHeader(text)
	if !ok {
		return claims{}, token.TokenInvalid
	}
	signature, err := spelling.AppendDecode(nil, c.signature)
	if err != nil {
		return claims{}, token.TokenInvalid
	}
	key, known := s.ring.Load().keys[h.kid]
	if !known || h.alg != string(key.alg) || !key.signed(c.signed, signature) {
		return claims{}, token.SignatureInvalid
	}
	if text, err = spelling.AppendDecode(nil, c.payload); err != nil {
		return claims{}, token.TokenInvalid
	}
	read, ok := readClaims(text)
	if !ok {
		return claims{}, token.TokenInvalid
	}
	return read, token.Allowed
}

// verifying is what of a signing key is needed to verify.
type verifying struct {
	alg    token.Algorithm
	secret []byte            // HS256
	public ed25519.PublicKey // EdDSA
}

// signed reports whether the signature over text was made with the key, by the
// key's own algorithm. It takes the same time however much of it is right.
func (k *verifying) signed(text, signature []byte) bool {
	switch k.alg {
	case token.HS256:
		mac := hmac.New(sha256.New, k.secret)
		mac.Write(text)
		return hmac.Equal(mac.Sum(nil), signature)
	case token.EdDSA:
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(k.public, text, signature)
	}
	return false
}

// header is all that a JWT of ours says in its header.
type header struct{ typ, alg, kid string }

// readHeader reads a header of exactly typ, alg and kid, all strings. Anything
// else is refused, and with it crit, b64, jwk, jku and x5u: a member that is
// not understood may not be skipped here, nor a key fetched that a token names.
func readHeader(text []byte) (h header, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if !reads(d, '{') {
		return header{}, false
	}
	for d.PeekKind() == '"' {
		name, ok := readString(d)
		if !ok {
			return header{}, false
		}
		var field *string
		switch name {
		case "typ":
			field = &h.typ
		case "alg":
			field = &h.alg
		case "kid":
			field = &h.kid
		default:
			return header{}, false
		}
		if *field, ok = readString(d); !ok {
			return header{}, false
		}
	}
	return h, reads(d, '}') && ended(d) && h.typ == "JWT" && h.alg != "" && keyID(h.kid)
}

// reads takes the next token and reports whether it is of the kind.
func reads(d *jsontext.Decoder, kind jsontext.Kind) bool {
	t, err := d.ReadToken()
	return err == nil && t.Kind() == kind
}

func readString(d *jsontext.Decoder) (string, bool) {
	t, err := d.ReadToken()
	if err != nil || t.Kind() != '"' {
		return "", false
	}
	return t.String(), true
}

// ended reports whether nothing but white space follows.
func ended(d *jsontext.Decoder) bool {
	_, err := d.ReadToken()
	return err == io.EOF
}
