package gateway

import "bytes"

// opening watches how each request on a connection begins. fasthttp keeps the
// request line only as the three parts that it read, and is lenient before
// them: any number of empty lines, and lines that end in a bare LF. What it
// was lenient about cannot be told from the parts, so it is looked at where the
// bytes come in. Only the request line is: the block behind it is scan's.
//
// The watch knows where a request ends because it is told (next), and what was
// already read of the one behind it because that can only have come with the
// last read. It copies nothing and costs one search for a line's end.
type opening struct {
	last  []byte // the bytes of the last read, which alias the reader's buffer
	read  int    // bytes of the request under way that have come in, and what came with them
	line  int    // bytes of it up to the end of its line, the empty lines before it included
	blank int    // empty lines before it
	begun bool   // the line under way has a byte that is not its end
	past  bool   // the line has ended; one byte more is looked at
	done  bool   // nothing is looked at any more
	prior byte   // the byte before
	bad   bool   // a line ended in a bare LF, or there were too many empty ones
	lost  bool   // where the request began is not known
}

// maxBlankLines is how many empty lines may stand before a request: some old
// clients send one behind a body (RFC 9112 §2.2).
const maxBlankLines = 1

// plain reports whether the request under way began as a request must.
func (o *opening) plain() bool { return !o.bad && !o.lost }

// watch looks at bytes that came in.
func (o *opening) watch(chunk []byte) {
	o.last = chunk
	o.look(chunk)
	o.read += len(chunk)
}

// look goes through the bytes from o.read on, up to the end of the line.
func (o *opening) look(chunk []byte) {
	for i := 0; i < len(chunk) && !o.done; i++ {
		if o.begun && !o.past { // of the line only its end counts
			end := bytes.IndexByte(chunk[i:], '\n')
			if end < 0 {
				o.prior = chunk[len(chunk)-1]
				return
			}
			if end > 0 {
				i += end
				o.prior = chunk[i-1]
			}
		}
		o.step(chunk[i], o.read+i+1)
	}
}

// step takes one byte, the n-th of the request.
func (o *opening) step(c byte, n int) {
	switch {
	case o.past:
		o.done = true
		o.bad = o.bad || c == '\n' // the block's end, bare
	case c != '\n':
		// A CR is the line's end only where an LF follows it.
		o.begun = o.begun || o.prior == '\r' || c != '\r'
	default:
		o.bad = o.bad || o.prior != '\r'
		if o.past = o.begun; o.past {
			o.line = n
		} else if o.blank++; o.blank > maxBlankLines {
			o.bad = true
		}
		c = 0
	}
	o.prior = c
}

// next ends the request under way, whose block and body took so many bytes, and
// begins the one behind it.
func (o *opening) next(block, body int) {
	left := o.read - (o.line + max(block, len("\r\n")) + body) // an empty block is kept as none
	rest := o.last
	*o = opening{lost: o.lost || !o.done || left < 0 || left > len(rest)}
	if !o.lost && left > 0 {
		o.watch(rest[len(rest)-left:])
	}
}
