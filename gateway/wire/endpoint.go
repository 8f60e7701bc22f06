package wire

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"
)

// defaultWait is how long an endpoint waits for the store where it is not told.
const defaultWait = 2 * time.Second

// Deadline bounds the work behind one call of an endpoint; 0 means 2 s. The
// work does not end with the caller's connection: what was begun is finished.
func Deadline(wait time.Duration) (context.Context, context.CancelFunc) {
	if wait == 0 {
		wait = defaultWait
	}
	return context.WithTimeout(context.Background(), wait)
}

// NoStore keeps an answer that may hold a secret out of every cache (RFC 6749
// §5.1).
func NoStore(resp *fasthttp.Response) {
	resp.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	resp.Header.Set(fasthttp.HeaderPragma, "no-cache")
}

// Encoded reports whether a request's body is in a content coding, which no
// endpoint of ours undoes.
func Encoded(h *fasthttp.RequestHeader) bool {
	return len(h.Peek(fasthttp.HeaderContentEncoding)) > 0
}
