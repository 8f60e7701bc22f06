// Package policy decides what a token may be used for. It canonicalises what an
// admin wrote (Normalise), compiles it for the hot path (Compile) and judges
// one request by it (Decide), naming the first rule that refuses.
//
// It is a room of its own because enforcement, monitor mode and explain must be
// the very same code, and because that code must be readable and testable
// without a server, a store or a clock: policy does no I/O, reads no time and
// keeps no state. Everything it needs is an argument; everything it returns is
// a value. Rows 7 to 14 of the order of checks are judged here; the rows before
// them belong to the edge and to authentication, the rows after to the gateway.
package policy
