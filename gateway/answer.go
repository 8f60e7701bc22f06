package gateway

import (
	"bytes"
	"math"
)

// Bounds of an answer's head.
const (
	maxAnswerHead  = 32 << 10 // bytes, interim answers included
	maxAnswerLines = 256
	maxInterim     = 5 // of 100, 102 and 103 before the answer
)

// answer is the head of an upstream's answer. Its slices alias the block it was
// read from.
type answer struct {
	status  int
	lines   []line
	length  int64 // of the body; -1: not announced
	chunked bool
	closes  bool // Connection: close
	keeps   bool // Connection: keep-alive, which HTTP/1.0 has to say
	last    bool // the connection ends with this answer
	bodily  bool // a body follows, as status and method have it
}

// read takes a whole head, status line to empty line. It is strict on purpose:
// an answer that two readers could frame differently is no answer, because
// what one takes for its end the other takes for the next client's answer.
//
//   - HTTP/1.0 or 1.1, three digits, CRLF everywhere, no folded lines, no
//     spaces before colons (RFC 9112 §4, §5)
//   - Content-Length once, of 1 to 18 digits; Transfer-Encoding once, chunked
//     and nothing else, not beside Content-Length, not from HTTP/1.0 (§6)
//
// Interim answers (1xx) are read too; which of them may pass is for the caller.
func (a *answer) read(head []byte, toHEAD bool) error {
	*a = answer{lines: a.lines[:0], length: -1}
	end := bytes.IndexByte(head, '\n') + 1
	old, err := a.readStatus(head[:end])
	if err != nil {
		return err
	}
	var ok bool
	if a.lines, ok = readLines(head[end:], a.lines); !ok {
		return faultHead
	}
	if len(a.lines) > maxAnswerLines {
		return faultHeadSize
	}
	for i := range a.lines {
		if err := a.frame(&a.lines[i]); err != nil {
			return err
		}
	}
	if a.chunked && (a.length >= 0 || old) {
		return faultFraming
	}
	a.last = a.closes || old && !a.keeps
	a.settle(toHEAD)
	return nil
}

// readStatus reads "HTTP/1.x NNN reason". The reason is not kept.
func (a *answer) readStatus(text []byte) (old bool, err error) {
	const least = len("HTTP/1.1 200\r\n")
	if len(text) < least || string(text[:7]) != "HTTP/1." || text[8] != ' ' || text[len(text)-2] != '\r' {
		return false, faultHead
	}
	if text[7] != '0' && text[7] != '1' {
		return false, faultHead
	}
	for _, c := range text[9:12] {
		if c < '0' || c > '9' {
			return false, faultHead
		}
		a.status = a.status*10 + int(c-'0')
	}
	reason := text[12 : len(text)-2]
	if len(reason) > 0 && reason[0] != ' ' {
		return false, faultHead
	}
	for _, c := range reason {
		if !isValueChar[c] {
			return false, faultHead
		}
	}
	if a.status < 100 || a.status > 599 {
		return false, faultStatus
	}
	return text[7] == '0', nil
}

// frame takes note of the fields that say where the answer ends and whether the
// connection lives on.
func (a *answer) frame(l *line) error {
	switch {
	case len(l.name) == len("content-length") && equalFold(l.name, "content-length"):
		n, ok := readLength(l.value)
		if !ok || a.length >= 0 {
			return faultFraming
		}
		a.length = n
	case len(l.name) == len("transfer-encoding") && equalFold(l.name, "transfer-encoding"):
		if a.chunked || !equalFold(l.value, "chunked") {
			return faultFraming
		}
		a.chunked = true
	case len(l.name) == len("connection") && equalFold(l.name, "connection"):
		for rest := l.value; len(rest) > 0; {
			var option []byte
			option, rest, _ = bytes.Cut(rest, comma)
			option = trimSpace(option)
			a.closes = a.closes || equalFold(option, "close")
			a.keeps = a.keeps || equalFold(option, "keep-alive")
		}
	}
	return nil
}

var comma = []byte{','}

// readLength reads a Content-Length: digits alone, and few enough for an int64.
func readLength(value []byte) (n int64, ok bool) {
	if len(value) == 0 || len(value) > 18 {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, n <= math.MaxInt
}

// settle says whether a body follows. Where none can, whatever was announced
// does not count; a 204 that announces one all the same ends its connection, as
// nobody can say what the upstream will do next (RFC 9112 §6.3).
func (a *answer) settle(toHEAD bool) {
	switch {
	case a.status < 200 || a.status == 204:
		a.last = a.last || a.length > 0 || a.chunked
	case toHEAD || a.status == 304:
	default:
		a.bodily = true
	}
}

// headEnd looks for the end of a head in b. from is where the first line begins
// that was not complete before; the same is given back for the next time. A
// line that ends in a bare LF, or a first line that cannot become a status
// line, is an error at once and not only at the deadline.
func headEnd(b []byte, from int) (end, next int, err error) {
	const start = "HTTP/1."
	if n := min(len(b), len(start)); string(b[:n]) != start[:n] {
		return 0, 0, faultHead
	}
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return 0, from, nil
		}
		if i == 0 || b[from+i-1] != '\r' {
			return 0, from, faultHead
		}
		if i == 1 {
			return from + 2, 0, nil
		}
		from += i + 1
	}
}
