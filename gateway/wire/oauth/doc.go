// Package oauth is the dialect of seed 4 (Pledg), which is RFC 6749 and RFC
// 6750: a client trades its id and secret at POST /api/token for a JWT of ten
// minutes and presents it as `Authorization: Bearer <jwt>`. Its endpoints word
// errors as RFC 6749 §5.2 does; refusals of proxied calls are problem+json with
// an RFC 6750 challenge. The metadata documents of RFC 8414 and RFC 7517 are
// served here too.
package oauth
