package facts

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// media is what a body says it is.
type media uint8

const (
	mediaOther media = iota // or nothing
	mediaJSON
	mediaForm
)

// headerFacts is what the header block says about the body.
type headerFacts struct {
	media   media
	types   int  // how many Content-Type there are
	encoded bool // a Content-Encoding other than identity
	fault   fault
}

// header walks the header block, takes the values of header sources and what
// is said about the body. It reads the block as it was sent, for fasthttp's own
// fields keep only the last of two Content-Type. A request that was built by
// hand has no such block; its fields are read then.
func (w *work) header(h *fasthttp.RequestHeader) (found headerFacts) {
	block := h.RawHeaders()
	if len(block) == 0 {
		return w.headerFields(h)
	}
	for len(block) > 0 {
		line := block
		if end := bytes.IndexByte(block, '\n'); end >= 0 {
			line, block = block[:end], block[end+1:]
		} else {
			block = nil
		}
		if colon := bytes.IndexByte(line, ':'); colon > 0 {
			w.headerLine(line[:colon], line[colon+1:], &found)
		}
	}
	return found
}

// headerFields reads the headers of a request that was built by hand. Such a
// request has no second Content-Type.
func (w *work) headerFields(h *fasthttp.RequestHeader) (found headerFacts) {
	for name, value := range h.All() {
		w.headerLine(name, value, &found)
	}
	return found
}

// headerLine notes what one line says. The value may have space around it.
func (w *work) headerLine(name, value []byte, found *headerFacts) {
	switch {
	case equalFold(name, "content-type"):
		found.types++
		found.media = mediaOf(trim(value))
	case equalFold(name, "content-encoding"):
		found.encoded = found.encoded || !equalFold(trim(value), "identity")
	}
	list := w.scan.program.headers
	for i := range list {
		same, alike := headerName(name, list[i].name)
		if !alike {
			continue
		}
		if !same || w.headed&(1<<i) != 0 {
			found.fault = faultHeader
			return
		}
		w.headed |= 1 << i
		if !w.flat(list[i].slots, trim(value)) {
			found.fault = w.scan.fault
			return
		}
	}
}

// headerName compares a header's name. Two names are alike when only letter
// case, or - and _, tell them apart: CGI and what followed it fold those. Only
// the first difference leaves them the same.
func headerName(name []byte, want string) (same, alike bool) {
	if len(name) != len(want) {
		return false, false
	}
	same = true
	for i, c := range name {
		d := want[i]
		if lower(c) == lower(d) {
			continue
		}
		if (c != '-' && c != '_') || (d != '-' && d != '_') {
			return false, false
		}
		same = false
	}
	return same, true
}

// mediaOf reads a Content-Type. A charset other than UTF-8, or any other
// parameter, makes it a type that is not read.
func mediaOf(value []byte) media {
	if string(value) == "application/json" {
		return mediaJSON
	}
	kind, rest, more := bytes.Cut(value, []byte(";"))
	kind = trim(kind)
	m := mediaOther
	switch {
	case equalFold(kind, "application/json"):
		m = mediaJSON
	case equalFold(kind, "application/x-www-form-urlencoded"):
		m = mediaForm
	}
	charsets := 0
	for more {
		var parameter []byte
		parameter, rest, more = bytes.Cut(rest, []byte(";"))
		switch parameter = trim(parameter); {
		case len(parameter) == 0:
		case equalFold(parameter, "charset=utf-8") || equalFold(parameter, `charset="utf-8"`):
			charsets++
		default:
			return mediaOther
		}
	}
	if charsets > 1 {
		return mediaOther
	}
	return m
}

// trim takes off the space around a header's value, and the end of its line.
func trim(value []byte) []byte { return bytes.Trim(value, " \t\r") }

// equalFold compares with a lower-case ASCII word.
func equalFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if lower(c) != word[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}
