// Package gateway is the data plane: it accepts HTTP/1.1 on fasthttp, judges
// every request by its route and its token, and forwards what passes.
//
// It is a room of its own because it is the only one that a stranger can reach
// with raw bytes. It holds no rule (package policy does), knows no dialect's
// words (package wire does) and remembers no token: it declares the one or two
// methods it needs of those who do, and is handed them in Options.
//
// Read handle in judge.go first: it is the life of one request, top to bottom.
// The file names say the rest: entry, guard and stage bring a connection to it,
// head and target decide what may be a request at all, routes and peer where it
// belongs and where it comes from, limit how many of them, forward and its
// neighbours what the upstream sees, record, metrics and refusals what is said
// about it afterwards.
//
// Promises of the path, each a test here: nothing of ours is allocated on a
// hit, the bytes that were judged are the bytes that are forwarded, nothing
// borrowed survives finish, and every exit has exactly one event.
package gateway
