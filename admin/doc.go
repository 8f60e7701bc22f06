// Package admin is the control plane: the HTTP API under /admin/v1 by which
// people and scripts manage merchants, tokens, phone numbers and admin keys, ask
// why a request would be refused, and read the audit log.
//
// It is a room of its own, on net/http and huma, because nothing here is hot
// and everything here is dangerous: a fault in this room hands out access. So
// it keeps four habits. Every call is authenticated by one of the store's admin
// keys or the bootstrap key, and judged by one table of roles, before its body
// is read. Another merchant's record answers exactly as one that does not exist.
// A secret appears in the one answer that makes it, and never in a list, an
// error, a log line or an audit row. And a write answers only once the store has
// made it durable and told this node, so that what an answer says is in force.
//
// The room opens no database and mints nothing itself: it is handed a Store, a
// Minter and an Explainer. The OpenAPI document is generated from the same
// types that read the requests.
package admin
