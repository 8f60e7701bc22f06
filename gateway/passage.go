package gateway

import (
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/facts"
	"tollgate/policy/token"
)

// passage is the state of one request on its way through, from the first look
// at its headers to its line in the access log. It is pooled: handle takes it
// and finish gives it back, and nothing in it may be kept after that. Slices in
// it alias the request's own buffers unless their comment says otherwise.
type passage struct {
	_ noCopy

	gateway   *Gateway
	ctx       *fasthttp.RequestCtx // nil in the header phase and in Explain
	header    *fasthttp.RequestHeader
	snapshot  *snapshot // the configuration this request is judged by, to its end
	now       time.Time // read once
	requestID [32]byte  // ours: 128 random bits in hex

	head   head          // what the scan of the header block found
	target target        // path and query as they were sent
	params []facts.Param // path values of the route; the array is kept with the passage
	route  *route        // nil until one matched
	own    *ownEndpoint  // set instead of route on one of our own paths

	dialect   Dialect // that words refusals; nil while none is known
	presented token.Presented
	principal *token.Principal // nil until verified
	source    token.Source
	facts     token.Facts

	record record
}

// record is what the access log and the metrics say about a request. Who knows
// a field fills it in; finish writes it out, once.
type record struct {
	outcome   token.Outcome
	reason    token.Reason
	wouldDeny token.Reason // monitor mode: what enforcement would have said
	status    int

	upstream     string        // name; "" when nothing was tried
	target       string        // host:port of the last target that was tried
	attempts     int           // connections on which something was tried
	sent         bool          // at least one byte went out
	upstreamTook time.Duration // from the first attempt to the end of the answer's head and body

	bytesIn  int64
	bytesOut int64
}

// noCopy makes go vet complain about a copied passage.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// environment is the one that the token belongs to, which also chooses the
// upstream. It is asked only after the principal is known.
func (p *passage) environment() token.Environment { return p.principal.Live.Environment }
