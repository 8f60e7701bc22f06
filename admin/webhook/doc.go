// Package webhook tells merchants what happens to their tokens: it takes events
// from the store's outbox and posts them to the URL of the token or of its
// merchant, again and again until they are taken or given up.
//
// It is a room of its own because it is the one place where this house calls an
// address that somebody else chose. So it resolves a name once and dials that
// very address; refuses whatever is not a public one, unless the operator lists
// the network; follows no redirect and no proxy of the environment; reads no
// body; and bounds the time of everything. A merchant can lift none of that.
//
// # What a receiver sees
//
// One POST for each event and attempt, with these headers:
//
//	X-Tollgate-Webhook-Id         hook_…, the same at every attempt: tell repeats by it
//	X-Tollgate-Webhook-Event      token.created, token.rotated, token.revoked, token.expiring, refresh.reuse
//	X-Tollgate-Webhook-Key        whose secret signed it: tok_… or mer_…
//	X-Tollgate-Webhook-Signature  t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<body>")>
//
// The secret is the token's signing secret, sig_…, while it has one; during a
// rotation there is a v1 for each that lives, the newest first. For a token that
// has none it is the merchant's webhook secret, whk_…, which POST
// /admin/v1/merchants/{id}/webhook_secret shows. It is derived from the master
// key and the merchant's id, so no merchant can sign for another. In both cases
// the key of the HMAC is the text of the secret as it was shown. Refuse what is
// older than five minutes.
//
// The body has the members id, event, created_at, merchant_id, token_id and
// those of the event, never a secret. In the format single it is one JSON
// object on one line (application/json); in the format multiple it is one JSON
// object of one member a line (application/x-ndjson).
//
// Any 2xx takes the event. Everything else, redirects too, is a failed attempt;
// the next comes after a growing, jittered pause, and after the last the event
// is dead. Delivery is at least once and in no promised order: an answer that
// was lost, or a process that died behind it, makes the event come again.
package webhook
