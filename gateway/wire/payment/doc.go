// Package payment is the ClaPay dialect (seed 1): `Authorization: Bearer
// <key>`, where the key is a token's own bearer secret, made in the back office
// or the admin API and shown once. The dialect has no endpoint of its own, and
// words refusals as problem+json with an RFC 6750 challenge.
package payment
