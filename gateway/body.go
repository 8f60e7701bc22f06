package gateway

import (
	"bytes"
	"io"
)

// chunkState is where a reader is in chunked framing (RFC 9112 §7.1).
type chunkState uint8

const (
	notChunked   chunkState = iota
	chunkSize               // a size line is next
	chunkData               // left bytes of data are next
	chunkEnd                // the CRLF behind data is next
	chunkTrailer            // a trailer line, or the empty one that ends it all, is next
)

// The longest size line, extensions and CRLF included. Nobody sends extensions;
// they are read over so that nothing can hide in them, and dropped.
const maxSizeLine = 256

// beginBody readies the exchange to read the body that the head announced.
func (x *exchange) beginBody() error {
	a := &x.answer
	switch {
	case !a.bodily:
		x.whole = true
	case a.chunked:
		x.chunk = chunkSize
	case a.length >= 0:
		x.left = a.length
		x.whole = a.length == 0
	default:
		return faultUnframed
	}
	return nil
}

// Read gives bytes of the body, without framing. It gives io.EOF only behind
// the announced end: a body that was cut is an error, never a short body.
func (x *exchange) Read(p []byte) (int, error) {
	for !x.whole {
		if x.chunk == notChunked || x.chunk == chunkData {
			n, err := x.readData(p)
			if err != nil {
				x.tainted = true
			}
			return n, err
		}
		if err := x.readFraming(); err != nil {
			x.tainted = true
			return 0, err
		}
	}
	return 0, io.EOF
}

// readData gives at most what is left of the body or the chunk: first what is
// buffered, then what comes, past the buffer when p is as large.
func (x *exchange) readData(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if int64(len(p)) > x.left {
		p = p[:x.left]
	}
	switch {
	case x.r < x.w:
		n = copy(p, x.in[x.r:x.w])
		x.r += n
	case len(p) >= len(x.in):
		if n, err = x.conn.stream.Read(p); n == 0 {
			return 0, cut(err)
		}
	default:
		if err := x.fill(); err != nil {
			return 0, cut(err)
		}
		n = copy(p, x.in[x.r:x.w])
		x.r += n
	}
	x.left -= int64(n)
	if x.left == 0 {
		x.whole = x.chunk == notChunked
		if x.chunk == chunkData {
			x.chunk = chunkEnd
		}
	}
	return n, nil
}

// serverBuffer is how much of an announced body the server gathers before it
// writes, head included: fasthttp's default.
const serverBuffer = 4 << 10

// awaitBody waits for the first bytes of a body that will be streamed, and
// leaves them where they are. The server passes a head on only together with what
// comes behind it, so this costs no time, and a body that breaks before that is a
// clean 502 and not a connection that ends without a word.
func (x *exchange) awaitBody() error {
	for x.chunk != notChunked && x.chunk != chunkData && !x.whole {
		if err := x.readFraming(); err != nil {
			return err
		}
	}
	enough := min(x.left, serverBuffer)
	if x.chunk == chunkData {
		enough = 1 // each chunk is passed on as it comes
	}
	for !x.whole && int64(x.w-x.r) < enough {
		if err := x.fill(); err != nil {
			return cut(err)
		}
	}
	return nil
}

// readFraming reads one line of chunked framing.
func (x *exchange) readFraming() error {
	text, err := x.readLine()
	if err != nil {
		return err
	}
	switch x.chunk {
	case chunkEnd:
		if len(text) != 0 {
			return faultChunk
		}
		x.chunk = chunkSize
	case chunkSize:
		n, ok := readChunkSize(text)
		if !ok {
			return faultChunk
		}
		x.left, x.chunk = n, chunkData
		if n == 0 {
			x.chunk = chunkTrailer
		}
	case chunkTrailer:
		if len(text) == 0 {
			x.whole = true
			return nil
		}
		// Trailers are read for their form and dropped: merged into the head
		// they would be headers that nobody has looked at.
		if x.framing += len(text); x.framing > maxAnswerHead {
			return faultHeadSize
		}
		if _, ok := readLine(text); !ok {
			return faultChunk
		}
	}
	return nil
}

// readLine reads up to a CRLF, which it leaves out. The line aliases the buffer
// until the next fill.
func (x *exchange) readLine() ([]byte, error) {
	limit := maxSizeLine
	if x.chunk == chunkTrailer {
		limit = maxAnswerHead
	}
	for {
		buffered := x.in[x.r:x.w]
		if i := bytes.IndexByte(buffered, '\n'); i >= 0 {
			if i == 0 || buffered[i-1] != '\r' || i > limit {
				return nil, faultChunk
			}
			x.r += i + 1
			return buffered[:i-1], nil
		}
		if len(buffered) > limit {
			return nil, faultChunk
		}
		if err := x.fill(); err != nil {
			return nil, cut(err)
		}
	}
}

// readChunkSize reads 1 to 15 hex digits and, behind a semicolon, extensions
// that begin with a name and hold no controls. No spaces before it and no bare
// semicolon: they are where readers differ.
func readChunkSize(text []byte) (n int64, ok bool) {
	digits, extension, extended := bytes.Cut(text, semicolon)
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | int64(c)
	}
	if extended {
		if len(extension) == 0 || !isTokenChar[extension[0]] {
			return 0, false
		}
		for _, c := range extension {
			if !isValueChar[c] {
				return 0, false
			}
		}
	}
	return n, true
}

var semicolon = []byte{';'}

// readBody reads the whole body into the parcel, at most limit bytes of it.
// Memory grows with what has come, never with what was announced. On
// faultMemory, which spoils nothing, the parcel holds what there was room for
// and the rest is still to be read.
func (x *exchange) readBody(limit int64) error {
	p := x.parcel
	p.bytes = p.bytes[:0]
	if x.whole {
		return nil
	}
	if x.answer.length > limit {
		return faultBodySize
	}
	x.allowed = limit
	for {
		if len(p.bytes) == cap(p.bytes) && !x.whole && !p.grow(x.nextSize()) {
			return faultMemory
		}
		n, err := x.Read(p.bytes[len(p.bytes):cap(p.bytes)])
		p.bytes = p.bytes[:len(p.bytes)+n]
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if x.allowed -= int64(n); x.allowed < 0 {
			return faultBodySize
		}
	}
}

// nextSize is how large the parcel is to be once it is full: twice as large, but
// no larger than what was announced.
func (x *exchange) nextSize() int {
	size := int64(2 * cap(x.parcel.bytes))
	if x.answer.length >= 0 {
		size = min(size, x.answer.length)
	}
	return int(max(size, firstBody))
}
