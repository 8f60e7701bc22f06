package gateway

import (
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// handover carries what the scan of a header block found from the header phase
// to the handler of the same request, which fasthttp gives nothing in common but
// the header itself: a block is scanNote once. It never decides: what it does not
// hold is scanNote again.
//
// A handler that has a body was preceded by the header phase of that very
// request, which put its note where the handler looks, over whatever was there;
// so a note of the same header that is found there is this request's.
type handover struct {
	slots [256]atomic.Pointer[scanNote]
	spare sync.Pool
}

// scanNote is what one scan let pass.
type scanNote struct {
	header    *fasthttp.RequestHeader
	block     []byte
	forwarded ForwardedHeader // the one that was looked for: a reload may come in between
	head      head
}

// leave keeps what the header phase found.
func (o *handover) leave(p *passage) {
	n, _ := o.spare.Get().(*scanNote)
	if n == nil {
		n = new(scanNote)
	}
	*n = scanNote{p.header, p.header.RawHeaders(), p.snapshot.peers.header, p.head}
	o.drop(o.slot(n.block).Swap(n))
}

// take gives a handler what the header phase of its request found, once; false
// says that it has to look itself.
func (o *handover) take(p *passage) bool {
	block := p.header.RawHeaders()
	n := o.slot(block).Swap(nil)
	if n == nil {
		return false
	}
	ours := n.header == p.header && n.forwarded == p.snapshot.peers.header &&
		len(n.block) == len(block) && len(block) > 0 && &n.block[0] == &block[0]
	if ours {
		p.head = n.head
	}
	o.drop(n)
	return ours
}

func (o *handover) drop(n *scanNote) {
	if n != nil {
		*n = scanNote{}
		o.spare.Put(n)
	}
}

// slot is chosen by what a block ends with, so that requests under way at the
// same time seldom share one.
func (o *handover) slot(block []byte) *atomic.Pointer[scanNote] {
	i := uint64(len(block))
	if tail := len(block) - len("12345678\r\n\r\n"); tail >= 0 {
		i += load8(block[tail:])
	}
	return &o.slots[i*0x9e3779b97f4a7c15>>56]
}
