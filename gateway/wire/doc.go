// Package wire holds what all dialects share on the wire: how an Authorization
// header is taken apart, how a body of an endpoint is read strictly, how a
// refusal is worded as an RFC 9457 problem, and how JSON is written into an
// answer. Each dialect is a folder of its own below this one.
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
//     Dialect interface of package gateway), a table that words every reason,
//     and, where the dialect issues tokens, one type with Serve for each
//     endpoint of its own, which asks an interface that it declares itself;
//  2. put its transcripts into testdata/ here, in a folder of its name;
//  3. add it to the one list of dialects in cmd/tollgate/dialects.go.
package wire
