// Package store keeps what must survive: merchants, tokens and their
// credentials, refresh families, phone numbers, users, admin keys, sealed
// signing keys, what may be presented once only, the events that merchants are
// still to hear of, the audit log and the change log.
//
// It is a room of its own because durability has rules nothing else should
// know: every write is one transaction that holds the change itself, its rows
// in the change log, its audit rows and the version it bumps; listeners hear of
// it after the commit and before the caller is answered; and whoever read
// something older can tell.
//
// The SQL is written once, in what SQLite and PostgreSQL have in common: $1
// parameters, ON CONFLICT, RETURNING, named columns, times as microseconds in
// 64-bit integers. What differs between them is the small struct Engine, which
// store/sqlite fills in. store/storetest is the promise every engine keeps.
//
// The store is handed digests and sealed bytes only. A secret never reaches it,
// so none can leave it through an error, a log or a backup.
package store
