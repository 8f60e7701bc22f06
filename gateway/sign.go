package gateway

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"sync"
)

// minSignKey is the least number of bytes of a key that requests are signed
// with: as many as the hash has.
const minSignKey = sha256.Size

// signer writes X-Tollgate-Signature, by which an upstream can tell tollgate's
// requests from anyone else's:
//
//	X-Tollgate-Signature: t=<unix seconds>,v1=<HMAC-SHA256 in lower-case hex>
//
// What is signed is nine lines, each ended by one line feed: the word
// tollgate-v1, t, X-Request-Id, the method, the target (path and query exactly
// as they stand in the request line), X-Tollgate-Token or for a dashboard user's
// request X-Tollgate-User, X-Tollgate-Merchant,
// X-Tollgate-Environment, and the SHA-256 of the body in lower-case hex. No
// line can hold a line feed, so no two requests share a text. An upstream
// compares in constant time, refuses a t further than its clocks may differ,
// and, where replay matters, a request id it has seen.
type signer struct {
	pool sync.Pool // of *signature
}

type signature struct {
	mac  hash.Hash
	body hash.Hash
	sum  [sha256.Size]byte
	text []byte
}

// newSigner copies the key.
func newSigner(key []byte) *signer {
	key = append([]byte(nil), key...)
	return &signer{pool: sync.Pool{New: func() any {
		return &signature{mac: hmac.New(sha256.New, key), body: sha256.New()}
	}}}
}

// append writes the header's line for o.
func (s *signer) append(to []byte, o *outgoing) []byte {
	g := s.pool.Get().(*signature)
	defer s.pool.Put(g)

	g.body.Reset()
	g.body.Write(o.body)
	sum := g.body.Sum(g.sum[:0])

	text := append(g.text[:0], "tollgate-v1\n"...)
	text = strconv.AppendInt(text, o.now.Unix(), 10)
	text = append(text, '\n')
	for _, part := range [...][]byte{o.requestID, o.method, o.target} {
		text = append(append(text, part...), '\n')
	}
	for _, part := range [...]string{cmp.Or(o.user, o.handle), o.merchant, o.environment} {
		text = append(append(text, part...), '\n')
	}
	text = append(hex.AppendEncode(text, sum), '\n')
	g.text = text

	g.mac.Reset()
	g.mac.Write(text)
	sum = g.mac.Sum(g.sum[:0])

	to = append(to, "X-Tollgate-Signature: t="...)
	to = strconv.AppendInt(to, o.now.Unix(), 10)
	to = append(to, ",v1="...)
	to = hex.AppendEncode(to, sum)
	return append(to, '\r', '\n')
}
