package oauth

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// order is what a token request's form says.
type order struct {
	grantType []byte
	scope     []byte // nil: not asked for
	hasSecret bool   // client_id or client_secret stood in the body
}

// readForm reads an application/x-www-form-urlencoded token request. It refuses
// what RFC 6749 §3.2 refuses (a parameter twice, an empty one counts as absent)
// and what two decoders could take differently: broken escapes, control
// characters, a semicolon. The answer aliases args.
func readForm(body []byte, args *fasthttp.Args) (o order, ok bool) {
	if !plainForm(body) {
		return order{}, false
	}
	args.ParseBytes(body)
	seen := make(map[string]bool, args.Len())
	ok = true
	for key, value := range args.All() {
		if seen[string(key)] || !printable(key) || !printable(value) {
			ok = false
			break
		}
		seen[string(key)] = true
		if len(value) == 0 {
			continue
		}
		switch string(key) {
		case "grant_type":
			o.grantType = value
		case "scope":
			o.scope = value
		case "client_id", "client_secret", "client_assertion", "client_assertion_type":
			o.hasSecret = true
		}
	}
	return o, ok && o.grantType != nil
}

// plainForm reports whether every percent escape of body is whole and every
// byte one that a form may contain unescaped.
func plainForm(body []byte) bool {
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '%':
			if i+2 >= len(body) || !isHex(body[i+1]) || !isHex(body[i+2]) {
				return false
			}
			i += 2
		case c <= 0x20 || c >= 0x7f || c == ';' || c == '#':
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// isForm reports whether a Content-Type is the form type, with no parameter or
// charset=utf-8 (RFC 6749 §3.2: parameters are UTF-8).
func isForm(contentType []byte) bool {
	kind, parameters, has := bytes.Cut(contentType, []byte{';'})
	if !bytes.EqualFold(bytes.TrimSpace(kind), []byte("application/x-www-form-urlencoded")) {
		return false
	}
	return !has || bytes.EqualFold(bytes.TrimSpace(parameters), []byte("charset=utf-8"))
}
