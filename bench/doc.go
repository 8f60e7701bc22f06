// Command bench measures what tollgate costs beside a bare fasthttp proxy that
// judges nothing, in one run on one machine:
//
//	go build -o /tmp/tollgate ./cmd/tollgate && go run ./bench -tollgate /tmp/tollgate
//
// The subjects run on one core each in their turn, the load and the origin on
// another; what counts is the CPU time of the subject's process for each
// completed request, as a ratio to the bare proxy's in the same round. Times
// alone mean nothing on a shared machine. A round with any unexpected status is
// void. Everything listens on loopback, and the load ends by itself.
//
// It is a room of its own because it knows tollgate from outside only: its
// command line, its configuration and its admin API.
package main
