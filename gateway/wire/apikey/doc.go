// Package apikey is the dialect of seed 3 (Paytia): `X-API-KEY: <key>`, and for
// a token with enhanced security an `ACCESS-TOKEN: <opaque>` beside it that was
// pre-authorised at POST /api/authorize and is renewed at POST
// /api/refresh_token. Bodies are read by what they are, whatever they are
// labelled, and whatever is wrong with a caller, its IP address included, is
// answered 401.
package apikey
