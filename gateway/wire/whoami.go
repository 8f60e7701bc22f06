package wire

import (
	"slices"
	"strconv"

	"github.com/valyala/fasthttp"

	"tollgate/policy/token"
)

// Whoami words the answer of GET /api/whoami: what a caller may know of its own
// token, or a dashboard user of itself. Phones are a count and their last two digits, so that a stolen token
// does not give its owner's numbers away.
type Whoami struct{}

// Answer writes what is known of p, which it does not keep.
func (Whoami) Answer(resp *fasthttp.Response, p *token.Principal, v *token.Visit) {
	l := p.Live
	b := []byte(`{"token":`)
	if p.User != "" {
		b = AppendString([]byte(`{"user":`), p.User)
	} else {
		b = AppendString(b, string(l.Handle))
	}
	b = AppendMember(b, "merchant", l.Merchant)
	b = AppendMember(b, "environment", l.Environment.String())
	b = AppendInstant(append(b, `,"expires_at":`...), l.ExpiresAt)
	b = AppendInstant(append(b, `,"credential_ends_at":`...), p.EndsAt)
	b = AppendMember(b, "client_ip", v.Source.Addr.String())
	b = append(b, `,"permissions":`...)
	b = AppendList(b, granted(p))
	b = append(b, `,"allowed_methods":`...)
	b = AppendList(b, l.Bounds.Methods)
	b = append(b, `,"composition":`...)
	b = appendComposition(b, l)
	b = append(b, `,"phones":`...)
	b = appendPhones(b, l)
	b = append(b, `,"rate":`...)
	b = AppendString(b, l.Bounds.Rate)
	b = append(b, `,"server_time":`...)
	b = AppendInstant(b, v.NowMicros)
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType("application/json")
	resp.Header.Set("Cache-Control", "no-store")
	resp.SetBodyRaw(append(b, '}', '\n'))
}

func granted(p *token.Principal) []string {
	var list []string
	for _, permission := range p.Live.Permissions {
		if p.Permits(permission) {
			list = append(list, permission)
		}
	}
	return list
}

// appendComposition writes country → operator → methods in alphabetical order,
// or null for a token that is not restricted by composition.
func appendComposition(b []byte, l *token.Live) []byte {
	if !l.Restricts.Composition {
		return append(b, "null"...)
	}
	b = append(b, '{')
	for i, country := range sortedKeys(l.Bounds.Composition) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendString(b, country), ':', '{')
		for j, operator := range sortedKeys(l.Bounds.Composition[country]) {
			if j > 0 {
				b = append(b, ',')
			}
			b = append(AppendString(b, operator), ':')
			b = AppendList(b, l.Bounds.Composition[country][operator])
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// appendPhones writes how many enabled numbers there are and how each ends.
func appendPhones(b []byte, l *token.Live) []byte {
	var endings []string
	for _, n := range l.Numbers {
		if n.Enabled {
			endings = append(endings, token.MaskPhone(n.E164))
		}
	}
	b = append(b, `{"restricted":`...)
	b = strconv.AppendBool(b, l.Restricts.Phones)
	b = append(b, `,"enabled":`...)
	b = strconv.AppendInt(b, int64(len(endings)), 10)
	b = append(b, `,"numbers":`...)
	return append(AppendList(b, endings), '}')
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
