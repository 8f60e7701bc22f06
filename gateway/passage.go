package gateway

import (
	"encoding/hex"
	"io"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"

	"tollgate/gateway/facts"
	"tollgate/policy"
	"tollgate/policy/token"
)

// passage is the state of one request on its way through, from the first look
// at its headers to its line in the access log. It is pooled: begin takes it
// and finish gives it back, and nothing in it may be kept after that. Slices in
// it alias the request's own buffers unless their comment says otherwise.
type passage struct {
	_ noCopy

	gateway   *Gateway
	ctx       *fasthttp.RequestCtx // nil in the header phase and in Explain
	cargo     *cargo               // of the connection; nil in the header phase and in Explain
	parcel    *parcel              // for the answer, until an exchange has it
	header    *fasthttp.RequestHeader
	conn      *guardedConn // nil in the header phase, in Explain and in tests without one
	body      []byte
	unread    bool      // the body was left on the wire: the connection ends here
	snapshot  *snapshot // the configuration this request is judged by, to its end
	now       time.Time // read once
	began     time.Time // when its headers were there, by the sockets' clock; zero: nobody asked yet
	requestID [32]byte  // ours: 128 random bits in hex

	method  method
	head    head          // what the scan of the header block found
	target  target        // path and query as they were sent
	decoded []byte        // room of target; kept with the passage
	lookup  lookup        // room of table.find
	leaf    *leaf         // what the path leads to; nil until a pattern matched
	route   *route        // nil until one matched
	own     *ownEndpoint  // set instead of route on one of our own paths
	params  []facts.Param // path values of the route; the array is kept with the passage

	dialect   Dialect // that words refusals; nil while none is known
	presented token.Presented
	candidate token.Presented
	principal *token.Principal // nil until verified; of a refused credential where it is known
	peer      netip.Addr
	source    token.Source

	proven  bool          // the MAC of the whole request was right
	message token.Message // room of signedMessage
	payload []byte        // of the JWS in ?signature=, decoded; kept with the passage

	input   facts.Input
	facts   token.Facts // keeps its room
	judged  policy.Case
	verdict policy.Verdict
	trace   *policy.Trace // nil but in Explain
	counted bool          // row 15 let it pass, and counted it
	retryIn int           // seconds; 0: the reason's own

	refusal token.Refusal
	visit   token.Visit
	record  record
	line    []byte // room of the access log's line; kept with the passage
}

// record is what the access log and the metrics say about a request. Who knows
// a field fills it in; finish writes it out, once.
type record struct {
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

// maxKeptScratch is the largest room for rewritten facts that a pooled passage
// keeps: one hostile body must not pin its worth of memory.
const maxKeptScratch = 16 << 10

// noCopy makes go vet complain about a copied passage.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// acquire takes an empty passage that has read the clock and the configuration.
func (g *Gateway) acquire() *passage {
	p := g.passages.Get().(*passage)
	p.gateway, p.snapshot, p.now = g, g.current.Load(), g.options.Now()
	p.verdict.Allowed = true
	return p
}

// begin takes a passage for a request that will be answered.
func (g *Gateway) begin(ctx *fasthttp.RequestCtx) *passage {
	p := g.acquire()
	p.ctx, p.header, p.body = ctx, &ctx.Request.Header, ctx.Request.Body()
	p.conn = guarded(ctx.Conn())
	if p.cargo = cargoOf(ctx.Conn()); p.cargo != nil {
		p.began = p.cargo.began
	}
	p.peer = peerOf(ctx.RemoteAddr())
	p.source = token.Source{Peer: p.peer, Addr: p.peer, Unknown: !p.peer.IsValid()}
	if p.conn != nil {
		p.source.ClientCert = p.conn.ClientCert(p.now)
	}
	g.mintID(&p.requestID)
	return p
}

// mintID makes a request id. Where randomness fails the process must not go on:
// two requests with one id would be one in every log.
func (g *Gateway) mintID(id *[32]byte) {
	random := id[16:] // Encode overtakes it only once it has been read
	if _, err := io.ReadFull(g.options.Rand, random); err != nil {
		panic("BUG: gateway: Options.Rand failed")
	}
	hex.Encode(id[:], random)
}

// release empties the passage but for its room, and gives it back. Every slice
// that was borrowed is forgotten here.
func (p *passage) release() {
	g := p.gateway
	p.facts.Reset()
	if cap(p.facts.Scratch) > maxKeptScratch {
		p.facts = token.Facts{}
	}
	if cap(p.payload) > maxKeptScratch {
		p.payload = nil
	}
	clear(p.params)
	*p = passage{
		decoded: p.decoded[:0],
		lookup:  lookup{folded: p.lookup.folded[:0]},
		params:  p.params[:0],
		facts:   p.facts,
		payload: p.payload[:0],
		line:    p.line[:0],
	}
	g.passages.Put(p)
}

// environment is the one that the token belongs to, which also chooses the
// upstream. It is asked only after the principal is known.
func (p *passage) environment() token.Environment { return p.principal.Live.Environment }

func param(name string, value []byte) facts.Param { return facts.Param{Name: name, Value: value} }
