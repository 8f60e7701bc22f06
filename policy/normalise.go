package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tollgate/policy/token"
)

// Bounds on what one token may carry.
const (
	maxRanges         = 100_000
	maxMerchantRanges = 1_000 // every token of the merchant carries them
	maxPermissions    = 256
)

// Normalise takes bounds as an admin sent them to the form in which they are
// kept, in place: ranges masked, client certificates as lower-case digests,
// sorted, HTTP methods in capitals, countries as alpha-2, operators and payment
// methods as catalogue ids, the rate and the quota in their canonical text;
// doubles are dropped. It sets the restricts flags of bounds
// that are not empty and never clears one. Normalising again changes nothing.
//
// A code that the catalogue does not know is kept as it was written, with a
// warning: a new operator must not need a release. Errors name every bad field;
// with any, the bounds are not to be used.
func Normalise(c *Catalogue, b *token.Bounds) ([]token.Warning, token.FieldErrors) {
	n := normaliser{catalogue: c}
	b.IPRanges = n.ranges("ip_whitelist", b.IPRanges, maxRanges)
	b.Methods = n.httpMethods(b.Methods)
	b.Permissions = n.permissions(b.Permissions)
	b.Composition = n.composition(b.Composition)
	b.ClientCerts = n.clientCerts(b.ClientCerts)
	n.rate(&b.Rate)
	n.quota(&b.Quota)
	b.Restricts.IP = b.Restricts.IP || len(b.IPRanges) > 0
	b.Restricts.ClientCert = b.Restricts.ClientCert || len(b.ClientCerts) > 0
	b.Restricts.Methods = b.Restricts.Methods || len(b.Methods) > 0
	b.Restricts.Composition = b.Restricts.Composition || len(b.Composition) > 0
	return n.warnings, n.errors
}

// NormaliseRanges is Normalise for a merchant's IP ranges, of which there are
// fewer; field is what the answer calls them. The caller owns the list it gets.
func NormaliseRanges(field string, list []string) ([]string, []token.Warning, token.FieldErrors) {
	var n normaliser
	out := n.ranges(field, list, maxMerchantRanges)
	return out, n.warnings, n.errors
}

type normaliser struct {
	catalogue *Catalogue
	warnings  []token.Warning
	errors    token.FieldErrors
}

func (n *normaliser) wrong(field, format string, args ...any) {
	n.errors = append(n.errors, token.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (n *normaliser) odd(field, format string, args ...any) {
	n.warnings = append(n.warnings, token.Warning{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (n *normaliser) ranges(field string, list []string, limit int) []string {
	if len(list) > limit {
		n.wrong(field, "there are %d entries; at most %d can be kept", len(list), limit)
		return nil
	}
	seen := make(map[string]struct{}, len(list))
	var out []string
	for i, text := range list {
		p, err := ParseRange(text)
		if err != nil {
			n.wrong(field+"["+strconv.Itoa(i)+"]", "%v", err)
			continue
		}
		if p.Bits() == 0 {
			n.odd(field+"["+strconv.Itoa(i)+"]", "%s lets every address of its kind in", p)
		}
		canonical := p.String()
		if p.IsSingleIP() {
			canonical = p.Addr().String()
		}
		if _, twice := seen[canonical]; !twice {
			seen[canonical] = struct{}{}
			out = append(out, canonical)
		}
	}
	return out
}

func (n *normaliser) httpMethods(list []string) []string {
	var out []string
	for i, method := range list {
		upper := strings.ToUpper(method)
		if methodBit(upper) == 0 {
			n.wrong(fmt.Sprintf("allowed_methods[%d]", i), "%q is no HTTP method that can be allowed; write one of %s", cut(method), httpMethods(1<<len(knownMethods)-1))
			continue
		}
		if !slices.Contains(out, upper) {
			out = append(out, upper)
		}
	}
	return out
}

// permissions are scope tokens of RFC 6749 §3.3: what a JWT's scope can carry.
func (n *normaliser) permissions(list []string) []string {
	if len(list) > maxPermissions {
		n.wrong("permissions", "there are %d entries; at most %d can be kept", len(list), maxPermissions)
		return nil
	}
	var out []string
	for i, word := range list {
		if reason := badCode(word); reason != "" || strings.ContainsAny(word, `"\`) {
			n.wrong(fmt.Sprintf("permissions[%d]", i), `%q is no permission; write 1 to %d visible ASCII characters without spaces, quotes and backslashes, such as payments:write`, cut(word), maxCode)
			continue
		}
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}

func (n *normaliser) rate(text *string) {
	r, err := ParseRate(*text)
	if err != nil {
		n.wrong("rate", "%v", err)
		return
	}
	*text = r.String()
}

// clientCerts are sorted: which came first says nothing.
func (n *normaliser) clientCerts(list []string) []string {
	if len(list) > maxClientCerts {
		n.wrong("client_cert_sha256", "there are %d entries; at most %d can be kept", len(list), maxClientCerts)
		return nil
	}
	var out []string
	for i, text := range list {
		canonical, err := ParseClientCert(text)
		if err != nil {
			n.wrong(fmt.Sprintf("client_cert_sha256[%d]", i), "%v", err)
			continue
		}
		out = append(out, canonical)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// quota warns of a day that allows more than its month: only the month binds.
func (n *normaliser) quota(text *string) {
	q, err := ParseQuota(*text)
	if err != nil {
		n.wrong("quota", "%v", err)
		return
	}
	if q.Month != 0 && q.Day > q.Month {
		n.odd("quota", "a day is given more than its month, whose count ends first")
	}
	*text = q.String()
}

// cut keeps a bad value from filling the answer that quotes it.
func cut(s string) string {
	if len(s) <= maxCode {
		return s
	}
	return s[:maxCode] + "…"
}
