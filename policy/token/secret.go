package token

import "hash/crc32"

// The published form of our secrets. Every part after the prefix is base62, so
// a secret survives URLs, forms, shells and Basic authentication unescaped.
//
//	key              tg_(live|test)_   id(12) random(28) checksum(6)
//	client secret    sec_(live|test)_  random(40) checksum(6)
//	signing secret   sig_(live|test)_  random(40) checksum(6)
//	opaque access    tgo_              random(40) checksum(6)
//	refresh          tgr_              random(40) checksum(6)
//	admin key        tga_              random(40) checksum(6)
//
// 28 random characters carry 166 bits. The checksum is the CRC-32 (IEEE) of
// everything before it, prefix included, written as six base62 digits, most
// significant first. It catches typing errors and made-up secrets before any
// store is asked; it is no proof of anything.
const (
	IDLength       = 12 // base62 characters of a handle after "tok_"
	keyRandom      = 28
	otherRandom    = 40
	checksumLength = 6
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Pattern is the regular expression that matches every secret tollgate makes,
// for secret scanners. The README publishes it.
const Pattern = `\b(tg_(live|test)_[0-9A-Za-z]{46}|(sec|sig)_(live|test)_[0-9A-Za-z]{46}|tg[ora]_[0-9A-Za-z]{46})\b`

// Secret is what a well-formed secret says about itself: nothing in it is
// proven but its spelling.
type Secret struct {
	Kind        Kind
	Environment Environment // EnvAny where the form does not carry one
	ID          []byte      // the 12 characters of a key's handle; aliases the input; nil for other kinds
}

// prefixes in the order they are tried; none is a prefix of another.
var prefixes = [...]struct {
	text string
	kind Kind
	env  Environment
}{
	{"tg_live_", KindKey, EnvLive}, {"tg_test_", KindKey, EnvTest},
	{"sec_live_", KindClient, EnvLive}, {"sec_test_", KindClient, EnvTest},
	{"sig_live_", KindSigning, EnvLive}, {"sig_test_", KindSigning, EnvTest},
	{"tgo_", KindAccess, EnvAny}, {"tgr_", KindRefresh, EnvAny}, {"tga_", KindAdmin, EnvAny},
}

// Prefix is the published prefix of a kind in an environment; "" for a kind
// that has no published form.
func Prefix(k Kind, e Environment) string {
	for i := range prefixes {
		p := &prefixes[i]
		if p.kind == k && (p.env == e || p.env == EnvAny) {
			return p.text
		}
	}
	return ""
}

// Parse reads a secret and checks its spelling: prefix, length, alphabet and
// checksum. It does not allocate, and the ID of its answer aliases b.
func Parse(b []byte) (s Secret, ok bool) {
	for i := range prefixes {
		p := &prefixes[i]
		if len(b) <= len(p.text) || string(b[:len(p.text)]) != p.text {
			continue
		}
		body := b[len(p.text):]
		if len(body) != otherRandom+checksumLength || !allBase62(body) || !checksumHolds(b) {
			return Secret{}, false
		}
		s = Secret{Kind: p.kind, Environment: p.env}
		if p.kind == KindKey {
			s.ID = body[:IDLength:IDLength]
		}
		return s, true
	}
	return Secret{}, false
}

// LooksLike reports whether b begins with the prefix of kind k, however the
// rest is spelled: enough to tell which dialect is meant, never to trust it.
func LooksLike(b []byte, k Kind) bool {
	for i := range prefixes {
		p := &prefixes[i]
		if p.kind == k && len(b) >= len(p.text) && string(b[:len(p.text)]) == p.text {
			return true
		}
	}
	return false
}

// Compose writes a secret of kind k out of random base62 characters: 40 of
// them, or for a key the 12 of its handle followed by 28 random ones. The
// caller owns the answer. It panics when body does not have that length, which
// would be a bug of the caller, never of an input.
func Compose(k Kind, e Environment, body []byte) []byte {
	prefix := Prefix(k, e)
	if prefix == "" || len(body) != otherRandom || !allBase62(body) {
		panic("BUG: token.Compose: a secret needs a published kind and 40 base62 characters")
	}
	out := make([]byte, 0, len(prefix)+len(body)+checksumLength)
	out = append(append(out, prefix...), body...)
	sum := crc32.ChecksumIEEE(out)
	return appendChecksum(out, sum)
}

// HandleOf is the handle with the given 12-character id.
func HandleOf(id []byte) Handle { return Handle("tok_" + string(id)) }

// ParseHandle reads "tok_" and 12 base62 characters.
func ParseHandle(s string) (h Handle, ok bool) {
	if len(s) != len("tok_")+IDLength || s[:4] != "tok_" || !allBase62([]byte(s[4:])) {
		return "", false
	}
	return Handle(s), true
}

// ID is the 12 characters after "tok_".
func (h Handle) ID() string {
	if len(h) < 4 {
		return ""
	}
	return string(h[4:])
}

func appendChecksum(out []byte, sum uint32) []byte {
	var digits [checksumLength]byte
	for i := checksumLength - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	return append(out, digits[:]...)
}

func checksumHolds(b []byte) bool {
	at := len(b) - checksumLength
	sum := crc32.ChecksumIEEE(b[:at])
	for i := checksumLength - 1; i >= 0; i-- {
		if b[at+i] != base62[sum%62] {
			return false
		}
		sum /= 62
	}
	return true
}

func allBase62(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
