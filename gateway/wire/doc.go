// Package wire holds what all dialects share on the wire: how an Authorization
// header is taken apart, how a refusal is worded as an RFC 9457 problem, and
// how JSON is written into an answer. Each dialect is a folder of its own below
// this one.
//
// It is a room of its own so that every word a client reads stands here and
// nowhere else: the gateway deals in reasons, a dialect turns a reason into
// bytes. A dialect has three duties: read what was presented, render a grant,
// render a refusal. It imports this package and policy/token, never another
// dialect, and never the gateway that drives it.
//
// To add a dialect:
//
//  1. make a folder here with a type that has Name, Present and Refuse (the
//     Dialect interface of package gateway) and, where the dialect issues
//     tokens, one type with Serve for each endpoint of its own;
//  2. put its transcripts into testdata/ beside it;
//  3. add it to the one list of dialects in cmd/tollgate/dialects.go.
package wire
