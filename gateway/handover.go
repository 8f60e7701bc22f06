package gateway

// finding is what the scan of a header block found, on its way from the header
// phase to the handler of the same request, so that a block is scanned once. It
// decides nothing: what is not of these very bytes, looked at with these
// settings, is scanned again. Without a block it is none.
type finding struct {
	block     []byte          // aliases the request's header
	forwarded ForwardedHeader // the one that was looked for: a reload may come in between
	head      head
}

// keep keeps what the header phase found.
func (f *finding) keep(p *passage) {
	*f = finding{p.header.RawHeaders(), p.snapshot.peers.header, p.head}
}

// take gives a handler what the header phase of its request found, once; false
// says that it has to look itself.
func (f *finding) take(p *passage) bool {
	block := p.header.RawHeaders()
	same := len(block) > 0 && len(f.block) == len(block) && &f.block[0] == &block[0] && f.forwarded == p.snapshot.peers.header
	if same {
		p.head = f.head
	}
	f.block = nil
	return same
}
