// Package oauth is the dialect of seed 4 (Pledg), which is RFC 6749 and RFC
// 6750: a client trades its id and secret at POST /api/token for a JWT of ten
// minutes and presents it as `Authorization: Bearer <jwt>`. Its endpoints word
// errors as RFC 6749 §5.2 does; refusals of proxied calls are problem+json with
// an RFC 6750 challenge. Revocation (RFC 7009), introspection (RFC 7662) and
// the metadata documents of RFC 8414 and RFC 7517 are served here too.
//
// Routes list the seed's two other ways to authenticate by names of their own,
// basic and signature. They are types of this package because they say no in
// this dialect's words.
package oauth
