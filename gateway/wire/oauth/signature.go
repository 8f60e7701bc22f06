package oauth

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/wire"
	"tollgate/policy/token"
)

// Signature reads what is signed with a token's signing secret: parameters in
// ?signature=, a compact JWS, or a whole request, whose HMAC stands in
// X-Signature beside X-Client-Id. Its zero value is ready.
type Signature struct{}

// Name is the word that routes list.
func (Signature) Name() string { return "signature" }

// Present looks at the query and at X-Signature; both at once are ambiguous. A
// JWS in p aliases the raw target, right behind "signature=".
func (Signature) Present(h *fasthttp.RequestHeader, p *token.Presented) token.Presence {
	jws, parameters := signedQuery(h.RequestURI())
	mac := h.Peek("X-Signature")
	switch {
	case parameters != token.Absent && len(mac) > 0:
		p.Dialect, p.Secret, p.Kind = "signature", mac, token.KindNone
		return token.Ambiguous
	case len(mac) > 0:
		return presentMAC(mac, h.Peek("X-Client-Id"), p)
	case parameters == token.Absent:
		return token.Absent
	}
	p.Dialect, p.Secret, p.Kind = "signature", jws, token.KindNone
	if parameters == token.Found {
		p.Kind = token.KindSigned
	}
	return parameters
}

// Refuse writes what oauth writes.
func (Signature) Refuse(resp *fasthttp.Response, r *token.Refusal) { wire.RefuseBearer(resp, r) }

var signatureName = []byte("signature")

// signedQuery finds the one `signature` of a target's query. It is malformed
// where there are two, where a name is one that an upstream could take for it,
// and where it is no compact JWS, which never needs an escape. It does not
// allocate.
func signedQuery(target []byte) (jws []byte, presence token.Presence) {
	at := bytes.IndexByte(target, '?')
	if at < 0 {
		return nil, token.Absent
	}
	for rest := target[at+1:]; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{'&'})
		// Some readers split at a semicolon too: what stands behind one must not
		// be a signature to them that is none to us.
		for first := true; ; first = false {
			piece, behind, cut := bytes.Cut(pair, []byte{';'})
			name, value, _ := bytes.Cut(piece, []byte{'='})
			if token.NamesSignature(name) {
				plain := first && !cut && bytes.Equal(name, signatureName)
				if presence != token.Absent || !plain || !wire.IsCompactJWS(value) {
					return value, token.Malformed
				}
				jws, presence = value, token.Found
			}
			if !cut {
				break
			}
			pair = behind
		}
	}
	return jws, presence
}

// presentMAC takes `t=<unix>,v1=<hex>` apart: one spelling, so that a signature
// seen before is the same bytes again.
func presentMAC(value, client []byte, p *token.Presented) token.Presence {
	p.Dialect, p.Secret, p.Kind = "signature", value, token.KindNone
	at, mac, ok := readMAC(value)
	if !ok || len(client) == 0 {
		return token.Malformed
	}
	p.Kind, p.Name, p.At, p.MAC = token.KindMAC, client, at, mac
	return token.Found
}

const (
	macLength = 64 // hexadecimal characters of an HMAC-SHA256
	maxUnix   = 12 // digits: enough for thirty thousand years
)

func readMAC(value []byte) (at int64, mac []byte, ok bool) {
	if len(value) < 2 || value[0] != 't' || value[1] != '=' {
		return 0, nil, false
	}
	value = value[2:]
	digits := 0
	for digits < len(value) && digits <= maxUnix && value[digits] >= '0' && value[digits] <= '9' {
		at = at*10 + int64(value[digits]-'0')
		digits++
	}
	if digits == 0 || digits > maxUnix || value[0] == '0' {
		return 0, nil, false
	}
	const between = ",v1="
	value = value[digits:]
	if len(value) != len(between)+macLength || string(value[:len(between)]) != between {
		return 0, nil, false
	}
	mac = value[len(between):]
	for _, c := range mac {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return 0, nil, false
		}
	}
	return at, mac, true
}
