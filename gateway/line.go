package gateway

import (
	"strconv"
	"time"
	"unicode/utf8"

	"tollgate/policy"
	"tollgate/policy/token"
)

// appendLine appends the request's one line of the access log, a JSON object and
// a newline. It does not allocate. Nothing in it is a secret: paths are patterns,
// phones are masked, words from the request are shown only where they are plain
// words, and everything else is of our own making.
func (p *passage) appendLine(b []byte, took time.Duration) []byte {
	r := &p.record
	handle, merchant, environment, claimed := p.caller()
	b = append(b, `{"ts":"`...)
	b = appendTime(b, p.now)
	b = append(b, `","msg":"request","request_id":"`...)
	b = append(b, p.requestID[:]...)
	b = append(b, '"')
	b = appendText(b, "route", p.label())
	b = appendText(b, "dialect", p.dialectName())
	b = appendText(b, "token", string(handle))
	if claimed != nil {
		b = append(b, `,"claimed_token":"tok_`...)
		b = append(b, claimed...) // base62
		b = append(b, '"')
	}
	if p.principal != nil && p.principal.User != "" {
		b = appendText(b, "user", p.principal.User)
	}
	b = appendText(b, "merchant", merchant)
	if environment != token.EnvAny {
		b = appendText(b, "env", environment.String())
	}
	b = append(b, `,"client_ip":"`...)
	if p.source.Addr.IsValid() {
		b = p.source.Addr.AppendTo(b)
	}
	b = append(b, '"')
	b = appendText(b, "method", p.method.String())
	b = appendText(b, "path", p.pattern())
	b = appendText(b, "outcome", string(p.outcome()))
	b = appendText(b, "reason", p.exact().Code())
	b = appendNumber(b, "status", int64(r.status))
	if r.upstream != "" {
		b = appendText(b, "upstream", r.upstream)
		b = appendText(b, "target", r.target)
		b = appendNumber(b, "attempts", int64(r.attempts))
		b = append(b, `,"upstream_ms":`...)
		b = appendMillis(b, r.upstreamTook)
	}
	b = appendNumber(b, "gateway_us", (took - r.upstreamTook).Microseconds())
	b = appendNumber(b, "bytes_in", r.bytesIn)
	b = appendNumber(b, "bytes_out", r.bytesOut)
	b = p.appendFacts(b)
	return append(b, '}', '\n')
}

// pattern is the path pattern that matched; never the path itself, which can
// hold phone numbers.
func (p *passage) pattern() string {
	if p.leaf != nil {
		return p.leaf.pattern
	}
	return ""
}

// appendFacts names the value of each fact that a verdict fell over, else the
// first that was found.
func (p *passage) appendFacts(b []byte) []byte {
	v, f := &p.verdict, &p.facts
	country, operator, method := tell(v.Country, f.Countries), tell(v.Operator, f.Operators), tell(v.Method, f.Methods)
	if len(country)+len(operator)+len(method) > 0 {
		b = p.appendWords(b, country, operator, method)
	}
	if phone := tell(v.Phone, f.Phones); len(phone) > 0 {
		b = append(b, `,"phone":"`...)
		b = append(appendMasked(b, phone), '"')
	}
	return b
}

func tell(failed []byte, found []token.Fact) []byte {
	if len(failed) == 0 && len(found) > 0 {
		return found[0].Value
	}
	return failed
}

// appendWords tells country, operator and payment method by the catalogue's own
// ids. A word that the catalogue does not know is shown only where the token's
// composition held it, so that an admin wrote it: a client can put a phone, a
// card number or a password into any field.
func (p *passage) appendWords(b, country, operator, method []byte) []byte {
	var c *policy.Catalogue
	if p.gateway != nil && p.gateway.options.Catalogue != nil {
		c = p.gateway.options.Catalogue()
	}
	vouched := p.record.reason == token.Allowed && p.record.wouldDeny == token.Allowed &&
		p.principal != nil && p.principal.Live.Restricts.Composition
	var at, id, word string
	if c != nil {
		at, _ = c.Country(country)
		id, _ = c.Operator(at, operator)
		word, _ = c.Method(method)
	}
	b = appendWord(b, "country", country, at, vouched)
	b = appendWord(b, "operator", operator, id, vouched)
	return appendWord(b, "payment_method", method, word, vouched)
}

func appendWord(b []byte, key string, sent []byte, known string, vouched bool) []byte {
	switch {
	case len(sent) == 0:
		return b
	case known != "":
		return appendText(b, key, known)
	case vouched && len(sent) <= maxLoggedWord:
		return appendText(b, key, sent)
	}
	return appendText(b, key, "(unknown)")
}

const maxLoggedWord = 64

// appendMasked hides a phone number but for its last two digits, and shows
// nothing of what is no number. It is token.MaskPhone without the allocation.
func appendMasked(b, phone []byte) []byte {
	if n := len(phone); n < 3 || n > 24 || !isDigit(phone[n-1]) || !isDigit(phone[n-2]) {
		return append(b, "**"...)
	}
	for i, c := range phone {
		switch {
		case i == 0 && c == '+', i >= len(phone)-2:
			b = append(b, c)
		default:
			b = append(b, '*')
		}
	}
	return b
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func appendNumber(b []byte, key string, n int64) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, n, 10)
}

// appendMillis appends milliseconds with three decimals.
func appendMillis(b []byte, d time.Duration) []byte {
	micros := d.Microseconds()
	b = strconv.AppendInt(b, micros/1000, 10)
	thousandths := micros % 1000
	return append(b, '.', byte('0'+thousandths/100), byte('0'+thousandths/10%10), byte('0'+thousandths%10))
}

// appendText appends a member whose value is a JSON string (RFC 8259 §7):
// quotes, backslashes and controls escaped, and bytes that are no UTF-8 as
// U+FFFD, so that a line is one line of valid JSON whatever stands in it.
func appendText[T string | []byte](b []byte, key string, text T) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	b = append(b, '"', ':', '"')
	plain := 0 // where the bytes begin that need no escape and are not yet written
	for i := 0; i < len(text); {
		c := text[i]
		if c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, text[plain:i]...)
		var size int
		b, size = appendEscaped(b, c, text[i:min(i+utf8.UTFMax, len(text))])
		i += size
		plain = i
	}
	b = append(b, text[plain:]...)
	return append(b, '"')
}

// appendEscaped appends one character that cannot stand for itself, or that
// takes more than a byte, and says how many bytes of the text it took.
func appendEscaped[T string | []byte](b []byte, c byte, text T) ([]byte, int) {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c), 1
	case c < utf8.RuneSelf:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15]), 1
	}
	var room [utf8.UTFMax]byte
	r, size := utf8.DecodeRune(room[:copy(room[:], text)])
	if r == utf8.RuneError && size <= 1 {
		return append(b, "\uFFFD"...), 1
	}
	return append(b, room[:size]...), size
}

const hexDigits = "0123456789abcdef"
